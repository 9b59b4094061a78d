"""Folds all events into the state that the page shows and publishes the changes about fifteen times a second.

`follow_flow` reads the front end's part of the events and reconnects when its stream breaks.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import asdict
from typing import Any

import aiohttp
import msgspec
from msgspec import structs

from client.cloud_state import CloudState
from client.cloud_watcher import CloudChange
from client.console.actions import action_row, actions_of
from client.console.event_log import CallLog, LogEntry, change_entry
from client.console.serialize import cloud_json, instance_rows, request_json, second_json
from client.console.state import RequestCache, RowSet, State, Tail, Value
from client.experiments.results import Step, step_json
from client.experiments.runner import EXPERIMENTS
from server.api.flow import Counters, FlowRecord
from vmhost.api.views import CloudEvent, InstanceView
from vmhost.base.clock import SuspendDetector
from vmhost.base.ids import short_ids
from vmhost.base.logs import get_logger
from vmhost.base.sse import Event, Hub, read_events

_CONNECT_S = 3.0
_SILENCE_S = 30.0
_PAUSE_FIRST_S = 0.1
_PAUSE_MAX_S = 2.0
_LINE_BYTES_MAX = 16 * 1024 * 1024
FLUSH_S = 1 / 15
SILENT_S_MAX = 2.0
"""The longest silence of the stream. A reader that receives nothing for longer knows that the console hangs."""
SECONDS_KEPT = 60
REQUESTS_SHOWN = 60
ENTRIES_KEPT = 150
_PARTS = {"platform": "the platform", "service": "the search front end"}
_READER_BATCHES_MAX = 150
"""A reader that is ten seconds behind gets the full state again instead of all that it missed."""
_CONSOLE_FIELDS = ("headers", "name", "colour", "mine")
"""What only the console knows of a request. It is kept when the front end's own sample of that request arrives."""
_log = get_logger("console")


