"""Carrying a command's runs out: one plan or several tenants, watched while they run, stopped by one event."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from client.load.plan.model import Plan
from client.load.report.report import Report
from client.load.run import LoadRun
from client.load.tenants import start_together
from client.load.verdict import broken_for_good
from client.load.worker_processes import WorkerSource
from vmhost.base.errors import Unavailable

LOOK_EVERY_S = 1.0
Watcher = Callable[[Sequence[LoadRun]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRunner:
    """How runs are made: by so many processes, of this machine or of a crew. `watch` shows them while they run."""

    processes: int
    stop: asyncio.Event
    watch: Watcher
    worker_source: WorkerSource | None = None
    on_broken: Callable[[str], None] | None = None
    """Called with the broken thresholds; the run is then ended. None lets it go on to its end."""
    on_output: Callable[[Sequence[str]], None] | None = None
    """Called with lines that a script prints."""

    async def run(self, plans: Sequence[Plan], on_started: Callable[[Sequence[LoadRun]], None]) -> tuple[Report, ...]:
        """One run of all tenants; `on_started` is called once they have. `stop` ends it with what was measured.

        Raises as `LoadRun.start`, and whatever `on_started` and `watch` raise."""
        async with AsyncExitStack() as stack:
            made = [
                LoadRun(processes=self.processes, worker_source=self.worker_source, on_output=self.on_output)
                for _ in plans
            ]
            runs = [await stack.enter_async_context(run) for run in made]
            await self._start(runs, plans)
            on_started(runs)
            watching = asyncio.create_task(self._watched(runs))
            stopping = asyncio.create_task(self._stop_soon(runs))
            breaking = asyncio.create_task(self._stop_when_broken(runs))
            finishing = asyncio.create_task(_reports(runs))
            tasks: list[asyncio.Task[Any]] = [watching, finishing]
            try:
                # Whoever watches may leave early; one that fails must not leave the run unseen.
                await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
                if watching.done():
                    watching.result()
                return await finishing
            finally:
                tasks += [stopping, breaking]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _start(self, runs: Sequence[LoadRun], plans: Sequence[Plan]) -> None:
        starting, stopping = asyncio.create_task(start_together(runs, plans)), asyncio.create_task(self._stopped())
        tasks: list[asyncio.Task[Any]] = [starting, stopping]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                raise Unavailable("it was stopped before it began; expected to run until its end")
            starting.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _stopped(self) -> None:
        await self.stop.wait()

    async def _watched(self, runs: Sequence[LoadRun]) -> None:
        await self.watch(runs)

    async def _stop_when_broken(self, runs: Sequence[LoadRun]) -> None:
        while self.on_broken is not None:
            await asyncio.sleep(LOOK_EVERY_S)
            broken = "; ".join(filter(None, (broken_for_good(run.plan, run.snapshot().total) for run in runs)))
            if broken:
                self.on_broken(broken)
                self.stop.set()
                return

    async def _stop_soon(self, runs: Sequence[LoadRun]) -> None:
        await self.stop.wait()
        for run in runs:
            run.stop_soon()


async def _reports(runs: Sequence[LoadRun]) -> tuple[Report, ...]:
    return tuple([await run.finished() for run in runs])
