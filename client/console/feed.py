"""Everything that is heard, folded into the board and told to the page's readers some fifteen times a second."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import asdict
from typing import Any

from client.cloud_state import CloudState
from client.cloud_watcher import CloudChange
from client.console.board import Board, Rows, Tail, Value
from client.console.log import Entry, change_entry
from client.console.remembered import Remembered
from client.console.rows import cloud_json, hosts_json, instance_rows, request_json, second_json
from client.console.tasks import Tasks
from client.experiments.catalogue import EXPERIMENTS
from client.experiments.results import Step, step_json
from server.api.flow import Counters, FlowRecord
from vmhost.api.views import CloudEvent, InstanceView
from vmhost.base.ids import short_ids
from vmhost.base.sse import Hub
from vmhost.base.suspend_detector import SuspendDetector

FLUSH_S = 1 / 15
SILENT_S_MAX = 2.0
"""The longest silence of the stream: a reader that hears nothing for longer knows that the console hangs."""
SECONDS_KEPT = 60
REQUESTS_SHOWN = 60
ENTRIES_KEPT = 150
_ANSWERING = {"platform": "the platform", "service": "the search front end"}
_READER_BATCHES_MAX = 150
"""A reader who is ten seconds behind gets a new whole instead of all that it missed."""


class Feed:
    """What the page shows, kept true by whoever hears something; `run` tells it until cancelled."""

    def __init__(self, world: CloudState, *, links: dict[str, str], why: str, browser_here: bool = True) -> None:
        """`browser_here`: whether the page's browser can reach the addresses that this program reaches."""
        self.hub = Hub(capacity=_READER_BATCHES_MAX, history=2 * _READER_BATCHES_MAX)
        self.world = world
        self.counters: Counters | None = None
        self.busy = ""
        """The experiment under way, in words."""
        self._why = why
        self._browser_here = browser_here
        self._tasks = Tasks()
        self._changed = asyncio.Event()
        self._tell_by = 0.0
        self._suspend_detector = SuspendDetector(time.time(), every_s=SILENT_S_MAX)
        self._slept_s = 0.0
        """During the experiment under way."""
        self._requests = Remembered()
        self._cloud, self._hosts, self._instances = Value(), Value([]), Rows()
        self._seconds, self._shown, self._entries = Tail(SECONDS_KEPT), Tail(REQUESTS_SHOWN), Tail(ENTRIES_KEPT)
        self._counts = Value()
        self.load, self.experiment, self.verdict, self.share = Value(), Value(), Value(), Value()
        self.answers = Value({"platform": True, "service": True})
        self._board = Board(
            {
                "cloud": self._cloud,
                "hosts": self._hosts,
                "instances": self._instances,
                "seconds": self._seconds,
                "requests": self._shown,
                "counters": self._counts,
                "log": self._entries,
                "load": self.load,
                "experiment": self.experiment,
                "verdict": self.verdict,
                "answers": self.answers,
                "share": self.share,
                "experiments": Value(
                    [{"name": each.name, "title": each.title, "button": each.button} for each in EXPERIMENTS.values()]
                ),
                "links": Value(links),
            }
        )
        if world.snapshot is not None:
            self._hear_tasks(world.snapshot)
        self._retell()

    # hearing

    def on_cloud(self, change: CloudChange) -> None:
        """An event of the platform."""
        self.world, event = change.after, change.event
        if isinstance(event, InstanceView) and (entry := change_entry(change.before.instances.get(event.id), event)):
            self.enter(entry)
        self._hear_tasks(event)
        self._retell()

    def on_request(self, record: FlowRecord, **more: Any) -> None:
        """A request that really happened; `more` is what only the console knows of it, and stays."""
        known = self._requests.find(record.trace.trace_id) or {}
        row = {**request_json(record), **{name: known[name] for name in _OURS if name in known}, **more}
        self._requests.add(row)
        if row != known:
            self._shown.add({name: value for name, value in row.items() if name != "headers"})
            self.told()

    def on_counters(self, counters: Counters) -> None:
        """A second has passed at the front end."""
        self._seconds.add(second_json(self.counters, counters, dict(self.world.uses)))
        self._counts.set({name: value for name, value in asdict(counters).items() if name != "instances"})
        self.counters = counters
        self.told()

    def on_answering(self, who: str, answers: bool) -> None:
        """The platform or the service has stopped answering, or answers again; said again it is no news."""
        before = self.answers.whole()
        if before[who] is answers:
            return
        self.answers.set({**before, who: answers})
        at = time.time()
        text = f"{_ANSWERING[who]} {'answers again' if answers else 'does not answer'}"
        self.enter(Entry(id=f"{text} {at:.3f}", at=at, text=text, tone="good" if answers else "bad"))

    def enter(self, entry: Entry) -> None:
        """Notes what happened, or how it ended."""
        self._entries.add(entry.to_json())
        self.told()

    def _hear_tasks(self, event: CloudEvent) -> None:
        for entry in self._tasks.hear(event, self.world):
            self.enter(entry)

    def told(self) -> None:
        """Something on the board may have changed."""
        self._changed.set()

    def on_step(self, step: Step) -> None:
        """An experiment has begun, has come further or has ended."""
        over = not step.running
        told = step_json(step, short_ids(self.world.instances))
        self.look_at_the_clock(time.time())
        if over and self._slept_s:
            told = {
                **told,
                "held": None,
                "verdict": "inconclusive",
                "sentence": f"inconclusive: this computer slept {self._slept_s:.0f} s meanwhile",
            }
        if over or not self.busy:
            self._slept_s = 0.0
        self.experiment.set(None if over else told)
        if over:
            self.verdict.set(told)
        self.busy = "" if over else step.title
        self._retell()

    def look_at_the_clock(self, at: float) -> None:
        """Says so where nothing ran for a while; figures of that time say nothing of the service."""
        if slept_s := self._suspend_detector.check(at):
            self._slept_s += slept_s
            text = f"this computer slept {slept_s:.0f} s; figures of that time are left out"
            self.enter(Entry(id=f"slept-{at:.3f}", at=at, text=text, tone="care"))

    def clear_verdict(self) -> None:
        """Nothing has been measured yet, as in the beginning."""
        self.verdict.set(None)
        self.experiment.set(None)
        self.told()

    def _retell(self) -> None:
        self._cloud.set(cloud_json(self.world, self._why))
        self._hosts.set(hosts_json(self.world))
        self._instances.replace(instance_rows(self.world, self.busy, browser_here=self._browser_here))
        self.told()

    # telling

    def request(self, trace_id: str) -> dict[str, Any] | None:
        """A request that is still remembered; one that somebody looked at is remembered longer."""
        return self._requests.find(trace_id)

    def snapshot(self) -> dict[str, Any]:
        """All of it, as a new reader gets it."""
        self._flush()
        return {"now": time.time(), **self._board.whole()}

    async def run(self) -> None:
        """Tells what has changed, at most so often, until cancelled; the time of day where nothing has for a while."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, self._tell_by - time.monotonic())):
                    await self._changed.wait()
            self._flush()
            await asyncio.sleep(FLUSH_S)

    def _flush(self) -> None:
        self.look_at_the_clock(time.time())
        self._changed.clear()
        changes, at = self._board.take(), time.monotonic()
        if changes or at >= self._tell_by:
            self._tell_by = at + SILENT_S_MAX
            self.hub.publish("batch", {"now": time.time(), **changes})


_OURS = ("headers", "name", "colour", "mine")
"""What only the console knows of a request: it must outlive the front end's own sample of it."""
