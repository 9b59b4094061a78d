"""The state of a cloud, folded from its events, and what a change of an instance means, in words. Pure.

The sentences are the same on every screen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from server.api import SHARD_TAG
from vmhost.api.views import (
    CallView,
    CloudEvent,
    FaultKindView,
    FaultView,
    HostView,
    InstanceView,
    ReasonView,
    Snapshot,
    StatsView,
    UseView,
)

_GONE = frozenset({"terminated"})
_OWNER_ENDED = "Client.UserInitiatedShutdown"
_ENDED_KEPT = 16
_CALLS_KEPT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """An instance's program ended without a request. `how`: crashed, ended (exit code 0), or by a fault: "killed"."""

    at: float
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudState:
    """The last known state. `instances` includes the last terminated ones, in the order of their first event."""

    snapshot: Snapshot | None = None
    instances: Mapping[str, InstanceView] = field(default_factory=dict)
    uses: Mapping[str, UseView] = field(default_factory=dict)
    faults: Mapping[str, tuple[FaultView, ...]] = field(default_factory=dict)
    """The injected faults that have not ended, by instance id."""
    deaths: Mapping[str, Death] = field(default_factory=dict)
    """The last death of each instance that has not run since."""
    calls: tuple[CallView, ...] = ()
    """The last API calls that changed something or tried to, oldest first."""

    @property
    def fault_kinds(self) -> tuple[FaultKindView, ...]:
        """The faults that the platform can inject."""
        return () if self.snapshot is None else self.snapshot.fault_kinds

    def fault_title(self, name: str) -> str:
        """Return the fault's name for people, such as "CPU hog"."""
        return next((each.title for each in self.fault_kinds if each.name == name), name)

    @property
    def running(self) -> tuple[InstanceView, ...]:
        """The running instances."""
        return tuple(view for view in self.instances.values() if view.state == "running")

    @property
    def present(self) -> tuple[InstanceView, ...]:
        """All instances except the terminated ones."""
        return tuple(view for view in self.instances.values() if view.state not in _GONE)

    def enforces(self, limit: str, host_id: str) -> bool:
        """Return whether the platform enforces the limit of that name, such as "cpu", for instances on the host."""
        capabilities = self.snapshot.capabilities_on(host_id) if self.snapshot else ()
        return any(each.enforced for each in capabilities if each.name == limit)


def fold(state: CloudState, event: CloudEvent) -> CloudState:
    """Return the state after the event."""
    if isinstance(event, Snapshot):
        return _from_snapshot(event)
    if isinstance(event, InstanceView):
        known = state.instances.get(event.id)
        if known is not None and (known.generation or 0) > (event.generation or 0):
            return state
        instances = _without_oldest({**state.instances, event.id: event})
        return replace(state, instances=instances, deaths=_deaths(state, instances, known, event))
    if isinstance(event, StatsView):
        return replace(state, uses={use.id: use for use in event.instances})
    if isinstance(event, FaultView):
        how = next((each.ends_as for each in state.fault_kinds if each.name == event.fault), "")
        if how and event.phase == "started":
            return replace(state, deaths={**state.deaths, event.instance_id: Death(at=event.at, how=how)})
        return replace(state, faults=_with_fault(state.faults, event))
    if isinstance(event, CallView):
        return replace(state, calls=_with_call(state.calls, event))
    return replace(state, snapshot=_with_host(state.snapshot, event))


def _from_snapshot(snapshot: Snapshot) -> CloudState:
    faults: Mapping[str, tuple[FaultView, ...]] = {}
    for fault in snapshot.faults:
        faults = _with_fault(faults, fault)
    return CloudState(
        snapshot=snapshot,
        instances={view.id: view for view in snapshot.instances},
        faults=faults,
        calls=snapshot.calls[-_CALLS_KEPT:],
    )


def _with_fault(now: Mapping[str, tuple[FaultView, ...]], event: FaultView) -> Mapping[str, tuple[FaultView, ...]]:
    others = tuple(each for each in now.get(event.instance_id, ()) if each.fault_id != event.fault_id)
    active = (*others, event) if event.phase == "started" else others
    rest = {each: faults for each, faults in now.items() if each != event.instance_id}
    return {**rest, event.instance_id: active} if active else rest


