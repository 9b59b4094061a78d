"""Decide whether a request about an instance is admitted, which step comes next, and why an instance stopped. Pure."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from vmhost.base.errors import Conflict
from vmhost.control.admission import Admission
from vmhost.control.instances.lifecycle import InstanceEvent, next_state
from vmhost.control.instances.record import Instance, InstanceState, Reason, Wanted
from vmhost.model.guest import Death, GuestPhase, GuestStatus

USER_SHUTDOWN = Reason(
    code="Client.UserInitiatedShutdown", message="Client.UserInitiatedShutdown: User initiated shutdown"
)
_ENDED_ITSELF = "Client.InstanceInitiatedShutdown"
_SERVER = "Server.InternalError"
_SIGKILL_CODE = 128 + signal.SIGKILL
FRESH: Mapping[str, Any] = {"impaired": "", "impaired_at": None}
"""Fields that every change of state resets."""
_WANTED = {
    InstanceEvent.START: Wanted.RUNNING,
    InstanceEvent.REBOOT: Wanted.RUNNING,
    InstanceEvent.STOP: Wanted.STOPPED,
    InstanceEvent.TERMINATE: Wanted.TERMINATED,
}


def admit(instance: Instance, request: InstanceEvent) -> Admission:
    """Accept a request that leads to another state, ignore one that leads to the same, refuse the others."""
    try:
        state = next_state(instance.state, request, subject=f"instance {instance.id}")
    except Conflict as refusal:
        return Admission(refusal=refusal)
    if state is instance.state:
        return Admission()
    reason = instance.reason if request is InstanceEvent.REBOOT else _reason(instance, request)
    return Admission(changes={"state": state, "wanted": _WANTED[request], "reason": reason, **FRESH})


def _reason(instance: Instance, request: InstanceEvent) -> Reason | None:
    """Return why the state changes. An instance that stopped by itself keeps the reason for that."""
    if request is InstanceEvent.START:
        return None
    stopped_by_itself = instance.state is InstanceState.STOPPED and instance.wanted is Wanted.RUNNING
    return instance.reason if stopped_by_itself else USER_SHUTDOWN


class DriverCall(Enum):
    """A call to the driver."""

    CREATE = auto()
    START = auto()
    RESIZE = auto()
    STOP = auto()
    REMOVE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceDecision:
    """A call to make, or an event that has happened."""

    call: DriverCall | None = None
    event: InstanceEvent | None = None
    reason: Reason | None = None


def decide(
    instance: Instance, observed: GuestStatus | None, *, memory_mib: int | None = None
) -> InstanceDecision | None:
    """Return the next step toward the wanted state; None when it is reached."""
    resize = instance.former_type is not None
    running = observed is not None and observed.phase is GuestPhase.RUNNING
    match instance.state:
        case InstanceState.PENDING:
            if observed is None:
                return InstanceDecision(call=DriverCall.CREATE)
            return _until_started(observed) if running or not resize else InstanceDecision(call=DriverCall.RESIZE)
        case InstanceState.RUNNING:
            if observed is not None and running and observed.endpoint is None:
                # It lost its network; another start attaches it again.
                return InstanceDecision(call=DriverCall.START)
            if running:
                return InstanceDecision(call=DriverCall.RESIZE) if resize else None
            return _after_exit(instance, observed, memory_mib)
        case InstanceState.REBOOTING:
            if observed is None:
                return _after_exit(instance, observed, memory_mib)
            return InstanceDecision(call=DriverCall.STOP) if running else InstanceDecision(event=InstanceEvent.STOPPED)
        case InstanceState.RESTARTING:
            return _until_started(observed) if observed else _after_exit(instance, observed, memory_mib)
        case InstanceState.STOPPING:
            return InstanceDecision(call=DriverCall.STOP) if running else InstanceDecision(event=InstanceEvent.STOPPED)
        case InstanceState.STOPPED:
            if running:
                return InstanceDecision(call=DriverCall.STOP)
            return InstanceDecision(call=DriverCall.RESIZE) if observed and resize else None
        case InstanceState.SHUTTING_DOWN:
            # Even without a guest: one that was only partly created may have left something behind.
            return InstanceDecision(call=DriverCall.REMOVE)
        case InstanceState.TERMINATED:
            return InstanceDecision(call=DriverCall.REMOVE) if observed is not None else None


def _until_started(observed: GuestStatus) -> InstanceDecision:
    if observed.phase is GuestPhase.RUNNING and observed.endpoint is not None:
        return InstanceDecision(event=InstanceEvent.STARTED)
    return InstanceDecision(call=DriverCall.START)


def _after_exit(instance: Instance, observed: GuestStatus | None, memory_mib: int | None) -> InstanceDecision:
    death = observed.death if observed else None
    reason = reason_of_death(death, memory_mib=memory_mib)
    if instance.shutdown_behavior == "terminate" and ended_itself(death):
        return InstanceDecision(event=InstanceEvent.TERMINATE, reason=reason)
    return InstanceDecision(event=InstanceEvent.DIED, reason=reason)


def reason_of_death(death: Death | None, *, memory_mib: int | None) -> Reason:
    """Return why an instance stopped without a request."""
    if ended_itself(death):
        return _coded(_ENDED_ITSELF, "Instance initiated shutdown: its program ended with exit code 0")
    return _coded(_SERVER, _describe_death(death, memory_mib))


def reason_of_failure(what: str, message: str) -> Reason:
    """Return why a launch, a start or a reboot failed."""
    return _coded(_SERVER, f"Internal error on {what}: {message}")


def ended_itself(death: Death | None) -> bool:
    """Return whether the program ended by itself with exit code 0 (see InstanceInitiatedShutdownBehavior)."""
    return death is not None and death.exit_code == 0


def _coded(code: str, text: str) -> Reason:
    return Reason(code=code, message=f"{code}: {text}")


def _describe_death(death: Death | None, memory_mib: int | None) -> str:
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
