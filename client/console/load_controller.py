"""The load on the page: shows what the generator does, carries out commands, marks the cloud's events on the run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from client.cloud_state import instance_news
from client.cloud_watcher import CloudChange
from client.console.publisher import Publisher
from client.console.serialize_load import (
    RunTimeline,
    current_timeline,
    idle_json,
    past_timeline,
    running_json,
    target_json,
)
from client.experiments.results import Step
from client.load.live.live_state import next_rate
from client.load.plan.model import Plan
from client.load.report.json_report import past_run_json
from client.load.run_report import PastRun
from client.load.run_result import Snapshot
from client.session import DEFAULT_RATE, Session
from client.terminal.plain_text import short_rate
from vmhost.api.views import InstanceView
from vmhost.base.errors import CloudError, Conflict, NotFound
from vmhost.base.ids import short_ids
from vmhost.base.logs import get_logger

MARKS_WAITING_MAX = 50
_log = get_logger("console")


def death_mark(old: InstanceView | None, new: InstanceView, *, short: str, victim: str) -> str:
    """Return the text for an instance that ran and no longer does; empty for any other change.

    Also empty for the `victim` of an experiment, which marks the load itself."""
    if old is None or old.state != "running" or new.state == "running" or new.id == victim:
        return ""
    news = instance_news(old, new)
    return "" if news is None else f"{short} {news.text}"


class LoadController:
    """The session's load, for the page. `run` follows it until cancelled."""

    def __init__(self, session: Session, publisher: Publisher) -> None:
        self._session = session
        self._load = session.load
        self._publisher = publisher
        self._number = self._load.number if self._load.running else 0
        self._victim = ""
        self._marks: asyncio.Queue[str] = asyncio.Queue(MARKS_WAITING_MAX)
        self._now: tuple[Snapshot, Plan, int] | None = None

    # Following the load

    async def run(self) -> None:
        """Publish how the load goes and mark events on it, until cancelled."""
        self._number = self._load.number if self._load.running else 0
        listened: list[tuple[list[Any], Any]] = [
            (self._load.listeners, self._on_change),
            (self._session.watcher.listeners, self._on_cloud),
            (self._session.experiments.listeners, self._on_step),
        ]
        for listeners, listener in listened:
            listeners.append(listener)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow())
                tasks.create_task(self._send_marks())
        finally:
            for listeners, listener in listened:
                listeners.remove(listener)

    async def _follow(self) -> None:
        async for snapshot in self._load.snapshots():
            plan, number = self._load.plan, self._load.number
            if snapshot is None or plan is None:
                self._now = None
                self._publisher.load.set(idle_json(self._load.past))
            else:
                self._now = (snapshot, plan, number)
                load = running_json(snapshot, plan, number=number, sent=self._load.sender)
                target = target_json(plan.urls, self._session.service.url, self._session.watcher.state)
                self._publisher.load.set({**load, "target": target})
            self._publisher.mark_changed()

    async def _send_marks(self) -> None:
        while True:
            text = await self._marks.get()
            try:
                await self._load.mark(text)
            except CloudError as error:
                _log.debug("load_mark_refused", text=text, error=error.message)

    def _on_change(self) -> None:
        """Mark a new rate. The generator also calls this when a run starts or ends."""
        number = self._load.number if self._load.running else 0
        if number and number == self._number:
            self._mark(f"{short_rate(self._load.rate_per_s)}/s")
        self._number = number

    def _on_cloud(self, change: CloudChange) -> None:
        event = change.event
        if not isinstance(event, InstanceView) or not self._load.running:
            return
        short = short_ids(change.after.instances).get(event.id, event.id)
        self._mark(death_mark(change.before.instances.get(event.id), event, short=short, victim=self._victim))

    def _on_step(self, step: Step) -> None:
        if step.ends_instance:
            self._victim = step.instance_id

    def _mark(self, text: str) -> None:
        if not text:
            return
        if self._marks.full():
            _log.warning("load_mark_dropped", text=text)
        else:
            self._marks.put_nowait(text)

    # Commands

    async def start(self, form: Mapping[str, object]) -> dict[str, Any]:
        """Start the form's load, or the default one for an empty form; return its number and its model.

        Raises InvalidInput for a form that makes no sense, Conflict while a load or an experiment runs, Unavailable if
        the target cannot be reached."""
        plan = await self._session.plan_of(form or {"rate_per_s": DEFAULT_RATE})
        await self._session.start(plan)
        return {"number": self._load.number, "model": plan.model}

    async def set_rate(self, rate_per_s: float) -> float:
        """Change the rate and return it. Raises Conflict, InvalidInput, Unavailable."""
        await self._session.set_rate(rate_per_s)
        return self._load.rate_per_s

    async def step(self, step: int) -> float:
        """Change the rate to the next of the usual ones, up or down, and return it. Raises as `set_rate` does."""
        return await self.set_rate(next_rate(self._load.rate_per_s, step))

    async def stop(self) -> dict[str, Any] | None:
        """Stop the load and return its line in the list of runs; None if none ran.

        Raises Conflict during an experiment."""
        report = await self._session.stop_load()
        return None if report is None else past_run_json(self._load.past[0])

    # Reading

    @property
    def timeline(self) -> RunTimeline | None:
        """The timeline of the current run, else of the last one; None before the first."""
        if self._now is not None:
            return current_timeline(*self._now)
        return past_timeline(self._load.past[0]) if self._load.past else None

    @property
    def past(self) -> tuple[PastRun, ...]:
        """The runs that have ended, newest first."""
        return self._load.past

    def past_run(self, number: int) -> PastRun:
        """Return the run with that number. Raises Conflict while it runs, NotFound if it is not stored."""
        for each in self._load.past:
            if each.number == number:
                return each
        if self._load.running and number == self._load.number:
            raise Conflict(f"run {number} is still running; its report is made when it ends")
        known = ", ".join(str(each.number) for each in self._load.past)
        stored = f"stored runs: {known}" if known else "a run is stored when it ends"
        raise NotFound(f"run {number} is not stored; {stored}")
