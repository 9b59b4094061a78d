"""A run as an object: started, steered and read, whatever the number of processes that send it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Any

from client.load.engine.engine_result import EngineResult
from client.load.environment import Environment, observe_environment
from client.load.examples import FailureExample, FailureExamples, bounded_example
from client.load.interval_stats import IntervalStats
from client.load.json_codec import from_json, to_json
from client.load.metrics import Metrics
from client.load.plan.model import Plan
from client.load.plan.placeholders import variables_of
from client.load.plan.urls import parse_resolve, parse_url
from client.load.plan.validation import check_plan, check_rate
from client.load.rates import ConstantRate, RateCurve, rate_curve
from client.load.report.report import Report, make_report
from client.load.schedule import NS_PER_S, Part, Schedule
from client.load.script.captured_output import OutputLog
from client.load.standstill import merge_standstills
from client.load.summary import Latency, Mark, ProcessResult, RunResult, Snapshot, Summary, TracedRequest, latency_of
from client.load.worker import WorkerJob
from client.load.worker_processes import LocalWorkers, Worker, WorkerSource
from vmhost.base.errors import CloudError, InvalidInput, Unavailable

START_TIMEOUT_S = 20.0
ANSWER_TIMEOUT_S = 10.0
SNAPSHOT_EVERY_S = 0.5
RECENT_S = 10.0
MOMENT_S = 2.0
MINUTE_S = 60.0
SETTLE_S = 3.0
"""So long after a second's last request has run into its timeout all processes have told of it."""
GIVE_UP_S = 10.0
"""So long after the last request has run into its timeout a process may take to end; then it is lost."""
HEAD_START_S = 0.02
HEAD_START_FAR_S = 0.5
"""The schedule begins so long after everybody is ready: the word to go takes its time, longer over a network."""
_CLOCK_QUESTIONS = 15


