"""EC2's StateReason for the ways in which an instance can stop. Pure."""

from __future__ import annotations

import signal

from vmhost.control.instances.record import Reason
from vmhost.model.guest import Death

USER_SHUTDOWN = Reason(
    code="Client.UserInitiatedShutdown", message="Client.UserInitiatedShutdown: User initiated shutdown"
)
_ENDED_ITSELF = "Client.InstanceInitiatedShutdown"
_SERVER = "Server.InternalError"
_SIGKILL_CODE = 128 + signal.SIGKILL


def of_death(death: Death | None, *, memory_mib: int | None) -> Reason:
    """Return why an instance stopped without a request."""
    if ended_itself(death):
        return _reason(_ENDED_ITSELF, "Instance initiated shutdown: its program ended with exit code 0")
    return _reason(_SERVER, _describe(death, memory_mib))


def of_failure(what: str, message: str) -> Reason:
    """Return why a launch, a start or a reboot failed."""
    return _reason(_SERVER, f"Internal error on {what}: {message}")


def ended_itself(death: Death | None) -> bool:
    """Return whether the program ended by itself with exit code 0 (see InstanceInitiatedShutdownBehavior)."""
    return death is not None and death.exit_code == 0


def _reason(code: str, text: str) -> Reason:
    return Reason(code=code, message=f"{code}: {text}")


def _describe(death: Death | None, memory_mib: int | None) -> str:
    if death is None:
        return "the guest is gone; it was not removed by the platform"
    detail = f" ({death.detail})" if death.detail else ""
    # Out of memory, the kernel kills with SIGKILL; after any other exit it had killed only a child process.
    if death.oom and death.exit_code in (None, _SIGKILL_CODE):
        limit = f" of {memory_mib} MiB" if memory_mib else ""
        return f"out of memory: its program was killed at its memory limit{limit}{detail}"
    if death.exit_code is None:
        return death.detail or "its program ended for an unknown reason"
    if death.exit_code > 128:
        signal_name = _signal(death.exit_code - 128)
        # The driver may have named the signal already.
        return f"its program was killed by {signal_name}{'' if 'SIG' in death.detail else detail}"
    return f"its program ended with exit code {death.exit_code}{detail}"


def _signal(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"
