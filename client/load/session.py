"""A session of load runs: one after the other, started, steered and stopped from terminal and console alike."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from client.load.plan.model import OpenLoop, Plan
from client.load.plan.validation import check_plan
from client.load.run import SNAPSHOT_EVERY_S, LoadRun
from client.load.run_report import PastRun, Report
from client.load.run_result import Mark, Snapshot
from client.load.summary import Summary
from client.load.workers import ANSWER_TIMEOUT_S, cancel_all, unless_stopped
from vmhost.base.errors import CloudError, Conflict, Unavailable

if TYPE_CHECKING:
    from client.load.distributed.worker_pool import WorkerPool

PAST_MAX = 20
SETTLE_S = 1.0
"""Workers that come or go within this time are one change."""
BACK_S = 10.0
"""The time that workers have after a run to join again for the next one."""
_EXACT_S = 0.001

T = TypeVar("T")


class LoadSession:
    """At most one load at a time, shared by everything that holds the session; keeps the last twenty runs.

    `async with LoadSession() as load: await load.start(plan)`. Leaving the block ends the run's processes. They are of
    this computer, or the workers that have joined `worker_pool`: when those come or go, a load without an end goes on
    as a new run of those that are there, at the rate of that moment. A load with an end keeps its senders.

    `listeners` are called without an argument at every start, end and change of the rate; they must not raise. `say` is
    called with a line that says who sends, when that changes, and which workers cannot send."""

    def __init__(
        self, *, processes: int = 1, worker_pool: WorkerPool | None = None, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self.listeners: list[Callable[[], None]] = []
        self._processes = processes
        self._worker_pool = worker_pool
        self._say = say
        self.past: tuple[PastRun, ...] = ()
        """The last twenty runs that are over, the newest first."""
        self._numbers = itertools.count(1)
        self.number = 0
        """The number of the last run that started; 0 before the first."""
        self._joined = 0
        self.plan: Plan | None = None
        """The plan of the present load, also between two of its runs."""
        self._run: LoadRun | None = None
        self._task: asyncio.Task[Report | None] | None = None
        self._stop = asyncio.Event()

    async def __aenter__(self) -> LoadSession:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if (task := self._task) is not None:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()

    # State

    @property
    def running(self) -> bool:
        """Whether a load has started and is not over."""
        return self.plan is not None

    @property
    def began(self) -> float | None:
        """When the run started, as epoch seconds; None if none runs."""
        return None if self._run is None else self._run.metrics.began

    @property
    def rate_per_s(self) -> float:
        """The rate of the schedule now; 0 without a load, or if there are users instead."""
        if self._run is not None:
            return self._run.rate_per_s
        return self.plan.open.rate_per_s if self.plan is not None and self.plan.open is not None else 0.0

    @property
    def sender(self) -> str:
        """Who sends the load, or did last: "from here", "by 2 workers"."""
        if not self._joined:
            return "from here"
        return f"by {self._joined} worker{'' if self._joined == 1 else 's'}"

    def snapshot(self) -> Snapshot | None:
        """The state of the run now; None if none runs. Takes some milliseconds."""
        return None if self._run is None else self._run.snapshot()

    async def snapshots(self, every_s: float = SNAPSHOT_EVERY_S) -> AsyncIterator[Snapshot | None]:
        """The state of the load, without an end: at once, at this interval while a run goes on, and at every change.

        None once if no load runs, until the next one starts. There is no None between runs that follow each other."""
        news = asyncio.Event()
        self.listeners.append(news.set)
        try:
            gave_none = False
            while True:
                news.clear()
                snapshot = self.snapshot()
                if snapshot is not None:
                    gave_none = False
                    yield snapshot
                elif not self.running and not gave_none:
                    gave_none = True
                    yield None
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(every_s if self.running else None):
                        await news.wait()
        finally:
            self.listeners.remove(news.set)

    # Steering

    async def start(self, plan: Plan) -> float:
        """Start a load; return its start as epoch seconds. If this is cancelled, no load is left behind.

        Raises Conflict while one runs, InvalidInput for a plan that makes no sense, Unavailable if its server cannot be
        reached or the load was stopped before it started."""
        if self._task is not None:
            running = "" if self.plan is None else f": {self.plan.model}"
            raise Conflict(f"a load is running already{running}; stop it first")
        self._stop = asyncio.Event()
        started: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._serve(check_plan(plan), started))
        try:
            return await started
        except asyncio.CancelledError:
            self._stop.set()
            raise

    async def stop(self) -> Report | None:
        """End the load and return the report of its last run; None if none ran. It also ends if this is cancelled.

        Waits for the requests under way, at most for the plan's timeout and ten seconds."""
        if self._task is None:
            return None
        self._stop.set()
        return await asyncio.shield(self._task)

    async def set_rate(self, rate_per_s: float) -> None:
        """Change the rate from now on; 0 pauses. Raises as `LoadRun.set_rate` does, Conflict if no load runs."""
        if not self.running:
            raise Conflict("no load is running; start one first")
        if self._run is None:
            raise Unavailable("the load is passing to other senders; try again in a moment")
        await self._run.set_rate(rate_per_s)
        self._notify()

    async def mark(self, text: str) -> Mark | None:
        """Note an event now; a window from or to its time is exact to the request. None if no load runs."""
        with contextlib.suppress(Unavailable):
            return None if self._run is None else await self._run.mark(text)
        return None

    async def window(self, since: float, until: float) -> Summary | None:
        """The requests due in that part of the last ten minutes; None if no run lasted from then until now."""
        run = self._run
        if run is None or since < run.metrics.began - _EXACT_S:
            return None
        with contextlib.suppress(Unavailable):
            return await run.window(since, until)
        return None

    # One load from start to end, in one task, because a LoadRun's block must be entered and left in the same task

    async def _serve(self, plan: Plan, started: asyncio.Future[float]) -> Report | None:
        """Send the plan until it is over; return the report of its last run, None if it has none."""
        try:
            return await self._send(plan, started)
        except asyncio.CancelledError:
            _reject(started, Unavailable("the load generator was closed"))
            raise
        except Exception as error:
            if not _reject(started, error):
                raise
            return None
        finally:
            self._run = self.plan = self._task = None
            self._notify()

    async def _send(self, plan: Plan, started: asyncio.Future[float]) -> Report | None:
        joined = present = self._present
        report = None
        while True:
            try:
                report, again = await self._run_once(plan, started, joined=joined, present=present)
            except CloudError as error:
                if self._stop.is_set() or not joined:
                    self._give_up(error, started)
                    return report
                self._say(f"the workers cannot send: {error.message}; the load is sent from here")
                await self._wait_for_return(joined)
                joined, present = 0, self._present
                continue
            if again is None or self._stop.is_set():
                return report
            plan = self.plan = _as_steered(plan, report, self.rate_per_s)
            self._run = None
            await self._wait_for_return(again)
            joined = present = self._present

    async def _run_once(
        self, plan: Plan, started: asyncio.Future[float], *, joined: int, present: int
    ) -> tuple[Report, int | None]:
        """Do one run, by `joined` workers or from here; return its report, and how many workers are to go on, if any.

        A number of workers other than `present` is a change, also while the run starts."""
        async with LoadRun(
            processes=joined or self._processes, worker_source=self._worker_pool if joined else None
        ) as run:
            began = await unless_stopped(self._stop, run.start(plan))
            self._begin(run, joined)
            if not started.done():
                started.set_result(began)
            again = await self._until_over(run, present)
        # Processes that did not end in time have been ended by now, so there is a report in any case.
        report = await run.finished()
        past = PastRun(number=self.number, began=began, ended=time.time(), report=report, error=run.error)
        self.past = (past, *self.past)[:PAST_MAX]
        return report, again

    def _begin(self, run: LoadRun, joined: int) -> None:
        before, self._joined = self._joined, joined
        self._run, self.plan, self.number = run, run.plan, next(self._numbers)
        if joined != before:
            self._say(f"the load is now sent {self.sender}")
        self._notify()

    async def _until_over(self, run: LoadRun, present: int) -> int | None:
        """Wait until the run is over, or was stopped and had its time to end.

        Return how many workers are to go on with the load; None if it is over."""
        over, stopped = asyncio.create_task(run.finished()), asyncio.create_task(self._stop.wait())
        changed = asyncio.create_task(self._changed(present, endless=run.plan.endless))
        try:
            await asyncio.wait((over, stopped, changed), return_when=asyncio.FIRST_COMPLETED)
            if over.done() and not changed.done() and not self._lost_workers(run):
                return None
            count = self._present
            run.stop_soon()
            await asyncio.wait([over], timeout=run.plan.timeout_s + ANSWER_TIMEOUT_S)
            return None if stopped.done() else count
        finally:
            await cancel_all(over, stopped, changed)

    def _lost_workers(self, run: LoadRun) -> bool:
        """Whether a load without an end is over because all of its workers have gone."""
        return bool(self._joined) and run.plan.endless and bool(run.error)

    async def _changed(self, present: int, *, endless: bool) -> None:
        """Wait until workers have come or gone and this load is to pass to those that are there."""
        if self._worker_pool is None or not endless:
            await asyncio.get_running_loop().create_future()
            return
        await self._worker_pool.changed(present)
        await asyncio.sleep(SETTLE_S)

    @property
    def _present(self) -> int:
        return 0 if self._worker_pool is None else self._worker_pool.count

    async def _wait_for_return(self, count: int) -> None:
        """Wait a while for workers to join again, because each leaves after its run."""
        if self._worker_pool is not None and count:
            with contextlib.suppress(Unavailable):
                await unless_stopped(self._stop, self._worker_pool.wait_for(count, BACK_S))

    def _give_up(self, error: CloudError, started: asyncio.Future[float]) -> None:
        """Give the error to the caller of `start` if the load could not start, else keep it with the last run."""
        if not _reject(started, error) and self.past and not self._stop.is_set():
            self.past = (replace(self.past[0], error=error.message), *self.past[1:])

    def _notify(self) -> None:
        for listener in tuple(self.listeners):
            listener()


def _as_steered(plan: Plan, report: Report, rate_per_s: float) -> Plan:
    """The plan to go on with: at the present rate if it was changed by hand, else as it was."""
    if plan.open is None or not report.result.steered:
        return plan
    return replace(plan, open=OpenLoop(rate_per_s=rate_per_s, spacing=plan.open.spacing))


def _reject(started: asyncio.Future[float], error: Exception) -> bool:
    """Give the error to the caller who waits for the start; return whether there was one."""
    if started.done():
        return False
    started.set_exception(error)
    return True
