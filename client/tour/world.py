"""The cloud as told by its events so far. Pure: fold one event after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from vmhost.api.views import (
    CallView,
    CloudEvent,
    FaultView,
    HostView,
    InstanceView,
    Snapshot,
    StatsView,
    UseView,
)

SHARD_TAG = "search:shard"
_GONE = frozenset({"terminated"})
_ENDED_KEPT = 16
_CALLS_KEPT = 200
_HOG = "cpu_hog"
_KILL = "kill"


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """An instance's program ended though its owner did not ask for that. `how`: killed, crashed or ended (code 0)."""

    at: float
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is known. `instances` keeps the last that ended too, in the order in which they were first seen."""

    snapshot: Snapshot | None = None
    instances: Mapping[str, InstanceView] = field(default_factory=dict)
    uses: Mapping[str, UseView] = field(default_factory=dict)
    hogs: Mapping[str, FaultView] = field(default_factory=dict)
    """The CPU hogs that run, by the instance inside which they do."""
    deaths: Mapping[str, Death] = field(default_factory=dict)
    """The last death of each instance that has not run since."""
    calls: tuple[CallView, ...] = ()
    """The last calls that changed something or tried to, oldest first."""

    @property
    def hogging(self) -> frozenset[str]:
        """Instances inside which a CPU hog runs."""
        return frozenset(self.hogs)

    @property
    def running(self) -> tuple[InstanceView, ...]:
        """The instances that run."""
        return tuple(view for view in self.instances.values() if view.state == "running")

    @property
    def present(self) -> tuple[InstanceView, ...]:
        """All but the terminated ones."""
        return tuple(view for view in self.instances.values() if view.state not in _GONE)

    def enforces(self, wall: str) -> bool:
        """Whether the platform says that it enforces the wall of that name."""
        told = self.snapshot.capabilities if self.snapshot else ()
        return any(each.enforced for each in told if each.name == wall)


def fold(world: World, event: CloudEvent) -> World:
    """The world after the event."""
    if isinstance(event, Snapshot):
        return _begun(event)
    if isinstance(event, InstanceView):
        known = world.instances.get(event.id)
        if known is not None and (known.generation or 0) > (event.generation or 0):
            return world
        instances = _trimmed({**world.instances, event.id: event})
        return replace(world, instances=instances, deaths=_deaths(world, instances, known, event))
    if isinstance(event, StatsView):
        return replace(world, uses={use.id: use for use in event.instances})
    if isinstance(event, FaultView):
        if event.fault == _KILL and event.phase == "begun":
            return replace(world, deaths={**world.deaths, event.instance_id: Death(at=event.at, how="killed")})
        return replace(world, hogs=_hogging(world.hogs, event))
    if isinstance(event, CallView):
        return replace(world, calls=_called(world.calls, event))
    return replace(world, snapshot=_promised(world.snapshot, event))


def _begun(snapshot: Snapshot) -> World:
    return World(
        snapshot=snapshot,
        instances={view.id: view for view in snapshot.instances},
        hogs={fault.instance_id: fault for fault in snapshot.faults if fault.fault == _HOG},
        calls=snapshot.calls[-_CALLS_KEPT:],
    )


def _hogging(now: Mapping[str, FaultView], event: FaultView) -> Mapping[str, FaultView]:
    if event.fault != _HOG:
        return now
    others = {each: fault for each, fault in now.items() if each != event.instance_id}
    return {**others, event.instance_id: event} if event.phase == "begun" else others


def _deaths(
    world: World, instances: Mapping[str, InstanceView], before: InstanceView | None, now: InstanceView
) -> Mapping[str, Death]:
    """With what a change of an instance says of its death: one that runs again has none."""
    deaths = {each: death for each, death in world.deaths.items() if each in instances}
    if now.state == "running" and before is not None and before.state != "running":
        deaths.pop(now.id, None)
    # Only a program that ended by itself leads from running to stopped without stopping between.
    elif now.state == "stopped" and before is not None and before.state == "running" and now.id not in deaths:
        ended = now.reason is not None and now.reason.code.startswith("Client.")
        deaths[now.id] = Death(at=now.changed_at or 0.0, how="ended" if ended else "crashed")
    return deaths


def _called(calls: tuple[CallView, ...], event: CallView) -> tuple[CallView, ...]:
    """With the call; one that a snapshot told of already is not told twice."""
    known = any(call.id == event.id for call in calls)
    return calls if known else (*calls, event)[-_CALLS_KEPT:]


def _promised(snapshot: Snapshot | None, event: HostView) -> Snapshot | None:
    """With the host's promises as they are now."""
    if snapshot is None:
        return None
    return replace(snapshot, hosts=tuple(event if host.id == event.id else host for host in snapshot.hosts))


def _trimmed(instances: Mapping[str, InstanceView]) -> Mapping[str, InstanceView]:
    """Without the oldest of too many that ended."""
    ended = [view.id for view in instances.values() if view.state in _GONE]
    surplus = frozenset(ended[: max(0, len(ended) - _ENDED_KEPT)])
    return {each: view for each, view in instances.items() if each not in surplus}


def shard_of(view: InstanceView) -> int | None:
    """The shard that the instance serves; None where it serves none."""
    text = view.tags.get(SHARD_TAG, "")
    return int(text) if text.isdecimal() else None


def is_replacement(view: InstanceView, dead: InstanceView, before: frozenset[str]) -> bool:
    """Whether the instance took the dead one's place: new since `before`, in its fleet, serving its shard."""
    return view.id not in before and view.fleet == dead.fleet and shard_of(view) == shard_of(dead)
