"""The event log: what happened, and each call to the platform until its instances have reached their state. Pure."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace

from client.cloud_state import CloudState, instance_news, reason_text
from client.console.serialize import CONSOLE_AGENT
from vmhost.api.views import CallView, CloudEvent, FaultView, InstanceView, Snapshot

_CALLS_KNOWN = 500
_OPEN_MAX = 200
_FLEET_CHARS = len("fleet-") + 4
_REBOOT = "RebootInstances"
_MAKES_RUN = frozenset({"RunInstances", "StartInstances", _REBOOT})
_SHORT_NAMES = {
    "RunInstances": "launch",
    "StartInstances": "start",
    "StopInstances": "stop",
    _REBOOT: "reboot",
    "TerminateInstances": "terminate",
    "EndFault": "end a fault",
}
"""Names of the most frequent calls. Those that inject a fault have its name, all others keep their EC2 name."""
_IN_PROGRESS = {
    "RunInstances": "pending",
    "StartInstances": "pending",
    "StopInstances": "stopping",
    _REBOOT: "running",
    "TerminateInstances": "shutting-down",
}
"""The state of an instance while the call is in progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One line. A later entry with the same id updates it."""

    id: str
    at: float
    text: str
    kind: str = "event"
    """"event": something happened. "task": someone requested it."""
    by: str = ""
    outcome: str = ""
    """Of a task: "" while it is in progress, "done in 0.4 s", or "failed: " and the reason."""
    tone: str = "neutral"
    """neutral, good, warning, bad."""
    instances: tuple[str, ...] = ()


def change_entry(old: InstanceView | None, new: InstanceView) -> LogEntry | None:
    """Return the line for an instance's change; None if it means nothing to people."""
    news = instance_news(old, new)
    if news is None:
        return None
    return LogEntry(
        id=f"{new.id}.{new.generation}", at=new.changed_at or time.time(), text=news.text, tone=news.tone.value,
        instances=(new.id,),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """A call, the instances that it still waits for, and what became of the others."""

    view: CallView
    text: str
    fault: str = ""
    """The fault that it injects, for whose end it waits; empty for any other call."""
    waits: frozenset[str] = frozenset()
    generations: dict[str, int] = field(default_factory=dict)
    """The generation of each instance that it waits for, as it was at the time of the call."""
    failed: tuple[str, ...] = ()
    """The reason for each instance that did not reach its state."""
    ended_at: float | None = None
    """When the last instance reached its state; None if that is not known."""

    def without(self, instance_id: str, at: float | None, failed: str | None = None) -> _Call:
        """Return the call after that instance has ended."""
        waits = self.waits - {instance_id}
        return replace(self, waits=waits, ended_at=at, failed=self.failed if failed is None else (*self.failed, failed))

    def after(self, view: InstanceView) -> _Call:
        """Return the call after a change of an instance. A reboot, which stays `running`, ends with the next change."""
        action = self.view.action
        if view.id not in self.waits or self.fault:
            return self
        unchanged = view.state == _IN_PROGRESS[action]
        if unchanged and (action != _REBOOT or (view.generation or 0) <= self.generations[view.id]):
            return self
        return self.without(view.id, view.changed_at, _failure(action, view))

    def entry(self) -> LogEntry:
        """Return the line of the log."""
        view = self.view
        outcome, tone = self._outcome()
        return LogEntry(
            id=view.id, at=view.at, kind="task", text=self.text, by=_by(view.by), outcome=outcome, tone=tone,
            instances=view.instances,
        )  # fmt: skip

    def _outcome(self) -> tuple[str, str]:
        view = self.view
        if view.outcome != "ok":
            return f"failed: {view.outcome}: {view.message}", "bad"
        if self.waits:
            return "", "neutral"
        if self.failed:
            share = f" for {len(self.failed)} of {len(view.instances)}" if len(view.instances) > 1 else ""
            return f"failed{share}: {self.failed[0]}", "bad"
        took_s = 0.0 if self.ended_at is None else self.ended_at - view.at
        return (f"done in {took_s:.1f} s" if took_s >= 0.05 else "done"), "neutral"


class CallLog:
    """The calls that are known."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, None] = OrderedDict()
        self._open: OrderedDict[str, _Call] = OrderedDict()

    def on_event(self, event: CloudEvent, world: CloudState) -> list[LogEntry]:
        """Return the lines that the event adds or changes; `world` is the cloud after it."""
        match event:
            case Snapshot():
                return [*self._catch_up(world), *self._add(world.calls, world, live=False)]
            case CallView():
                return self._add((event,), world, live=True)
            case InstanceView():
                return self._update({key: call.after(event) for key, call in self._open.items()})
            case FaultView(phase="ended", fault=fault, instance_id=instance_id, at=at):
                waiting = {k: v for k, v in self._open.items() if v.fault == fault and instance_id in v.waits}
                return self._update({key: call.without(instance_id, at) for key, call in waiting.items()})
            case _:
                return []

    def _add(self, views: tuple[CallView, ...], world: CloudState, *, live: bool) -> list[LogEntry]:
        entries = []
        for view in views:
            if view.id in self._known:
                continue
            self._known[view.id] = None
            while len(self._known) > _CALLS_KNOWN:
                self._known.popitem(last=False)
            call = _new_call(view, world, live=live)
            if call.waits:
                self._open[view.id] = call
                while len(self._open) > _OPEN_MAX:
                    self._open.popitem(last=False)
            entries.append(call.entry())
        return entries

    def _catch_up(self, world: CloudState) -> list[LogEntry]:
        """Return what ended during a gap in the events; when it ended is not known."""
        calls = dict(self._open)
        for key, call in self._open.items():
            for each in call.waits:
                view = world.instances.get(each)
                ended = view is None or (call.fault and not _active(call.fault, each, world))
                calls[key] = calls[key].without(each, None) if ended or view is None else calls[key].after(view)
        return self._update(calls)

    def _update(self, calls: dict[str, _Call]) -> list[LogEntry]:
        changed = {key: call for key, call in calls.items() if call != self._open[key]}
        for key, call in changed.items():
            if call.waits:
                self._open[key] = call
            else:
                del self._open[key]
        return [call.entry() for call in changed.values()]


def _new_call(view: CallView, world: CloudState, *, live: bool) -> _Call:
    """Return a call that has just been made, or, if not `live`, one from before the console started.

    Of the latter it is not known in which generation its instances were."""
    kind = next((each for each in world.fault_kinds if each.action == view.action), None)
    text = _SHORT_NAMES.get(view.action, view.action) if kind is None else kind.title
    call = _Call(view=view, text=text, fault="" if kind is None else kind.name)
    if view.outcome != "ok":
        return call
    waits: dict[str, int] = {}
    for instance in (world.instances[each] for each in view.instances if each in world.instances):
        if _active(call.fault, instance.id, world) or _in_progress(view.action, instance, live=live):
            waits[instance.id] = instance.generation or 0
        elif live and view.action in _IN_PROGRESS:
            call = call.without(instance.id, instance.changed_at, _failure(view.action, instance))
    return replace(call, waits=frozenset(waits), generations=waits)


def _active(fault: str, instance_id: str, world: CloudState) -> bool:
    return any(each.fault == fault for each in world.faults.get(instance_id, ()))


def _in_progress(action: str, view: InstanceView, *, live: bool) -> bool:
    return view.state == _IN_PROGRESS.get(action) and (live or action != _REBOOT)


def _failure(action: str, view: InstanceView) -> str | None:
    """Return why the instance did not reach the state that the call asked for; None if it did."""
    if action not in _MAKES_RUN or view.state == "running":
        return None
    return f"it is {view.state}{reason_text(view.reason)}"


def _by(name: str) -> str:
    """Return the caller's name as people say it."""
    if name == CONSOLE_AGENT:
        return "you"
    if name == "unknown":
        return "an unnamed program"
    return name[:_FLEET_CHARS] if name.startswith("fleet-") else name