class WorkerState:
    """One member in a run: its part, its clock, and what it said last."""

    def __init__(self, worker: Worker, part: Part) -> None:
        self.worker = worker
        self.part = part
        self.clock_ahead_ns = 0
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.clock: asyncio.Future[int] | None = None
        self.flushed: dict[int, asyncio.Future[None]] = {}
        self.ended: EngineResult | None = None
        self.gone = False
        self.offered = 0
        self.in_flight = self.waiting = 0
        self.cpu_percent = 0.0
        self.last: TracedRequest | None = None
        self.slowest: TracedRequest | None = None


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
        self._states: list[WorkerState] = []
        self._tasks = asyncio.TaskGroup()
        self._numbers = itertools.count(1)
        self._start_ns = 0
        self._stopped_s: float | None = None
        self._rate: RateCurve | None = None
        self._examples = FailureExamples()
        self._output = OutputLog()
        self._on_output = on_output
        self._changes: list[tuple[int, float]] = []
        self._error: CloudError | None = None
        self._result: asyncio.Future[RunResult] | None = None

    async def __aenter__(self) -> LoadRun:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await asyncio.gather(*(state.worker.close() for state in self._states))
        finally:
            # The block's own error goes on as it is, not in a group; a cancellation may be the group's own affair.
            ours = isinstance(error, asyncio.CancelledError)
            await self._tasks.__aexit__(kind if ours else None, error if ours else None, trace if ours else None)

    # Beginning

    async def start(self, plan: Plan) -> float:
        """Starts the run; the epoch second of its beginning.

        Raises InvalidInput for a plan that makes no sense, Unavailable where its server cannot be reached."""
        await self.prepare(plan)
        return self.go(time.monotonic_ns() + round(self.head_start_s * NS_PER_S))

    async def prepare(self, plan: Plan) -> None:
        """Everything but the beginning: processes started, servers reached, clocks compared. Raises as `start`."""
        if self._plan is not None:
            raise RuntimeError("a LoadRun does one run")
        plan = self._plan = check_plan(plan)
        resolved = parse_resolve(plan.resolve)
        origins = [parse_url(url)[0] for url in plan.urls if "{" not in url]
        self._environment = observe_environment(
            [resolved.get((each.host, each.port), (each.host,))[0] for each in origins]
        )
        variables = variables_of(plan, os.environ)
        workers = await self._source.acquire(self._wanted)
        # Seated first: whatever is refused from here on, they are ended with the run.
        self._states = [WorkerState(worker, Part(index, len(workers))) for index, worker in enumerate(workers)]
        if plan.script is not None and (far := [worker.name for worker in workers if not worker.local]):
            raise InvalidInput(f"script {plan.script} cannot run on {far[0]}; expected only processes of this machine")
        for state in self._states:
            self._tasks.create_task(self._receive(state))
            state.worker.send(
                {"job": to_json(WorkerJob(plan=plan, part=(state.part.index, state.part.of), variables=variables))}
            )
        limit_s = START_TIMEOUT_S + plan.timeout_s
        await _within(limit_s, asyncio.gather(*(state.ready for state in self._states)), "the load generator's start")
        await asyncio.gather(*(self._compare_clocks(state) for state in self._states if not state.worker.local))

    @property
    def head_start_s(self) -> float:
        """How long before the beginning `go` must be called."""
        return HEAD_START_S if all(state.worker.local for state in self._states) else HEAD_START_FAR_S

    def go(self, start_ns: int) -> float:
        """Begins at that monotonic time; the epoch second of it."""
        plan = self._plan
        assert plan is not None, "prepare comes first"
        self._start_ns = start_ns
        self._rate = rate_curve(plan.open) if plan.open is not None else None
        began = time.time() + (start_ns - time.monotonic_ns()) / NS_PER_S
        self.metrics = Metrics(began, targets=plan.target_names, warm_up_s=plan.warm_up_s)
        self._result = asyncio.get_running_loop().create_future()
        for state in self._states:
            state.worker.send({"go": start_ns + state.clock_ahead_ns})
        self._tasks.create_task(self._publish())
        # Whoever has gone since it was ready will not say so again.
        self._check_whether_over()
        return began

    # Steering

    async def set_rate(self, rate_per_s: float) -> None:
        """Changes the arrival rate of an open loop, in all processes at the same instant; 0 pauses it.

        Raises InvalidInput for a rate that is not possible, or where there are users instead of a rate."""
        check_rate(rate_per_s)
        self._must_run()
        assert self._plan is not None
        if self._plan.open is None:
            raise InvalidInput(f"a rate of {rate_per_s:g}/s belongs to an open loop; this run has users")
        at_ns = self._next_instant_ns()
        self._changes.append((at_ns, rate_per_s))
        assert self._rate is not None
        at_s = (at_ns - self._start_ns) / NS_PER_S
        self._rate = ConstantRate(rate_per_s, at_s, self._rate.reached(at_s))
        for state in self._states:
            state.worker.send({"rate": rate_per_s, "at": at_ns + state.clock_ahead_ns})
        await self._sleep_until(at_ns)

    async def mark(self, text: str) -> Mark:
        """Notes an event now; a window from or to its time is exact to the request."""
        self._must_run()
        at_ns = self._next_instant_ns()
        for state in self._states:
            state.worker.send({"cut": at_ns + state.clock_ahead_ns})
        mark = self.metrics.mark(text[:200], (at_ns - self._start_ns) / NS_PER_S)
        await self._sleep_until(at_ns)
        return mark

    async def window(self, since: float, until: float) -> Summary:
        """The summary, with histograms, of the requests due in that stretch of the last ten minutes (epoch seconds)."""
        self._must_run()
        await self._flush()
        return self.metrics.window(since, until, self._elapsed_s())

    async def snapshots(self, every_s: float = SNAPSHOT_EVERY_S) -> AsyncIterator[Snapshot]:
        """The run as it stands, each so many seconds, and once more when it is over.

        Making one takes some milliseconds, of which the load may feel something where there are few cores: look as
        seldom as will do."""
        assert self._result is not None, "start comes first"
        over = False
        while not over:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(every_s):
                    await asyncio.shield(self._result)
            over = self._over
            yield self.snapshot()

    async def stop(self) -> Report:
        """Ends the schedule now and gives the report of what was measured; also of a run that ended by itself."""
        self.stop_soon()
        return await self.finished()

    def stop_soon(self) -> None:
        """Asks for the end of the schedule without waiting for it: for signal handlers."""
        if not self._over:
            if self._stopped_s is None:
                self._stopped_s = (time.monotonic_ns() - self._start_ns) / NS_PER_S
            for state in self._states:
                state.worker.send({"stop": True})

    async def finished(self) -> Report:
        """Waits for the run's end and gives its report."""
        assert self._result is not None, "start comes first"
        assert self._plan is not None
        assert self._environment is not None
        return make_report(self._plan, await asyncio.shield(self._result), self._environment)

    @property
    def plan(self) -> Plan:
        """The plan that it runs."""
        assert self._plan is not None, "start comes first"
        return self._plan

    @property
    def processes(self) -> int:
        """How many processes send."""
        return len(self._states)

    @property
    def rate_per_s(self) -> float:
        """The rate that is asked for at this moment; 0 where there are users instead."""
        return self._rate_now(self._elapsed_s())

    @property
    def error(self) -> str:
        """In words, what became of a process that has gone before its end; empty while none has."""
        return "" if self._error is None else self._error.message

    @property
    def _over(self) -> bool:
        return self._result is None or self._result.done()

    def _must_run(self) -> None:
        if self._over:
            raise self._error or Unavailable("the load generator has ended; expected it to run")

    def _next_instant_ns(self) -> int:
        """An instant that every process hears of before it comes."""
        return time.monotonic_ns() + round(self.head_start_s * NS_PER_S)

    async def _sleep_until(self, at_ns: int) -> None:
        await asyncio.sleep(max(0.0, (at_ns - time.monotonic_ns()) / NS_PER_S))

    async def _flush(self) -> None:
        """Returns when everything that has been counted by now is here."""
        number = next(self._numbers)
        waiting = []
        for state in self._states:
            if not state.gone and state.ended is None:
                flushed = state.flushed[number] = asyncio.get_running_loop().create_future()
                waiting.append(flushed)
                state.worker.send({"flush": number})
        await _within(ANSWER_TIMEOUT_S, asyncio.gather(*waiting), "an answer of the load generator")

    # Hearing

    async def _receive(self, state: WorkerState) -> None:
        # What is no line of ours ends the conversation as its own end would.
        with contextlib.suppress(ValueError, KeyError, TypeError):
            async for message in state.worker.lines():
                self._on_message(state, message)
        self._print(state, *state.worker.take_output())
        state.gone = True
        words = state.worker.exit_reason()
        gone = Unavailable(f"the load generator has gone{f': {words}' if words else ''}; expected it to run")
        if state.ended is None:
            self._error = gone
        for future in (state.ready, state.clock, *state.flushed.values()):
            if future is not None:
                _reject(future, gone)
        self._check_whether_over()

    def _on_message(self, state: WorkerState, message: dict[str, Any]) -> None:
        match message:
            case {"stats": data}:
                stats = IntervalStats.from_json(data)
                state.offered += stats.offered
                self.metrics.add(stats)
            case {"examples": list() as found}:
                for example in (bounded_example(from_json(FailureExample, each)) for each in found):
                    if self._examples.wants(example.kind):
                        self._examples.add(example.kind, example)
            case {"output": list() as lines, "left_out": int() as left_out}:
                self._print(state, [str(each) for each in lines], left_out)
            case {"tick": tick}:
                self._print(state, *state.worker.take_output())
                state.in_flight, state.waiting = int(tick["in_flight"]), int(tick["waiting"])
                state.cpu_percent = float(tick["cpu_percent"])
                state.last = None if tick["last"] is None else from_json(TracedRequest, tick["last"])
                state.slowest = None if tick["slowest"] is None else from_json(TracedRequest, tick["slowest"])
            case {"ready": _}:
                _resolve(state.ready, None)
            case {"clock": _, "now": int() as now_ns}:
                if state.clock is not None:
                    _resolve(state.clock, now_ns)
            case {"flushed": int() as number}:
                if (flushed := state.flushed.pop(number, None)) is not None:
                    _resolve(flushed, None)
            case {"ended": data}:
                state.ended = from_json(EngineResult, data)
                self._check_whether_over()
            case {"error": error}:
                kind = InvalidInput if error["kind"] == InvalidInput.kind else Unavailable
                _reject(state.ready, kind(error["message"]))

    def _print(self, state: WorkerState, lines: Sequence[str], left_out: int) -> None:
        if not lines and not left_out:
            return
        name = f"{state.worker.name}: " if len(self._states) > 1 else ""
        shown = self._output.add([f"{name}{each}" for each in lines], left_out)
        if self._on_output is not None:
            self._on_output(shown)

    async def _compare_clocks(self, state: WorkerState) -> None:
        """Learns how far the member's clock is ahead, from the quickest of several questions (as NTP does)."""
        best_ns = 1 << 62
        for number in range(_CLOCK_QUESTIONS):
            state.clock = asyncio.get_running_loop().create_future()
            asked_ns = time.monotonic_ns()
            state.worker.send({"clock": number})
            theirs_ns = await _within(ANSWER_TIMEOUT_S, state.clock, f"the clock of {state.worker.name}")
            now_ns = time.monotonic_ns()
            if now_ns - asked_ns < best_ns:
                best_ns = now_ns - asked_ns
                state.clock_ahead_ns = theirs_ns - (asked_ns + now_ns) // 2

    # Telling

    def _elapsed_s(self) -> float:
        if self._result is not None and self._result.done():
            return self._result.result().elapsed_s
        elapsed_s = max(0.0, (time.monotonic_ns() - self._start_ns) / NS_PER_S)
        # What is waited for after the schedule's end makes the run no longer.
        limit_s = None if self._plan is None else self._plan.duration_s
        return elapsed_s if limit_s is None else min(elapsed_s, limit_s)

    async def _publish(self) -> None:
        overdue = 0
        while not self._over:
            await asyncio.sleep(SNAPSHOT_EVERY_S)
            self._publish_intervals(self._elapsed_s())
            # Counted in steps of our own, so that a pause of this process is not taken for a worker's.
            overdue += self._overdue()
            if overdue * SNAPSHOT_EVERY_S >= GIVE_UP_S:
                await self._give_up()
                overdue = 0

    def _overdue(self) -> bool:
        """Whether every process should have ended by now."""
        assert self._plan is not None
        ends = [self._stopped_s]
        if self._plan.duration_s is not None:
            ends.append(self._plan.duration_s)
        end_s = min((each for each in ends if each is not None), default=None)
        run_s = (time.monotonic_ns() - self._start_ns) / NS_PER_S
        return end_s is not None and run_s > end_s + self._plan.timeout_s

    async def _give_up(self) -> None:
        """Ends the processes that go on after the run's end as lost ones."""
        await asyncio.gather(
            *(state.worker.close() for state in self._states if state.ended is None and not state.gone)
        )

    def _publish_intervals(self, now_s: float) -> None:
        assert self._plan is not None
        if self.on_interval is not None:
            for stats in self.metrics.finished_intervals(now_s - self._plan.timeout_s - SETTLE_S):
                self.on_interval(stats)

    def snapshot(self) -> Snapshot:
        """The run as it stands now, or as it ended."""
        now_s, metrics = self._elapsed_s(), self.metrics
        now = metrics.began + now_s
        shown = [state for state in self._states if not state.gone]
        return Snapshot(
            at=now,
            elapsed_s=now_s,
            rate_per_s=self._rate_now(now_s),
            in_flight=sum(state.in_flight for state in shown),
            waiting=sum(state.waiting for state in shown),
            cpu_percent=max((state.cpu_percent for state in shown), default=0.0),
            processes=len(shown),
            total=metrics.total(now_s, instances=False),
            recent=metrics.window(now - RECENT_S, now, now_s),
            moment=metrics.window(now - MOMENT_S, now, now_s),
            minute=self._minute(now, now_s),
            last=next((state.last for state in shown if state.last is not None), None),
            slowest=max(
                (state.slowest for state in shown if state.slowest is not None),
                key=lambda traced: traced.response_ms,
                default=None,
            ),
            marks=tuple(metrics.marks),
            timeline=metrics.timeline.columns(),
            examples=self._examples.all,
            output=self._output.lines,
        )

    def _minute(self, now: float, now_s: float) -> Latency:
        return latency_of(self.metrics.window(now - MINUTE_S, now, now_s).response_histogram)

    def _rate_now(self, now_s: float) -> float:
        """The rate that is asked for at this moment: the area of the half second round it."""
        if self._rate is None:
            return 0.0
        if isinstance(self._rate, ConstantRate):
            return self._rate.per_s
        return round((self._rate.reached(now_s + 0.25) - self._rate.reached(max(0.0, now_s - 0.25))) / 0.5, 1)

    # Ending

    def _check_whether_over(self) -> None:
        if self._result is None or self._result.done():
            return
        if all(state.gone or state.ended is not None for state in self._states):
            self._publish_intervals(float("inf"))
            self._result.set_result(self._make_result())

    def _make_result(self) -> RunResult:
        ends = [state.ended for state in self._states if state.ended is not None]
        elapsed_s = max((end.elapsed_s for end in ends), default=self._elapsed_s())
        processes = tuple(self._process(state, elapsed_s) for state in self._states)
        missed = sum(process.missed for process in processes)
        self.metrics.missed(missed)
        standstills = merge_standstills(standstill for end in ends for standstill in end.standstills)
        return RunResult(
            total=self.metrics.total(elapsed_s - sum(each.schedule_s for each in standstills)),
            elapsed_s=elapsed_s,
            missed=missed,
            processes=processes,
            stopped=any(end.stopped for end in ends),
            steered=bool(self._changes),
            marks=tuple(self.metrics.marks),
            timeline=self.metrics.timeline.columns(),
            examples=self._examples.all,
            output=self._output.lines,
        )

    def _process(self, state: WorkerState, elapsed_s: float) -> ProcessResult:
        if state.ended is not None:
            return ProcessResult(
                name=state.worker.name,
                cpu_percent=state.ended.cpu_percent,
                precise_timer=state.ended.precise_timer,
                missed=state.ended.missed,
                own=state.ended.own,
                blocked=state.ended.blocked,
                standstills=state.ended.standstills,
            )
        missed = max(0, self._due(state.part, elapsed_s) - state.offered)
        return ProcessResult(
            name=state.worker.name, cpu_percent=state.cpu_percent, precise_timer=True, missed=missed, lost=True
        )

    def _due(self, part: Part, until_s: float) -> int:
        """How many arrivals of that part the schedule had until then, with all changes of its rate."""
        assert self._plan is not None
        if self._plan.open is None:
            return 0
        schedule = Schedule(self._plan.open, seed=self._plan.seed, start_ns=0, part=part)
        due = 0
        for at_ns, rate_per_s in self._changes:
            due += schedule.count_before(at_ns - self._start_ns)
            schedule.change_rate(rate_per_s, at_ns - self._start_ns)
        return due + schedule.count_before(round(until_s * NS_PER_S))


async def _within(seconds: float, awaited: Any, what: str) -> Any:
    try:
        async with asyncio.timeout(seconds):
            return await awaited
    except TimeoutError:
        raise Unavailable(f"{what} did not come within {seconds:.0f} s; expected it at once") from None


def _resolve(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)


def _reject(future: asyncio.Future[Any], error: CloudError) -> None:
    if not future.done():
        future.set_exception(error)
        # Whoever asks later learns of it; nobody asking is no fault.
        with contextlib.suppress(asyncio.CancelledError):
            future.exception()
