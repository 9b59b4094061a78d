"""Decide whether a request about a fleet is admitted, and which step comes next for it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from vmhost.base.errors import Conflict, InvalidInput
from vmhost.control.admission import Admission
from vmhost.control.fleets.record import Fleet, FleetOverride, FleetState
from vmhost.control.instances.record import MAX_INSTANCES, Instance, InstanceState

Price: TypeAlias = Callable[[Fleet, FleetOverride], float]
"""Price per hour of an instance of the fleet, launched this override."""

_COUNTED = frozenset({InstanceState.PENDING, InstanceState.RUNNING})
_DELETED = frozenset({FleetState.DELETED, FleetState.DELETED_RUNNING, FleetState.DELETED_TERMINATING})
_WORKING = frozenset({FleetState.SUBMITTED, FleetState.ACTIVE, FleetState.MODIFYING})


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetDecision:
    """How many instances to launch, which to terminate, and whether a deleted fleet is finished."""

    launch: int = 0
    terminate: tuple[str, ...] = ()
    over: bool = False


def admit_change(fleet: Fleet, *, target: int | None = None, keep_excess: bool | None = None) -> Admission:
    """Accept another target for a fleet that is not deleted; None leaves a field as it is."""
    if fleet.state in _DELETED:
        return Admission(refusal=_refusal_of_deleted(fleet))
    try:
        check_target(fleet.target if target is None else target)
    except InvalidInput as refusal:
        return Admission(refusal=refusal)
    wanted = {"target": target, "keep_excess": keep_excess}
    return Admission(changes={key: value for key, value in wanted.items() if value not in (None, getattr(fleet, key))})


def admit_deletion(fleet: Fleet, *, terminate_instances: bool) -> Admission:
    """Accept the deletion of a fleet, with or without its instances."""
    if fleet.state in _DELETED:
        return Admission(refusal=_refusal_of_deleted(fleet))
    return Admission(
        changes={"state": FleetState.DELETED_TERMINATING if terminate_instances else FleetState.DELETED_RUNNING}
    )


def check_target(target: int) -> None:
    """Raise InvalidInput for a target that is out of range."""
    if not 0 <= target <= MAX_INSTANCES:
        raise InvalidInput(f"a target of {target} instances is out of range (0 to {MAX_INSTANCES})")


def _refusal_of_deleted(fleet: Fleet) -> Conflict:
    return Conflict(f"fleet {fleet.id} is {fleet.state}; it cannot be changed any more")


def members(instances: Iterable[Instance], fleet_id: str) -> tuple[Instance, ...]:
    """Return the fleet's instances that are not terminated, oldest first."""
    own = (each for each in instances if each.fleet_id == fleet_id and each.state is not InstanceState.TERMINATED)
    return tuple(sorted(own, key=lambda each: (each.launched_at, each.id)))


def decide(fleet: Fleet, instances: Sequence[Instance], *, unhealthy: Collection[str] = ()) -> FleetDecision:
    """Return the next step toward the target. `instances` are the fleet's members; `unhealthy` are those that have
    been impaired for too long, which a fleet with health checks (ReplaceUnhealthyInstances) replaces.

    Pending and running members count. A stopped one is terminated and replaced, even if a user stopped it, as EC2's
    groups do with an instance that does not run."""
    ending = tuple(each.id for each in instances if each.state is not InstanceState.SHUTTING_DOWN)
    if fleet.state is FleetState.DELETED_TERMINATING:
        return FleetDecision(terminate=ending, over=not instances)
    if fleet.state not in _WORKING:
        return FleetDecision(over=not instances)
    to_replace = frozenset(unhealthy) if fleet.replace_unhealthy else frozenset()
    live = [each for each in instances if each.api_state in _COUNTED and each.id not in to_replace]
    stopped = tuple(
        each.id
        for each in instances
        if each.state is InstanceState.STOPPED or (each.api_state is InstanceState.RUNNING and each.id in to_replace)
    )
    excess = 0 if fleet.keep_excess else max(0, len(live) - fleet.target)
    return FleetDecision(launch=max(0, fleet.target - len(live)), terminate=stopped + surplus(live, excess))


def surplus(live: Sequence[Instance], count: int) -> tuple[str, ...]:
    """Return `count` instances to terminate: on the host with the most first, pending before running, newest first."""
    rest = list(live)
    chosen: list[str] = []
    for _ in range(count):
        per_host = Counter(each.host_id for each in rest)
        victim = max(
            rest,
            key=lambda each: (per_host[each.host_id], each.state is InstanceState.PENDING, each.launched_at, each.id),
        )
        rest.remove(victim)
        chosen.append(victim.id)
    return tuple(chosen)


def overrides_in_order(fleet: Fleet, live: Sequence[Instance], price: Price) -> tuple[FleetOverride, ...]:
    """Return the overrides by price, then by the number of live instances; without overrides, the template as it is.

    This is EC2's default for on-demand capacity ("lowest-price")."""
    overrides = fleet.overrides or (FleetOverride(),)

    def used(override: FleetOverride) -> int:
        return sum(
            override.type_name in (None, each.type_name) and override.zone in (None, each.zone)
            for each in live
            if each.api_state in _COUNTED
        )

    return tuple(sorted(overrides, key=lambda override: (price(fleet, override), used(override))))
