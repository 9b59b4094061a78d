"""What somebody asked of the platform, as lines of the log: under way until what it set going has ended. Pure."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace

from client.cloud_events import reason_text
from client.cloud_state import CloudState
from client.console.log import Entry
from client.console.rows import CONSOLE_AGENT
from vmhost.api.views import CallView, CloudEvent, FaultView, InstanceView, Snapshot

_CALLS_KNOWN = 500
_OPEN_MAX = 200
_FLEET_CHARS = len("fleet-") + 4
_HOG = "HogCpu"
_REBOOT = "RebootInstances"
_MAKES_RUN = frozenset({"RunInstances", "StartInstances", _REBOOT})
_WORDS = {
    "RunInstances": "launch",
    "StartInstances": "start",
    "StopInstances": "stop",
    _REBOOT: "reboot",
    "TerminateInstances": "terminate",
    "Kill": "kill",
    _HOG: "hog",
    "EndFault": "end the hog",
}
"""Short names of what people ask most; the rest goes by its EC2 name."""
_ON_THE_WAY = {
    "RunInstances": "pending",
    "StartInstances": "pending",
    "StopInstances": "stopping",
    _REBOOT: "running",
    "TerminateInstances": "shutting-down",
}
"""The state of an instance in which the action is not over yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """A call, the instances that it still waits for, and what became of the others."""

    call: CallView
    waits: frozenset[str] = frozenset()
    generations: dict[str, int] = field(default_factory=dict)
    """Of those that it waits for: the one in which they were when it was asked."""
    failed: tuple[str, ...] = ()
    """Why, for each that did not become what was asked."""
    ended_at: float | None = None
    """When the last of them came to its end; None where nobody saw that."""

    def without(self, instance_id: str, at: float | None, failed: str | None = None) -> _Task:
        """After that instance's end."""
        waits = self.waits - {instance_id}
        return replace(self, waits=waits, ended_at=at, failed=self.failed if failed is None else (*self.failed, failed))

    def after(self, view: InstanceView) -> _Task:
        """After a change of an instance. A reboot is over with the next change: its state is `running` all the time."""
        action = self.call.action
        if view.id not in self.waits or action == _HOG:
            return self
        still = view.state == _ON_THE_WAY[action]
        if still and (action != _REBOOT or (view.generation or 0) <= self.generations[view.id]):
            return self
        return self.without(view.id, view.changed_at, _failure(action, view))

    def entry(self) -> Entry:
        """The line of the log."""
        call = self.call
        outcome, tone = self._outcome()
        text = _WORDS.get(call.action, call.action)
        return Entry(
            id=call.id, at=call.at, kind="task", text=text, by=_by(call.by), outcome=outcome, tone=tone,
            instances=call.instances,
        )  # fmt: skip

    def _outcome(self) -> tuple[str, str]:
        call = self.call
        if call.outcome != "ok":
            return f"failed: {call.outcome}: {call.message}", "bad"
        if self.waits:
            return "", "neutral"
        if self.failed:
            many = f" for {len(self.failed)} of {len(call.instances)}" if len(call.instances) > 1 else ""
            return f"failed{many}: {self.failed[0]}", "bad"
        took_s = 0.0 if self.ended_at is None else self.ended_at - call.at
        return (f"done in {took_s:.1f} s" if took_s >= 0.05 else "done"), "neutral"


class Tasks:
    """The calls that were heard."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, None] = OrderedDict()
        self._open: OrderedDict[str, _Task] = OrderedDict()

    def hear(self, event: CloudEvent, world: CloudState) -> list[Entry]:
        """The lines that are new or went on, by an event and the world after it."""
        match event:
            case Snapshot():
                return [*self._caught_up(world), *self._called(world.calls, world, live=False)]
            case CallView():
                return self._called((event,), world, live=True)
            case InstanceView():
                return self._moved({key: task.after(event) for key, task in self._open.items()})
            case FaultView(phase="ended"):
                return self._moved(
                    {
                        key: task.without(event.instance_id, event.at)
                        for key, task in self._open.items()
                        if task.call.action == _HOG and event.instance_id in task.waits
                    }
                )
            case _:
                return []

    def _called(self, calls: tuple[CallView, ...], world: CloudState, *, live: bool) -> list[Entry]:
        entries = []
        for call in calls:
            if call.id in self._known:
                continue
            self._known[call.id] = None
            while len(self._known) > _CALLS_KNOWN:
                self._known.popitem(last=False)
            task = _begun(call, world, live=live)
            if task.waits:
                self._open[call.id] = task
                while len(self._open) > _OPEN_MAX:
                    self._open.popitem(last=False)
            entries.append(task.entry())
        return entries

    def _caught_up(self, world: CloudState) -> list[Entry]:
        """After a gap: what ended meanwhile, at a time that nobody saw."""
        tasks = dict(self._open)
        for key, task in self._open.items():
            for each in task.waits:
                view = world.instances.get(each)
                lost = each not in world.hogs if task.call.action == _HOG else view is None
                tasks[key] = tasks[key].without(each, None) if lost or view is None else tasks[key].after(view)
        return self._moved(tasks)

    def _moved(self, tasks: dict[str, _Task]) -> list[Entry]:
        moved = {key: task for key, task in tasks.items() if task != self._open[key]}
        for key, task in moved.items():
            if task.waits:
                self._open[key] = task
            else:
                del self._open[key]
        return [task.entry() for task in moved.values()]


def _begun(call: CallView, world: CloudState, *, live: bool) -> _Task:
    """The task of a call. Of one from before our time (not `live`) nobody knows any more how its instances began."""
    task = _Task(call=call)
    if call.outcome != "ok":
        return task
    waits: dict[str, int] = {}
    for view in (world.instances[each] for each in call.instances if each in world.instances):
        if _goes_on(call.action, view, world, live=live):
            waits[view.id] = view.generation or 0
        elif live and call.action in _ON_THE_WAY:
            task = task.without(view.id, view.changed_at, _failure(call.action, view))
    return replace(task, waits=frozenset(waits), generations=waits)


def _goes_on(action: str, view: InstanceView, world: CloudState, *, live: bool) -> bool:
    if action == _HOG:
        return view.id in world.hogs
    if action == _REBOOT and not live:
        return False
    return view.state == _ON_THE_WAY.get(action)


def _failure(action: str, view: InstanceView) -> str | None:
    """Why the instance did not become what was asked; None where it did."""
    if action not in _MAKES_RUN or view.state == "running":
        return None
    return f"it is {view.state}{reason_text(view.reason)}"


def _by(name: str) -> str:
    """Who asked, as people say it."""
    if name == CONSOLE_AGENT:
        return "you"
    if name == "unknown":
        return "an unnamed program"
    return name[:_FLEET_CHARS] if name.startswith("fleet-") else name
