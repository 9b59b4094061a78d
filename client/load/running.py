"""Carrying a command's runs out: one plan or several tenants, watched while they run, stopped by one event."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from client.load.control import LoadRun
from client.load.crew import Crew
from client.load.plan.words import Plan
from client.load.report.report import Report
from client.load.tenants import start_together

Watch = Callable[[Sequence[LoadRun]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """How runs are made: by so many processes, of this machine or of a crew. `watch` shows them while they run."""

    processes: int
    stop: asyncio.Event
    watch: Watch
    crew: Crew | None = None

    async def run(self, plans: Sequence[Plan], begun: Callable[[Sequence[LoadRun]], None]) -> tuple[Report, ...]:
        """One run of all tenants; `begun` is called once they have. `stop` ends it with what was measured.

        Raises as `LoadRun.start`, and whatever `begun` and `watch` raise."""
        async with AsyncExitStack() as stack:
            runs = [await stack.enter_async_context(LoadRun(processes=self.processes, crew=self.crew)) for _ in plans]
            await start_together(runs, plans)
            begun(runs)
            watching = asyncio.create_task(self._watched(runs))
            stopping = asyncio.create_task(self._stop_soon(runs))
            try:
                finishing = asyncio.gather(*(run.finished() for run in runs))
                # Whoever watches may leave early; one that fails must not leave the run unseen.
                await asyncio.wait({watching, finishing}, return_when=asyncio.FIRST_EXCEPTION)
                if watching.done():
                    watching.result()
                return tuple(await finishing)
            finally:
                for task in (watching, stopping):
                    task.cancel()
                await asyncio.gather(watching, stopping, return_exceptions=True)

    async def _watched(self, runs: Sequence[LoadRun]) -> None:
        await self.watch(runs)

    async def _stop_soon(self, runs: Sequence[LoadRun]) -> None:
        await self.stop.wait()
        for run in runs:
            run.stop_soon()
