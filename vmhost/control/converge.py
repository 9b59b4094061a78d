"""What to do next about one instance, from its state and what was just measured. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from vmhost.control import reasons
from vmhost.model.guest import GuestPhase, GuestStatus
from vmhost.model.instance import Instance, InstanceState, Reason
from vmhost.model.lifecycle import Event


class Act(Enum):
    """One call to the driver."""

    CREATE = auto()
    START = auto()
    STOP = auto()
    REMOVE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A call to make, or an event that already happened, or (neither) nothing to do."""

    act: Act | None = None
    event: Event | None = None
    reason: Reason | None = None


REST = Step()


def converge(instance: Instance, observed: GuestStatus | None, *, memory_mib: int | None = None) -> Step:
    """The one next step towards the state that was asked for; `REST` when it is reached."""
    running = observed is not None and observed.phase is GuestPhase.RUNNING
    match instance.state:
        case InstanceState.PENDING:
            return _towards_running(observed)
        case InstanceState.RUNNING:
            if instance.rebooting and observed is not None and not (running and instance.reboot_stopped):
                return Step(act=Act.STOP if running else Act.START)
            if observed is not None and running and observed.booted is None:
                # It lost its network, and a start finishes what is missing of a boot.
                return Step(act=Act.START)
            return REST if running else _dead(instance, observed, memory_mib)
        case InstanceState.STOPPING:
            return Step(act=Act.STOP) if running else Step(event=Event.STOPPED)
        case InstanceState.STOPPED:
            return Step(act=Act.STOP) if running else REST
        case InstanceState.SHUTTING_DOWN:
            # Also when there is no guest: a half-made one may have left something behind.
            return Step(act=Act.REMOVE)
        case InstanceState.TERMINATED:
            return Step(act=Act.REMOVE) if observed is not None else REST


def _towards_running(observed: GuestStatus | None) -> Step:
    if observed is None:
        return Step(act=Act.CREATE)
    if observed.phase is GuestPhase.RUNNING and observed.booted is not None:
        return Step(event=Event.STARTED)
    return Step(act=Act.START)


def _dead(instance: Instance, observed: GuestStatus | None, memory_mib: int | None) -> Step:
    death = observed.death if observed else None
    reason = reasons.of_death(death, memory_mib=memory_mib)
    if instance.shutdown_behavior == "terminate" and reasons.ended_itself(death):
        return Step(event=Event.TERMINATE, reason=reason)
    return Step(event=Event.DIED, reason=reason)
