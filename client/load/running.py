"""Carrying a command's runs out: one plan or several tenants, once or again and again, stopped by one event."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from client.load.control import LoadRun
from client.load.crew import Crew
from client.load.plan.words import Plan
from client.load.report.report import Report
from client.load.tally import Tally
from client.load.tenants import start_together

Watch = Callable[[Sequence[LoadRun]], Awaitable[None]]
"""Shows runs that have begun; it is cancelled when they are over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """How runs are made: by so many processes or by a crew, watched while they run.

    `on_stretch` makes, from a run's plan and beginning, what is called with each of its settled seconds."""

    processes: int
    stop: asyncio.Event
    watch: Watch
    crew: Crew | None = None
    on_stretch: Callable[[Plan, Callable[[], float]], Callable[[Tally], None] | None] = lambda plan, began: None

    async def run(self, plans: Sequence[Plan]) -> tuple[Report, ...]:
        """One run of all tenants. `stop` ends it with what was measured. Raises as `LoadRun.start`."""
        async with AsyncExitStack() as stack:
            runs = [await stack.enter_async_context(self._make(plan)) for plan in plans]
            await start_together(runs, plans)
            helpers = [asyncio.ensure_future(self._stop_soon(runs)), asyncio.ensure_future(self.watch(runs))]
            try:
                finished = [asyncio.ensure_future(run.finished()) for run in runs]
                # A view that fails must not end the run unseen.
                await asyncio.wait([*finished, helpers[1]], return_when=asyncio.FIRST_EXCEPTION)
                return tuple([await each for each in finished])
            finally:
                await _end(helpers)

    def _make(self, plan: Plan) -> LoadRun:
        run: LoadRun
        on_stretch = self.on_stretch(plan, lambda: run.metrics.began)
        run = LoadRun(processes=self.processes, crew=self.crew, on_stretch=on_stretch)
        return run

    async def _stop_soon(self, runs: Sequence[LoadRun]) -> None:
        await self.stop.wait()
        for run in runs:
            run.stop_soon()


async def _end(helpers: Sequence[asyncio.Future[None]]) -> None:
    for helper in helpers:
        helper.cancel()
    for helper in helpers:
        with contextlib.suppress(asyncio.CancelledError):
            await helper
