"""Decide the next step for one instance from its record and what was just measured. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from vmhost.control.instances import reasons
from vmhost.control.instances.lifecycle import Event
from vmhost.control.instances.record import Instance, InstanceState, Reason
from vmhost.model.guest import GuestPhase, GuestStatus


class DriverCall(Enum):
    """A call to the driver."""

    CREATE = auto()
    START = auto()
    STOP = auto()
    REMOVE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A call to make, or an event that has happened, or (neither) nothing to do."""

    call: DriverCall | None = None
    event: Event | None = None
    reason: Reason | None = None


SETTLED = Decision()


def decide(instance: Instance, observed: GuestStatus | None, *, memory_mib: int | None = None) -> Decision:
    """Return the next step towards the wanted state; `SETTLED` when it is reached."""
    running = observed is not None and observed.phase is GuestPhase.RUNNING
    match instance.state:
        case InstanceState.PENDING:
            return _toward_running(observed)
        case InstanceState.RUNNING:
            if instance.rebooting and observed is not None and not (running and instance.reboot_stopped):
                return Decision(call=DriverCall.STOP if running else DriverCall.START)
            if observed is not None and running and observed.endpoint is None:
                # It lost its network; another start attaches it again.
                return Decision(call=DriverCall.START)
            return SETTLED if running else _after_exit(instance, observed, memory_mib)
        case InstanceState.STOPPING:
            return Decision(call=DriverCall.STOP) if running else Decision(event=Event.STOPPED)
        case InstanceState.STOPPED:
            return Decision(call=DriverCall.STOP) if running else SETTLED
        case InstanceState.SHUTTING_DOWN:
            # Even without a guest: one that was only partly created may have left something behind.
            return Decision(call=DriverCall.REMOVE)
        case InstanceState.TERMINATED:
            return Decision(call=DriverCall.REMOVE) if observed is not None else SETTLED


def _toward_running(observed: GuestStatus | None) -> Decision:
    if observed is None:
        return Decision(call=DriverCall.CREATE)
    if observed.phase is GuestPhase.RUNNING and observed.endpoint is not None:
        return Decision(event=Event.STARTED)
    return Decision(call=DriverCall.START)


def _after_exit(instance: Instance, observed: GuestStatus | None, memory_mib: int | None) -> Decision:
    death = observed.death if observed else None
    reason = reasons.of_death(death, memory_mib=memory_mib)
    if instance.shutdown_behavior == "terminate" and reasons.ended_itself(death):
        return Decision(event=Event.TERMINATE, reason=reason)
    return Decision(event=Event.DIED, reason=reason)
