"""The load as a thing that outlives its runs: one after the other, whoever starts, steers and stops them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from client.load.plan.model import OpenLoop, Plan
from client.load.plan.validation import check_plan
from client.load.report.past_run import PastRun
from client.load.report.report import Report
from client.load.run import ANSWER_TIMEOUT_S, SNAPSHOT_EVERY_S, LoadRun
from client.load.summary import Mark, Snapshot, Summary
from vmhost.base.errors import CloudError, Conflict, Unavailable

if TYPE_CHECKING:
    from client.load.distributed.worker_pool import WorkerPool

PAST_MAX = 20
SETTLE_S = 1.0
"""Workers that come or go together are one change."""
BACK_S = 10.0
"""So long after a run its workers may take to be there for the next one."""
_EXACT_S = 0.001

T = TypeVar("T")


def _ignore(_: str) -> None:
    """Nobody wants to know."""


class LoadSession:
    """At most one load at a time, for everybody who holds it; the last twenty runs stay to be read.

    `async with LoadSession() as load: await load.start(plan)`. Leaving the block ends the run's processes. They are of
    this machine, or the workers that have joined `worker_pool`: when those come or go, a load without an end goes on as
    a new run of those that are there, at the rate of that moment. A load with an end keeps its senders.

    `listeners` are called without a word at every beginning, end and change of the rate: they look for themselves, at
    once, and do not raise. `say` is told in a line who sends, where that changes, and which workers cannot."""

    def __init__(
        self, *, processes: int = 1, worker_pool: WorkerPool | None = None, say: Callable[[str], None] = _ignore
    ) -> None:
        self.listeners: list[Callable[[], None]] = []
        self._processes = processes
        self._worker_pool = worker_pool
        self._say = say
        self._past: tuple[PastRun, ...] = ()
        self._numbers = itertools.count(1)
        self._number = 0
        self._joined = 0
        self._plan: Plan | None = None
        """The plan of the load that is on, between two of its runs too."""
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

    # What is

    @property
    def running(self) -> bool:
        """Whether a load has begun and is not over."""
        return self._plan is not None

    @property
    def plan(self) -> Plan | None:
        """The plan of the load that runs; its rate may have been changed since."""
        return self._plan

    @property
    def number(self) -> int:
        """The number of the run that began last; 0 before the first."""
        return self._number

    @property
    def began(self) -> float | None:
        """When the run began, epoch seconds; None while none runs."""
        return None if self._run is None else self._run.metrics.began

    @property
    def rate_per_s(self) -> float:
        """The rate that is asked for now; 0 without a load and where there are users instead."""
        if self._run is not None:
            return self._run.rate_per_s
        return self._plan.open.rate_per_s if self._plan is not None and self._plan.open is not None else 0.0

    @property
    def sender(self) -> str:
        """By whom the load is sent, or was last: "from here", "by 2 workers"."""
        if not self._joined:
            return "from here"
        return f"by {self._joined} worker{'' if self._joined == 1 else 's'}"

    @property
    def past(self) -> tuple[PastRun, ...]:
        """The last twenty runs that are over, the newest first, whatever ended them."""
        return self._past

    def snapshot(self) -> Snapshot | None:
        """The run as it stands now; None while none runs. Costs some milliseconds."""
        return None if self._run is None else self._run.snapshot()

    async def snapshots(self, every_s: float = SNAPSHOT_EVERY_S) -> AsyncIterator[Snapshot | None]:
        """The load for ever: at once, then each so many seconds while a run goes on, and at every change.

        None where no load runs: once, until the next begins. Runs that follow upon each other have no None between."""
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
        """Starts a load; the epoch second of its beginning. Cancelled, it leaves none behind.

        Raises Conflict while one runs, InvalidInput for a plan that makes no sense, Unavailable where its server cannot
        be reached or it was stopped before it began."""
        if self._task is not None:
            running = "" if self._plan is None else f": {self._plan.model}"
            raise Conflict(f"a load runs already{running}; stop it first")
        self._stop = asyncio.Event()
        started: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._serve(check_plan(plan), started))
        try:
            return await started
        except asyncio.CancelledError:
            self._stop.set()
            raise

    async def stop(self) -> Report | None:
        """Ends the load and gives the report of its last run; None where none ran. Cancelled, it ends all the same.

        Waits for the requests under way, at most for the plan's timeout and ten seconds."""
        if self._task is None:
            return None
        self._stop.set()
        return await asyncio.shield(self._task)

    async def set_rate(self, rate_per_s: float) -> None:
        """Changes the rate from now on; 0 pauses. Raises as `LoadRun.set_rate`, Conflict where no load runs."""
        if not self.running:
            raise Conflict("no load runs, so it has no rate to change; start one first")
        if self._run is None:
            raise Unavailable("the load is passing to other senders; try again in a moment")
        await self._run.set_rate(rate_per_s)
        self._notify()

    async def mark(self, text: str) -> Mark | None:
        """Notes an event now; a window from or to its time is exact to the request. None where no load runs."""
        with contextlib.suppress(Unavailable):
            return None if self._run is None else await self._run.mark(text)
        return None

    async def window(self, since: float, until: float) -> Summary | None:
        """The requests due in that stretch of the last ten minutes; None where no run lasted from then until now."""
        run = self._run
        if run is None or since < run.metrics.began - _EXACT_S:
            return None
        with contextlib.suppress(Unavailable):
            return await run.window(since, until)
        return None

    # One load, from its beginning to its end: LoadRun's block wants one task

    async def _serve(self, plan: Plan, started: asyncio.Future[float]) -> Report | None:
        """Sends the plan until it is over; the report of its last run, None where it has none."""
        try:
            return await self._send(plan, started)
        except asyncio.CancelledError:
            _reject(started, Unavailable("the load generator was closed; expected it to be there"))
            raise
        except Exception as error:
            if not _reject(started, error):
                raise
            return None
        finally:
            self._run = self._plan = self._task = None
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
            plan = self._plan = _as_steered(plan, report, self.rate_per_s)
            self._run = None
            await self._wait_for_return(again)
            joined = present = self._present

    async def _run_once(
        self, plan: Plan, started: asyncio.Future[float], *, joined: int, present: int
    ) -> tuple[Report, int | None]:
        """One run, by `joined` workers or from here: its report, and how many shall go on with the load, if any.

        Another number of workers than `present` is a change, also one while the run begins."""
        async with LoadRun(
            processes=joined or self._processes, worker_source=self._worker_pool if joined else None
        ) as run:
            began = await self._unless_stopped(run.start(plan))
            self._begin(run, joined)
            if not started.done():
                started.set_result(began)
            again = await self._until_over(run, present)
        # Whoever did not end in time has been ended by now, so that there is a report in any case.
        report = await run.finished()
        past = PastRun(number=self._number, began=began, ended=time.time(), report=report, error=run.error)
        self._past = (past, *self._past)[:PAST_MAX]
        return report, again

    def _begin(self, run: LoadRun, joined: int) -> None:
        before, self._joined = self._joined, joined
        self._run, self._plan, self._number = run, run.plan, next(self._numbers)
        if joined != before:
            self._say(f"the load is now sent {self.sender}")
        self._notify()

    async def _until_over(self, run: LoadRun, present: int) -> int | None:
        """Returns when the run is over, or was told to end and had its time.

        So many workers shall go on with the load; None where it is over."""
        over, stopped = asyncio.create_task(run.finished()), asyncio.create_task(self._stop.wait())
        changed = asyncio.create_task(self._changed(present, endless=run.plan.endless))
        tasks: list[asyncio.Task[Any]] = [over, stopped, changed]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if over.done() and not changed.done() and not self._lost_workers(run):
                return None
            count = self._present
            run.stop_soon()
            await asyncio.wait([over], timeout=run.plan.timeout_s + ANSWER_TIMEOUT_S)
            return None if stopped.done() else count
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _lost_workers(self, run: LoadRun) -> bool:
        """Whether a load without an end is over because all of its workers have gone."""
        return bool(self._joined) and run.plan.endless and bool(run.error)

    async def _changed(self, present: int, *, endless: bool) -> None:
        """Returns when workers came or went and this load is to pass to those that are there."""
        if self._worker_pool is None or not endless:
            await asyncio.get_running_loop().create_future()
            return
        await self._worker_pool.changed(present)
        await asyncio.sleep(SETTLE_S)

    @property
    def _present(self) -> int:
        return 0 if self._worker_pool is None else self._worker_pool.count

    async def _wait_for_return(self, count: int) -> None:
        """Those that served are gone with their run and come back for the next: waits for them a while."""
        if self._worker_pool is not None and count:
            with contextlib.suppress(Unavailable):
                await self._unless_stopped(self._worker_pool.wait_for(count, BACK_S))

    async def _unless_stopped(self, work: Coroutine[object, object, T]) -> T:
        """What the work gives. Raises Unavailable as soon as the load is stopped."""
        working, stopped = asyncio.create_task(work), asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((working, stopped), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise Unavailable("the load was stopped before it began; expected to go on")
            return working.result()
        finally:
            for task in (working, stopped):
                task.cancel()
            await asyncio.gather(working, stopped, return_exceptions=True)

    def _give_up(self, error: CloudError, started: asyncio.Future[float]) -> None:
        """The load cannot begin, or not go on: whoever started it is told, or it stays with the run before."""
        if not _reject(started, error) and self._past and not self._stop.is_set():
            self._past = (replace(self._past[0], error=error.message), *self._past[1:])

    def _notify(self) -> None:
        for listener in tuple(self.listeners):
            listener()


def _as_steered(plan: Plan, report: Report, rate_per_s: float) -> Plan:
    """The plan as it goes on: at the rate of this moment where somebody changed it by hand, else as it was."""
    if plan.open is None or not report.result.steered:
        return plan
    return replace(plan, open=OpenLoop(rate_per_s=rate_per_s, spacing=plan.open.spacing))


def _reject(started: asyncio.Future[float], error: Exception) -> bool:
    """Gives the error to whoever waits for the beginning; whether somebody did."""
    if started.done():
        return False
    started.set_exception(error)
    return True