def _deaths(
    state: CloudState, instances: Mapping[str, InstanceView], before: InstanceView | None, now: InstanceView
) -> Mapping[str, Death]:
    """Return the deaths after a change of an instance; one that runs again has none."""
    deaths = {each: death for each, death in state.deaths.items() if each in instances}
    if now.state == "running" and before is not None and before.state != "running":
        deaths.pop(now.id, None)
    # Only a program that ended by itself goes from running to stopped without stopping in between.
    elif now.state == "stopped" and before is not None and before.state == "running" and now.id not in deaths:
        ended = now.reason is not None and now.reason.code.startswith("Client.")
        deaths[now.id] = Death(at=now.changed_at or 0.0, how="ended" if ended else "crashed")
    return deaths


def _with_call(calls: tuple[CallView, ...], event: CallView) -> tuple[CallView, ...]:
    """Return the calls with this one, unless a snapshot contained it already."""
    known = any(call.id == event.id for call in calls)
    return calls if known else (*calls, event)[-_CALLS_KEPT:]


def _with_host(snapshot: Snapshot | None, event: HostView) -> Snapshot | None:
    """Return the snapshot with the host's present allocation."""
    if snapshot is None:
        return None
    return replace(snapshot, hosts=tuple(event if host.id == event.id else host for host in snapshot.hosts))


def _without_oldest(instances: Mapping[str, InstanceView]) -> Mapping[str, InstanceView]:
    """Return the instances without the oldest terminated ones beyond the limit."""
    ended = [view.id for view in instances.values() if view.state in _GONE]
    surplus = frozenset(ended[: max(0, len(ended) - _ENDED_KEPT)])
    return {each: view for each, view in instances.items() if each not in surplus}


def shard_of(view: InstanceView) -> int | None:
    """Return the shard that the instance serves; None if it serves none."""
    text = view.tags.get(SHARD_TAG, "")
    return int(text) if text.isdecimal() else None


def is_replacement(view: InstanceView, dead: InstanceView, before: frozenset[str]) -> bool:
    """Return whether the instance replaces the dead one: new since `before`, with the same fleet and shard."""
    return view.id not in before and view.fleet == dead.fleet and shard_of(view) == shard_of(dead)


class Tone(StrEnum):
    """How good the news is."""

    NEUTRAL = "neutral"
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceNews:
    """A change of an instance; `text` follows the instance's id. `minor` changes are shown only in a full log."""

    text: str
    tone: Tone
    minor: bool = False


def instance_news(old: InstanceView | None, new: InstanceView) -> InstanceNews | None:
    """Return what a change of an instance means; None if it means nothing to people."""
    before = None if old is None else old.state
    if before == new.state:
        return _impairment(old, new)
    match new.state:
        case "running":
            shard = shard_of(new)
            # It may not serve the shard yet.
            purpose = "" if shard is None else f", for shard {shard}"
            return InstanceNews(text=f"runs on {new.host}{purpose}", tone=Tone.GOOD)
        case "pending":
            return InstanceNews(text=f"is starting on {new.host}", tone=Tone.NEUTRAL, minor=True)
        case "terminated" if before == "pending":
            return InstanceNews(text=f"could not start{reason_text(new.reason)}", tone=Tone.BAD)
    if before == "running":
        return InstanceNews(text=f"is {new.state}{reason_text(new.reason)}", tone=Tone.WARNING)
    if new.state in ("stopped", "terminated"):
        return InstanceNews(text=f"is {new.state}", tone=Tone.NEUTRAL, minor=True)
    return None


def _impairment(old: InstanceView | None, new: InstanceView) -> InstanceNews | None:
    if old is None or new.state != "running" or old.impaired == new.impaired:
        return None
    if new.impaired:
        return InstanceNews(text=f"cannot respond: {new.impaired}", tone=Tone.WARNING)
    return InstanceNews(text="can respond again", tone=Tone.GOOD)


def reason_text(reason: ReasonView | None) -> str:
    """Return ": " and the reason's message without its code, or "" if there is no reason."""
    if reason is None or not reason.message:
        return ""
    if reason.code == _OWNER_ENDED:
        return ": requested by its owner"
    return f": {reason.message.removeprefix(f'{reason.code}: ')}"
