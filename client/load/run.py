"""One run of a plan: started, steered and read, whatever the number of processes that send it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType

from client.load import messages
from client.load.examples import FailureExamples, bounded_example
from client.load.interval_stats import IntervalStats
from client.load.messages import Reply
from client.load.metrics import Metrics
from client.load.plan.model import Plan
from client.load.plan.placeholders import variables_of
from client.load.plan.urls import parse_resolve, parse_url
from client.load.plan.validation import check_plan, check_rate
from client.load.run_report import Environment, Report, make_report, observe_environment
from client.load.run_result import Mark, RunResult, Snapshot
from client.load.schedule import NS_PER_S, Part, SteeredRate
from client.load.script.captured_output import OutputLog
from client.load.standstill import merge_standstills
from client.load.summary import Summary, latency_of
from client.load.workers import LocalWorkers, RunWorker, WorkerSource, within
from vmhost.base.errors import InvalidInput, Unavailable

START_TIMEOUT_S = 20.0
SNAPSHOT_EVERY_S = 0.5
RECENT_S = 10.0
MOMENT_S = 2.0
MINUTE_S = 60.0
SETTLE_S = 3.0
"""This long after the last request of a second has run into its timeout, all processes have reported it."""
GIVE_UP_S = 10.0
"""A process that has not ended this long after the last request has run into its timeout is lost."""
HEAD_START_S = 0.02
HEAD_START_FAR_S = 0.5
"""The schedule starts this long after all are ready, because the command to start takes its time, more over a
network."""


class LoadRun:
    """One run of a plan by a number of processes, of this computer or of the worker source.

    `async with LoadRun() as run: await run.start(plan)`. Leaving the block ends the processes, finished or not.
    `on_output` is called with the lines that a script prints, fit for a terminal. `on_interval` is called with each
    second (or part of one, if a mark cut it) once all of its requests have ended.
    Every method raises Unavailable once the worker processes have died."""

    def __init__(
        self, *, processes: int = 1, worker_source: WorkerSource | None = None,
        on_interval: Callable[[IntervalStats], None] | None = None,
        on_output: Callable[[Sequence[str]], None] | None = None,
    ) -> None:  # fmt: skip
        self.on_interval = on_interval
        self.metrics = Metrics(0.0)
        self._wanted = processes
        self._source = worker_source or LocalWorkers()
        self._plan: Plan | None = None
        self._environment: Environment | None = None
        self._workers: list[RunWorker] = []
        self._tasks = asyncio.TaskGroup()
        self._numbers = itertools.count(1)
        self._start_ns = 0
        self._stopped_s: float | None = None
        self._rate: SteeredRate | None = None
        self._examples = FailureExamples()
        self._output = OutputLog()
        self._on_output = on_output
        self._result: asyncio.Future[RunResult] | None = None

    async def __aenter__(self) -> LoadRun:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await asyncio.gather(*(each.worker.close() for each in self._workers))
        finally:
            # The block's own error is raised as it is, not in a group; a cancellation may come from the group itself.
            ours = isinstance(error, asyncio.CancelledError)
            await self._tasks.__aexit__(kind if ours else None, error if ours else None, trace if ours else None)

    # Start

    async def start(self, plan: Plan) -> float:
        """Start the run; return its start as epoch seconds.

        Raises InvalidInput for a plan that makes no sense, Unavailable if its server cannot be reached."""
        await self.prepare(plan)
        return self.go(time.monotonic_ns() + round(self.head_start_s * NS_PER_S))

    async def prepare(self, plan: Plan) -> None:
        """Start the processes, reach the servers and compare clocks. Raises as `start` does."""
        if self._plan is not None:
            raise RuntimeError("a LoadRun does one run")
        plan = self._plan = check_plan(plan)
        resolved = parse_resolve(plan.resolve)
        origins = [parse_url(url)[0] for url in plan.urls if "{" not in url]
        hosts = [resolved.get((each.host, each.port), (each.host,))[0] for each in origins]
        self._environment = observe_environment(hosts)
        variables = variables_of(plan, os.environ)
        workers = await self._source.acquire(self._wanted)
        # Kept first: whatever is refused from here on, they are ended with the run.
        self._workers = [RunWorker(worker, Part(index, len(workers))) for index, worker in enumerate(workers)]
        if plan.script is not None and (far := [worker.name for worker in workers if not worker.local]):
            raise InvalidInput(f"script {plan.script} cannot run on {far[0]}: scripts run only on this computer")
        for each in self._workers:
            self._tasks.create_task(self._receive(each))
            part = (each.part.index, each.part.of)
            each.worker.send(messages.Job(plan=plan, part=part, variables=variables))
        ready = asyncio.gather(*(each.ready for each in self._workers))
        await within(START_TIMEOUT_S + plan.timeout_s, ready, "the load generator to start")
        await asyncio.gather(*(each.compare_clocks() for each in self._workers if not each.worker.local))

    @property
    def head_start_s(self) -> float:
        """How long before the start `go` must be called."""
        return HEAD_START_S if all(each.worker.local for each in self._workers) else HEAD_START_FAR_S

    def go(self, start_ns: int) -> float:
        """Start at that monotonic time; return it as epoch seconds."""
        plan = self._plan
        assert plan is not None, "prepare comes first"
        self._start_ns = start_ns
        self._rate = SteeredRate(plan.open, plan.seed) if plan.open is not None else None
        began = time.time() + (start_ns - time.monotonic_ns()) / NS_PER_S
        self.metrics = Metrics(began, targets=plan.target_names, warm_up_s=plan.warm_up_s)
        self._result = asyncio.get_running_loop().create_future()
        for each in self._workers:
            each.worker.send(messages.Go(at_ns=start_ns + each.clock_ahead_ns))
        self._tasks.create_task(self._publish_regularly())
        # A worker that has gone since it was ready will not report it again.
        self._check_whether_over()
        return began

    # Steering

    async def set_rate(self, rate_per_s: float) -> None:
        """Change the arrival rate of an open loop, in all processes at the same instant; 0 pauses it.

        Raises InvalidInput for a rate that is not possible, or if there are users instead of a rate."""
        check_rate(rate_per_s)
        self._must_run()
        if self._rate is None:
            raise InvalidInput(f"a rate of {rate_per_s:g}/s cannot be set: this load has users, not a rate")
        at_ns = self._next_instant_ns()
        self._rate.change(rate_per_s, at_ns - self._start_ns)
        for each in self._workers:
            each.worker.send(messages.SetRate(rate_per_s=rate_per_s, at_ns=at_ns + each.clock_ahead_ns))
        await self._sleep_until(at_ns)

    async def mark(self, text: str) -> Mark:
        """Note an event now; a window from or to its time is exact to the request."""
        self._must_run()
        at_ns = self._next_instant_ns()
        for each in self._workers:
            each.worker.send(messages.Cut(at_ns=at_ns + each.clock_ahead_ns))
        mark = self.metrics.mark(text[:200], (at_ns - self._start_ns) / NS_PER_S)
        await self._sleep_until(at_ns)
        return mark

    async def window(self, since: float, until: float) -> Summary:
        """The summary, with histograms, of the requests due in that part of the last ten minutes (epoch seconds)."""
        self._must_run()
        number = next(self._numbers)
        await asyncio.gather(*(each.flush(number) for each in self._workers))
        return self.metrics.window(since, until, self._elapsed_s())

    async def snapshots(self, every_s: float = SNAPSHOT_EVERY_S) -> AsyncIterator[Snapshot]:
        """The state of the run at this interval, and once more when it is over.

        To make one takes some milliseconds, which delays requests if there are few cores: take no more than needed."""
        assert self._result is not None, "start comes first"
        over = False
        while not over:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(every_s):
                    await asyncio.shield(self._result)
            over = self._over
            yield self.snapshot()

    async def stop(self) -> Report:
        """End the schedule now and return the report of what was measured; also of a run that has ended by itself."""
        self.stop_soon()
        return await self.finished()

    def stop_soon(self) -> None:
        """Start to end the schedule without waiting for it: for signal handlers."""
        if not self._over:
            if self._stopped_s is None:
                self._stopped_s = (time.monotonic_ns() - self._start_ns) / NS_PER_S
            for each in self._workers:
                each.worker.send(messages.Stop())

    async def finished(self) -> Report:
        assert self._result is not None, "start comes first"
        assert self._plan is not None
        assert self._environment is not None
        return make_report(self._plan, await asyncio.shield(self._result), self._environment)

    @property
    def plan(self) -> Plan:
        assert self._plan is not None, "start comes first"
        return self._plan

    @property
    def processes(self) -> int:
        """The number of processes that send."""
        return len(self._workers)

    @property
    def rate_per_s(self) -> float:
        """The rate of the schedule at this moment; 0 if there are users instead."""
        return 0.0 if self._rate is None else self._rate.now(self._elapsed_s())

    @property
    def error(self) -> str:
        """Why a process has gone before its end; empty if none has."""
        return next((each.error.message for each in reversed(self._workers) if each.error is not None), "")

    @property
    def _over(self) -> bool:
        return self._result is None or self._result.done()

    def _must_run(self) -> None:
        if self._over:
            raise Unavailable(self.error or "the load run has ended")

    def _next_instant_ns(self) -> int:
        """A time that comes after every process has received a message sent now."""
        return time.monotonic_ns() + round(self.head_start_s * NS_PER_S)

    async def _sleep_until(self, at_ns: int) -> None:
        await asyncio.sleep(max(0.0, (at_ns - time.monotonic_ns()) / NS_PER_S))

    # Messages of the workers

    async def _receive(self, worker: RunWorker) -> None:
        # A line that is not a message of ours ends the conversation as its own end would.
        with contextlib.suppress(ValueError):
            async for reply in worker.replies():
                self._on_reply(worker, reply)
        self._print(worker, *worker.worker.take_output())
        worker.set_gone()
        self._check_whether_over()

    def _on_reply(self, worker: RunWorker, reply: Reply) -> None:
        match reply:
            case messages.Counted():
                stats = IntervalStats.from_data(reply.interval)
                worker.offered += stats.offered
                self.metrics.add(stats)
            case messages.Examples():
                for example in map(bounded_example, reply.examples):
                    if self._examples.wants(example.kind):
                        self._examples.add(example.kind, example)
            case messages.Output():
                self._print(worker, reply.lines, reply.left_out)
            case messages.Tick():
                self._print(worker, *worker.worker.take_output())
            case messages.Ended():
                self._check_whether_over()

    def _print(self, worker: RunWorker, lines: Sequence[str], left_out: int) -> None:
        if not lines and not left_out:
            return
        name = f"{worker.worker.name}: " if len(self._workers) > 1 else ""
        shown = self._output.add([f"{name}{each}" for each in lines], left_out)
        if self._on_output is not None:
            self._on_output(shown)

    # While it runs

    def _elapsed_s(self) -> float:
        if self._result is not None and self._result.done():
            return self._result.result().elapsed_s
        elapsed_s = max(0.0, (time.monotonic_ns() - self._start_ns) / NS_PER_S)
        # The wait for responses after the schedule's end makes the run no longer.
        limit_s = None if self._plan is None else self._plan.duration_s
        return elapsed_s if limit_s is None else min(elapsed_s, limit_s)

    async def _publish_regularly(self) -> None:
        overdue = 0
        while not self._over:
            await asyncio.sleep(SNAPSHOT_EVERY_S)
            self._publish_intervals(self._elapsed_s())
            # Counted in steps of this loop, so that a pause of this process is not taken for a worker's.
            overdue += self._overdue()
            if overdue * SNAPSHOT_EVERY_S >= GIVE_UP_S:
                await self._end_late_workers()
                overdue = 0

    def _overdue(self) -> bool:
        """Whether every process should have ended by now."""
        ends = [each for each in (self._stopped_s, self.plan.duration_s) if each is not None]
        run_s = (time.monotonic_ns() - self._start_ns) / NS_PER_S
        return bool(ends) and run_s > min(ends) + self.plan.timeout_s

    async def _end_late_workers(self) -> None:
        """End the processes that go on after the run's end; they count as lost."""
        late = [each.worker for each in self._workers if each.ended is None and not each.gone]
        await asyncio.gather(*(worker.close() for worker in late))

    def _publish_intervals(self, now_s: float) -> None:
        if self.on_interval is not None:
            for stats in self.metrics.finished_intervals(now_s - self.plan.timeout_s - SETTLE_S):
                self.on_interval(stats)

    def snapshot(self) -> Snapshot:
        """The state of the run now, or at its end."""
        now_s, metrics = self._elapsed_s(), self.metrics
        now = metrics.began + now_s
        ticks = [each.tick for each in self._workers if not each.gone]
        return Snapshot(
            at=now,
            elapsed_s=now_s,
            rate_per_s=0.0 if self._rate is None else self._rate.now(now_s),
            in_flight=sum(each.in_flight for each in ticks),
            waiting=sum(each.waiting for each in ticks),
            cpu_percent=max((each.cpu_percent for each in ticks), default=0.0),
            processes=len(ticks),
            total=metrics.total(now_s, instances=False),
            recent=metrics.window(now - RECENT_S, now, now_s),
            moment=metrics.window(now - MOMENT_S, now, now_s),
            minute=latency_of(metrics.window(now - MINUTE_S, now, now_s).response_histogram),
            last=next((each.last for each in ticks if each.last is not None), None),
            slowest=max(
                (each.slowest for each in ticks if each.slowest is not None),
                key=lambda traced: traced.response_ms,
                default=None,
            ),
            marks=tuple(metrics.marks),
            timeline=metrics.timeline.columns(),
            examples=self._examples.all,
            output=self._output.lines,
        )

    # End

    def _check_whether_over(self) -> None:
        if self._result is None or self._result.done():
            return
        if all(each.gone or each.ended is not None for each in self._workers):
            self._publish_intervals(float("inf"))
            self._result.set_result(self._make_result())

    def _make_result(self) -> RunResult:
        ends = [each.ended for each in self._workers if each.ended is not None]
        elapsed_s = max((end.elapsed_s for end in ends), default=self._elapsed_s())
        rate = self._rate
        processes = tuple(
            each.result(due=0 if rate is None else rate.due(each.part, elapsed_s)) for each in self._workers
        )
        missed = sum(process.missed for process in processes)
        self.metrics.missed(missed)
        standstills = merge_standstills(standstill for end in ends for standstill in end.standstills)
        return RunResult(
            total=self.metrics.total(elapsed_s - sum(each.schedule_s for each in standstills)),
            elapsed_s=elapsed_s,
            missed=missed,
            processes=processes,
            stopped=any(end.stopped for end in ends),
            steered=rate is not None and rate.changed,
            marks=tuple(self.metrics.marks),
            timeline=self.metrics.timeline.columns(),
            examples=self._examples.all,
            output=self._output.lines,
        )
