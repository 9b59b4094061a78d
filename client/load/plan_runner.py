"""Carries out a command's runs: of one plan, or of several tenants that start together, each with its report."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from client.load.plan.model import Plan
from client.load.run import LoadRun
from client.load.run_report import Report
from client.load.schedule import NS_PER_S
from client.load.verdict import Verdict, broken_for_good
from client.load.workers import WorkerSource, cancel_all, unless_stopped

LOOK_EVERY_S = 1.0
Watcher = Callable[[Sequence[LoadRun]], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRunner:
    """Runs plans with a number of processes, of this computer or of the worker source. `watch` shows the runs."""

    processes: int
    stop: asyncio.Event
    watch: Watcher
    worker_source: WorkerSource | None = None
    on_broken: Callable[[str], None] | None = None
    """Called with the broken thresholds; the run is then ended. With None it goes on to its end."""
    on_output: Callable[[Sequence[str]], None] | None = None
    """Called with lines that a script prints."""

    async def run(self, plans: Sequence[Plan], on_started: Callable[[Sequence[LoadRun]], None]) -> tuple[Report, ...]:
        """Run all tenants once; `on_started` is called when they have started. `stop` ends them with what was measured.

        Raises as `LoadRun.start`, and what `on_started` and `watch` raise."""
        async with AsyncExitStack() as stack:
            made = [
                LoadRun(processes=self.processes, worker_source=self.worker_source, on_output=self.on_output)
                for _ in plans
            ]
            runs = [await stack.enter_async_context(run) for run in made]
            await unless_stopped(self.stop, start_together(runs, plans))
            on_started(runs)
            watching, finishing = asyncio.create_task(self.watch(runs)), asyncio.create_task(_reports(runs))
            stopping = asyncio.create_task(self._stop_soon(runs))
            breaking = asyncio.create_task(self._stop_when_broken(runs))
            try:
                # `watch` may return early; if it fails, the run must not go on unseen.
                await asyncio.wait((watching, finishing), return_when=asyncio.FIRST_EXCEPTION)
                if watching.done():
                    watching.result()
                return await finishing
            finally:
                await cancel_all(watching, finishing, stopping, breaking)

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


async def start_together(runs: Sequence[LoadRun], plans: Sequence[Plan]) -> None:
    """Prepare every run, then start them all at the same instant. Raises as `LoadRun.start`; then none has started."""
    await asyncio.gather(*(run.prepare(plan) for run, plan in zip(runs, plans, strict=True)))
    start_ns = time.monotonic_ns() + round(max(run.head_start_s for run in runs) * NS_PER_S)
    for run in runs:
        run.go(start_ns)


def verdict_of(reports: Sequence[Report]) -> Verdict:
    """The verdict of the whole: INVALID if one report is, else FAILED if one is."""
    found = {report.verdict for report in reports}
    return next(verdict for verdict in (Verdict.INVALID, Verdict.FAILED, Verdict.VALID) if verdict in found)
