"""What a fleet should do next. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from vmhost.model.fleet import Fleet, FleetOverride, FleetState
from vmhost.model.instance import Instance, InstanceState

Price: TypeAlias = Callable[[Fleet, FleetOverride], float]
"""What an instance of the fleet costs an hour, launched this way."""

_COUNTED = frozenset({InstanceState.PENDING, InstanceState.RUNNING})
_WORKING = frozenset({FleetState.SUBMITTED, FleetState.ACTIVE, FleetState.MODIFYING})


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetDecision:
    """How many to launch, whom to terminate, and whether the fleet has come to its end."""

    launch: int = 0
    terminate: tuple[str, ...] = ()
    over: bool = False


def decide(fleet: Fleet, instances: Sequence[Instance], *, unhealthy: Collection[str] = ()) -> FleetDecision:
    """The next step towards the target. `instances` are the fleet's own that are not terminated; `unhealthy` are those
    that have been impaired for too long, which a fleet with health checks (ReplaceUnhealthyInstances) replaces.

    Pending and running ones count. A stopped one is terminated and replaced, whoever stopped it: a fleet keeps
    machines that run (as EC2's groups treat an instance that is not running)."""
    ends = tuple(one.id for one in instances if one.state is not InstanceState.SHUTTING_DOWN)
    if fleet.state is FleetState.DELETED_TERMINATING:
        return FleetDecision(terminate=ends, over=not instances)
    if fleet.state not in _WORKING:
        return FleetDecision(over=not instances)
    ill = frozenset(unhealthy) if fleet.replace_unhealthy else frozenset()
    live = [one for one in instances if one.state in _COUNTED and one.id not in ill]
    stopped = tuple(
        one.id
        for one in instances
        if one.state is InstanceState.STOPPED or (one.state is InstanceState.RUNNING and one.id in ill)
    )
    excess = 0 if fleet.keep_excess else max(0, len(live) - fleet.target)
    return FleetDecision(launch=max(0, fleet.target - len(live)), terminate=stopped + surplus(live, excess))


def surplus(live: Sequence[Instance], count: int) -> tuple[str, ...]:
    """Whom to end when there are `count` too many: on the fullest host first, pending before running, newest first."""
    rest = list(live)
    chosen: list[str] = []
    for _ in range(count):
        per_host = Counter(one.host_id for one in rest)
        victim = max(
            rest,
            key=lambda one: (per_host[one.host_id], one.state is InstanceState.PENDING, one.launched_at, one.id),
        )
        rest.remove(victim)
        chosen.append(victim.id)
    return tuple(chosen)


def overrides_in_order(fleet: Fleet, live: Sequence[Instance], price: Price) -> tuple[FleetOverride, ...]:
    """The ways to launch: the lowest price first, then the one with the fewest live instances; without overrides, the
    template's own. EC2's default for on-demand capacity ("lowest-price")."""
    ways = fleet.overrides or (FleetOverride(),)

    def used(way: FleetOverride) -> int:
        return sum(
            way.type_name in (None, one.type_name) and way.zone in (None, one.zone)
            for one in live
            if one.state in _COUNTED
        )

    return tuple(sorted(ways, key=lambda way: (price(fleet, way), used(way))))
