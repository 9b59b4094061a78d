"""How a guest ended, in EC2's StateReason words. Pure."""

from __future__ import annotations

import signal

from vmhost.model.guest import Death
from vmhost.model.instance import Reason

USER_SHUTDOWN = Reason(
    code="Client.UserInitiatedShutdown", message="Client.UserInitiatedShutdown: User initiated shutdown"
)
_OWN_END = "Client.InstanceInitiatedShutdown"
_SERVER = "Server.InternalError"
_SIGKILL_CODE = 128 + signal.SIGKILL


def of_death(death: Death | None, *, memory_mib: int | None) -> Reason:
    """Why a machine that nobody stopped is not running."""
    if ended_itself(death):
        return _reason(_OWN_END, "Instance initiated shutdown: its program ended with exit code 0")
    return _reason(_SERVER, _in_words(death, memory_mib))


def of_failure(what: str, message: str) -> Reason:
    """Why a launch or a start did not succeed."""
    return _reason(_SERVER, f"Internal error on {what}: {message}")


def ended_itself(death: Death | None) -> bool:
    """Whether this was the guest's own orderly end, which InstanceInitiatedShutdownBehavior speaks of."""
    return death is not None and death.exit_code == 0


def _reason(code: str, text: str) -> Reason:
    return Reason(code=code, message=f"{code}: {text}")


def _in_words(death: Death | None, memory_mib: int | None) -> str:
    if death is None:
        return "the guest is gone and nobody here removed it"
    detail = f" ({death.detail})" if death.detail else ""
    # The kernel ends by SIGKILL; any other end came after it had killed a child of the program.
    if death.oom and death.exit_code in (None, _SIGKILL_CODE):
        limit = f" of {memory_mib} MiB" if memory_mib else ""
        return f"out of memory: its program was killed at its memory limit{limit}{detail}"
    if death.exit_code is None:
        return death.detail or "its program ended; how is not known"
    if death.exit_code > 128:
        signal_name = _signal(death.exit_code - 128)
        # Drivers may name the signal too; once is enough.
        return f"its program was killed by {signal_name}{'' if 'SIG' in death.detail else detail}"
    return f"its program ended with exit code {death.exit_code}{detail}"


def _signal(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"
