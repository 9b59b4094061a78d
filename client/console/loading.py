"""The load at the console: what the generator does goes into the feed, what people ask of it is done, and what happens
to the cloud meanwhile is marked on it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from client.cloud_events import instance_news
from client.cloud_watcher import CloudChange
from client.console.feed import Feed
from client.console.load_rows import Course, aim_json, course_now, course_past, idle_json, running_json
from client.experiments.results import Step
from client.load.live.live_state import next_rate
from client.load.plan.model import Plan
from client.load.report.past_run import PastRun, past_run_json
from client.load.summary import Snapshot
from client.session import DEFAULT_RATE, Session
from client.terminal.numbers import short_rate
from vmhost.api.views import InstanceView
from vmhost.base.errors import CloudError, Conflict, NotFound
from vmhost.base.ids import short_ids
from vmhost.base.logs import get_logger

MARKS_WAITING_MAX = 50
_log = get_logger("console")


def death_of(old: InstanceView | None, new: InstanceView, *, short: str, ours: str) -> str:
    """What a change says of an instance that ran and no longer does; empty for others, and for `ours`: the victim of an
    experiment, which marks the load itself."""
    if old is None or old.state != "running" or new.state == "running" or new.id == ours:
        return ""
    news = instance_news(old, new)
    return "" if news is None else f"{short} {news.text}"


class Loading:
    """The session's load, for the page. `run` follows it until cancelled."""

    def __init__(self, session: Session, feed: Feed) -> None:
        self._session = session
        self._load = session.load
        self._feed = feed
        self._number = self._load.number if self._load.running else 0
        self._ours = ""
        self._marks: asyncio.Queue[str] = asyncio.Queue(MARKS_WAITING_MAX)
        self._now: tuple[Snapshot, Plan, int] | None = None

    # following

    async def run(self) -> None:
        """Tells the feed how the load goes and marks what happens on it, until cancelled."""
        self._number = self._load.number if self._load.running else 0
        heard: list[tuple[list[Any], Any]] = [
            (self._load.listeners, self._on_change),
            (self._session.watcher.listeners, self._on_cloud),
            (self._session.experiments.listeners, self._on_step),
        ]
        for listeners, listener in heard:
            listeners.append(listener)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow())
                tasks.create_task(self._mark())
        finally:
            for listeners, listener in heard:
                listeners.remove(listener)

    async def _follow(self) -> None:
        async for snapshot in self._load.snapshots():
            plan, number = self._load.plan, self._load.number
            if snapshot is None or plan is None:
                self._now = None
                self._feed.load.set(idle_json(self._load.past))
            else:
                self._now = (snapshot, plan, number)
                told = running_json(snapshot, plan, number=number, sent=self._load.sender)
                aim = aim_json(plan.urls, self._session.service.url, self._session.watcher.state)
                self._feed.load.set({**told, "aim": aim})
            self._feed.told()

    async def _mark(self) -> None:
        while True:
            text = await self._marks.get()
            try:
                await self._load.mark(text)
            except CloudError as error:
                _log.debug("load_mark_refused", text=text, error=error.message)

    def _on_change(self) -> None:
        """The generator has begun or ended a run; within a run, it has another rate."""
        number = self._load.number if self._load.running else 0
        if number and number == self._number:
            self._note(f"{short_rate(self._load.rate_per_s)}/s")
        self._number = number

    def _on_cloud(self, change: CloudChange) -> None:
        event = change.event
        if not isinstance(event, InstanceView) or not self._load.running:
            return
        short = short_ids(change.after.instances).get(event.id, event.id)
        self._note(death_of(change.before.instances.get(event.id), event, short=short, ours=self._ours))

    def _on_step(self, step: Step) -> None:
        if step.ends_instance:
            self._ours = step.instance_id

    def _note(self, text: str) -> None:
        if not text:
            return
        if self._marks.full():
            _log.warning("load_mark_dropped", text=text)
        else:
            self._marks.put_nowait(text)

    # acting

    async def start(self, form: Mapping[str, object]) -> dict[str, Any]:
        """Starts the load of that form, or the usual one for an empty form; its number and its plan in words.

        Raises InvalidInput for a form that makes no sense, Conflict while a load runs or an experiment is measured,
        Unavailable where what shall be asked cannot be reached."""
        plan = await self._session.plan_of(form or {"rate_per_s": DEFAULT_RATE})
        await self._session.start(plan)
        return {"number": self._load.number, "model": plan.model}

    async def set_rate(self, rate_per_s: float) -> float:
        """Changes the rate; what it is then. Raises Conflict, InvalidInput, Unavailable."""
        await self._session.set_rate(rate_per_s)
        return self._load.rate_per_s

    async def step(self, step: int) -> float:
        """Changes the rate to the next of the usual ones, up or down; what it is then. Raises as `set_rate`."""
        return await self.set_rate(next_rate(self._load.rate_per_s, step))

    async def stop(self) -> dict[str, Any] | None:
        """Ends the load; its run's line in the list, None where none ran. Raises Conflict during an experiment."""
        report = await self._session.stop_load()
        return None if report is None else past_run_json(self._load.past[0])

    # reading

    @property
    def course(self) -> Course | None:
        """The course of the run that goes on, else of the last one; None before the first."""
        if self._now is not None:
            return course_now(*self._now)
        return course_past(self._load.past[0]) if self._load.past else None

    @property
    def past(self) -> tuple[PastRun, ...]:
        """The runs that are over, the newest first."""
        return self._load.past

    def past_run(self, number: int) -> PastRun:
        """The run of that number. Raises Conflict while it goes on, NotFound where it is not remembered."""
        for each in self._load.past:
            if each.number == number:
                return each
        if self._load.running and number == self._load.number:
            raise Conflict(f"run {number} is still running; its report is made when it ends")
        known = ", ".join(str(each.number) for each in self._load.past)
        stored = f"stored runs: {known}" if known else "a run is stored when it ends"
        raise NotFound(f"run {number} is not stored; {stored}")