class Publisher:
    """Keeps the state that the page shows; `run` publishes its changes until cancelled."""

    def __init__(self, world: CloudState, *, links: dict[str, str], why: str, browser_here: bool = True) -> None:
        """`browser_here`: whether the page's browser can reach the addresses that this program reaches."""
        self.hub = Hub(capacity=_READER_BATCHES_MAX, history=2 * _READER_BATCHES_MAX)
        self.world = world
        self.counters: Counters | None = None
        self.busy = ""
        """The name of the running experiment; empty for none."""
        self._why = why
        self._browser_here = browser_here
        self._calls = CallLog()
        self._changed = asyncio.Event()
        self._publish_by = 0.0
        self._suspend_detector = SuspendDetector(time.time(), every_s=SILENT_S_MAX)
        self._slept_s = 0.0
        """During the running experiment."""
        self._requests = RequestCache()
        self._cloud, self._hosts, self._instances, self._actions = Value(), Value([]), RowSet(), Value([])
        self._seconds, self._shown, self._log = Tail(SECONDS_KEPT), Tail(REQUESTS_SHOWN), Tail(ENTRIES_KEPT)
        self._counts = Value()
        self.load, self.experiment, self.verdict, self.share = Value(), Value(), Value(), Value()
        self.reachable = Value({"platform": True, "service": True})
        self._state = State(
            {
                "cloud": self._cloud,
                "hosts": self._hosts,
                "instances": self._instances,
                "actions": self._actions,
                "seconds": self._seconds,
                "requests": self._shown,
                "counters": self._counts,
                "log": self._log,
                "load": self.load,
                "experiment": self.experiment,
                "verdict": self.verdict,
                "reachable": self.reachable,
                "share": self.share,
                "experiments": Value(
                    [
                        {name: getattr(each, name) for name in ("name", "title", "button", "ends_instance")}
                        for each in EXPERIMENTS.values()
                    ]
                ),
                "links": Value(links),
            }
        )
        if world.snapshot is not None:
            self._log_calls(world.snapshot)
        self._refresh_cloud()

    # Events

    def on_cloud(self, change: CloudChange) -> None:
        """Show a change of the cloud."""
        self.world, event = change.after, change.event
        if isinstance(event, InstanceView) and (entry := change_entry(change.before.instances.get(event.id), event)):
            self.add_entry(entry)
        self._log_calls(event)
        self._refresh_cloud()

    def on_request(self, record: FlowRecord, **more: Any) -> None:
        """Add a request; `more` is what only the console knows of it."""
        known = self._requests.find(record.trace.trace_id) or {}
        row = {**request_json(record), **{name: known[name] for name in _CONSOLE_FIELDS if name in known}, **more}
        self._requests.add(row)
        if row != known:
            self._shown.add({name: value for name, value in row.items() if name != "headers"})
            self.mark_changed()

    def on_counters(self, counters: Counters) -> None:
        """Add the front end's counters of another second."""
        self._seconds.add(second_json(self.counters, counters, dict(self.world.uses)))
        self._counts.set({name: value for name, value in structs.asdict(counters).items() if name != "instances"})
        self.counters = counters
        self.mark_changed()

    def on_reachable(self, part: str, reachable: bool) -> None:
        """Note that the platform or the service has stopped responding, or responds again."""
        before = self.reachable.full()
        if before[part] is reachable:
            return
        self.reachable.set({**before, part: reachable})
        at = time.time()
        text = f"{_PARTS[part]} {'responds again' if reachable else 'does not respond'}"
        self.add_entry(LogEntry(id=f"{text} {at:.3f}", at=at, text=text, tone="good" if reachable else "bad"))

    def add_entry(self, entry: LogEntry) -> None:
        """Add a line to the event log, or update it."""
        self._log.add(asdict(entry))
        self.mark_changed()

    def _log_calls(self, event: CloudEvent) -> None:
        for entry in self._calls.on_event(event, self.world):
            self.add_entry(entry)

    def mark_changed(self) -> None:
        """Have the state checked for changes to publish."""
        self._changed.set()

    def on_step(self, step: Step) -> None:
        """Show a step of an experiment."""
        over = not step.running
        row = step_json(step, short_ids(self.world.instances))
        self.check_clock(time.time())
        if over and self._slept_s:
            sentence = f"inconclusive: this computer slept {self._slept_s:.0f} s meanwhile"
            row = {**row, "held": None, "verdict": "inconclusive", "sentence": sentence}
        if over or not self.busy:
            self._slept_s = 0.0
        self.experiment.set(None if over else row)
        if over:
            self.verdict.set(row)
        self.busy = "" if over else step.title
        self._refresh_cloud()

    def check_clock(self, at: float) -> None:
        """Log it if this computer slept since the last check; the figures of that time mean nothing."""
        if slept_s := self._suspend_detector.check(at):
            self._slept_s += slept_s
            text = f"this computer slept {slept_s:.0f} s; figures of that time are left out"
            self.add_entry(LogEntry(id=f"slept-{at:.3f}", at=at, text=text, tone="warning"))

    def clear_verdict(self) -> None:
        """Remove the last verdict from the page."""
        self.verdict.set(None)
        self.experiment.set(None)
        self.mark_changed()

    def _refresh_cloud(self) -> None:
        self._cloud.set(cloud_json(self.world, self._why))
        self._hosts.set([] if self.world.snapshot is None else msgspec.to_builtins(self.world.snapshot.hosts))
        self._actions.set([action_row(each) for each in actions_of(self.world)])
        self._instances.replace(instance_rows(self.world, self.busy, browser_here=self._browser_here))
        self.mark_changed()

    # Reading and publishing

    def request(self, trace_id: str) -> dict[str, Any] | None:
        """Return a request that is still kept. Looking at it keeps it longer."""
        return self._requests.find(trace_id)

    def snapshot(self) -> dict[str, Any]:
        """Return the full state, as a new reader gets it."""
        self._flush()
        return {"now": time.time(), **self._state.full()}

    async def run(self) -> None:
        """Publish changes at most fifteen times a second until cancelled; the time alone after a while without any."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, self._publish_by - time.monotonic())):
                    await self._changed.wait()
            self._flush()
            await asyncio.sleep(FLUSH_S)

    def _flush(self) -> None:
        self.check_clock(time.time())
        self._changed.clear()
        changes, at = self._state.take_changes(), time.monotonic()
        if changes or at >= self._publish_by:
            self._publish_by = at + SILENT_S_MAX
            self.hub.publish("batch", {"now": time.time(), **changes})


async def follow_flow(url: str, publisher: Publisher) -> None:
    """Publish the front end's sampled requests and counters, and whether it is reachable, until cancelled."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_SILENCE_S)
    pause = _PAUSE_FIRST_S
    async with aiohttp.ClientSession(timeout=timeout, read_bufsize=_LINE_BYTES_MAX) as session:
        while True:
            try:
                async with session.get(f"{url}/flow", headers={"Accept": "text/event-stream"}) as response:
                    response.raise_for_status()
                    async for event in read_events(response.content):
                        pause = _PAUSE_FIRST_S
                        publisher.on_reachable("service", True)
                        _dispatch(event, publisher)
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                _log.debug("flow_stream_broken", error=str(error))
            publisher.on_reachable("service", False)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _PAUSE_MAX_S)


def _dispatch(event: Event, publisher: Publisher) -> None:
    match event.kind:
        case "snapshot":
            for record in event.data["recent"]:
                publisher.on_request(FlowRecord.from_json(record))
            publisher.on_counters(msgspec.convert(event.data["counters"], Counters))
        case "request":
            publisher.on_request(FlowRecord.from_json(event.data))
        case "counters":
            publisher.on_counters(msgspec.convert(event.data, Counters))
