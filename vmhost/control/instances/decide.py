"""What to do next about one instance, from its state and what was just measured. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from vmhost.control.instances import reasons
from vmhost.model.guest import GuestPhase, GuestStatus
from vmhost.model.instance import Instance, InstanceState, Reason
from vmhost.model.lifecycle import Event


class DriverCall(Enum):
    """One call to the driver."""

    CREATE = auto()
    START = auto()
    STOP = auto()
    REMOVE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A call to make, or an event that already happened, or (neither) nothing to do."""

    act: DriverCall | None = None
    event: Event | None = None
    reason: Reason | None = None


SETTLED = Decision()


def decide(instance: Instance, observed: GuestStatus | None, *, memory_mib: int | None = None) -> Decision:
    """The one next step towards the state that was asked for; `SETTLED` when it is reached."""
    running = observed is not None and observed.phase is GuestPhase.RUNNING
    match instance.state:
        case InstanceState.PENDING:
            return _towards_running(observed)
        case InstanceState.RUNNING:
            if instance.rebooting and observed is not None and not (running and instance.reboot_stopped):
                return Decision(act=DriverCall.STOP if running else DriverCall.START)
            if observed is not None and running and observed.booted is None:
                # It lost its network, and a start finishes what is missing of a boot.
                return Decision(act=DriverCall.START)
            return SETTLED if running else _dead(instance, observed, memory_mib)
        case InstanceState.STOPPING:
            return Decision(act=DriverCall.STOP) if running else Decision(event=Event.STOPPED)
        case InstanceState.STOPPED:
            return Decision(act=DriverCall.STOP) if running else SETTLED
        case InstanceState.SHUTTING_DOWN:
            # Also when there is no guest: a half-made one may have left something behind.
            return Decision(act=DriverCall.REMOVE)
        case InstanceState.TERMINATED:
            return Decision(act=DriverCall.REMOVE) if observed is not None else SETTLED


def _towards_running(observed: GuestStatus | None) -> Decision:
    if observed is None:
        return Decision(act=DriverCall.CREATE)
    if observed.phase is GuestPhase.RUNNING and observed.booted is not None:
        return Decision(event=Event.STARTED)
    return Decision(act=DriverCall.START)


def _dead(instance: Instance, observed: GuestStatus | None, memory_mib: int | None) -> Decision:
    death = observed.death if observed else None
    reason = reasons.of_death(death, memory_mib=memory_mib)
    if instance.shutdown_behavior == "terminate" and reasons.ended_itself(death):
        return Decision(event=Event.TERMINATE, reason=reason)
    return Decision(event=Event.DIED, reason=reason)
