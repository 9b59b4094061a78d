"""Flows by a schedule, or by users: the engines of a script, with the protocol of those of single requests."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable

from client.load.engine.arrival_scheduler import ArrivalScheduler
from client.load.engine.closed_loop import think_times
from client.load.engine.engine_result import EngineResult, cpu_percent_since
from client.load.engine.open_loop import WAITING_MAX
from client.load.engine.precise_timer import Timer, best_timer
from client.load.engine.resource_limits import file_limit
from client.load.examples import FailureExample
from client.load.generator_limits import GeneratorLimits
from client.load.interval_stats import GOOD, Recorder
from client.load.plan.model import Plan, connections_for
from client.load.schedule import NS_PER_S, Part, Schedule
from client.load.script.flow import Flow
from client.load.script.flow_runner import FlowRunner
from client.load.summary import Fault, TracedRequest
from vmhost.base.errors import InvalidInput

_SWEEP_S = 0.02
_REST_AFTER_FAULT_S = 0.05
"""A user whose flow failed comes again so much later at least: a refusal or a broken script must not spin."""


class OpenFlowEngine:
    """One part of a plan's schedule: each arrival is a new user who runs the flow, at most so many at once."""

    def __init__(
        self, plan: Plan, runner: FlowRunner, *, recorder: Recorder, start_ns: int, part: Part,
        timer: Callable[[Callable[[], None]], Timer] = best_timer,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:  # fmt: skip
        assert plan.open is not None
        self._plan = plan
        self._runner = runner
        self._recorder = recorder
        self._start_ns = start_ns
        self._share = part.of
        self._limit = max(1, -(-plan.connections_max // part.of))
        self._waited = 0
        self._now_ns = clock_ns
        end_ns = None if plan.duration_s is None else start_ns + round(plan.duration_s * NS_PER_S)
        schedule = Schedule(plan.open, seed=plan.seed, start_ns=start_ns, part=part)
        self._scheduler = ArrivalScheduler(
            schedule, end_ns=end_ns, on_arrival=self._on_arrival, count=plan.requests, timer=timer, clock_ns=clock_ns
        )
        self._waiting: deque[Flow] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timeout_ns = round(plan.timeout_s * NS_PER_S)
        self._stopped = False

    @property
    def in_flight(self) -> int:
        """Flows under way."""
        return len(self._runner.running)

    @property
    def waiting(self) -> int:
        """Arrivals without room yet."""
        return len(self._waiting)

    async def run(self, *, grace_s: float = 1.0) -> EngineResult:
        """Runs the schedule to its end or until `stop`, then waits for what is under way: to its timeout, or `grace_s`
        after a stop. Cancelling ends every flow at once."""
        cpu_s, started_ns = time.process_time(), self._now_ns()
        async with self._runner:
            sweeper = asyncio.create_task(self._sweep_regularly())
            try:
                self._scheduler.start()
                ended_ns = await self._scheduler.finished()
                cpu_percent = cpu_percent_since(cpu_s, started_ns, self._now_ns())
                await _drain(self, grace_s if self._stopped else self._plan.timeout_s + 1.0)
                await self._runner.stopped()
            finally:
                sweeper.cancel()
                self._scheduler.close()
                self._refuse_waiting(Fault.UNFINISHED)
                await self._runner.give_up(self._tasks)
        return EngineResult(
            elapsed_s=max(0, ended_ns - self._start_ns) / NS_PER_S,
            missed=self._scheduler.missed,
            cpu_percent=round(cpu_percent, 1),
            precise_timer=self._scheduler.precise,
            stopped=self._stopped,
            own=GeneratorLimits(
                connections=self._limit,
                waited=self._waited,
                first_service_ms=self._runner.first_service_ms,
                short_of=self._runner.shortages.kind,
                short_times=self._runner.shortages.times,
                files_max=file_limit(),
            ),
            blocked=self._runner.blocked,
        )

    def stop(self) -> None:
        """Ends the schedule now."""
        if not self._scheduler.over:
            self._stopped = True
            self._scheduler.stop()

    def change_rate(self, rate_per_s: float, at_ns: int) -> None:
        """Continues the schedule at another rate from then on; 0 pauses it."""
        if self._plan.connections is None:
            wanted = connections_for(rate_per_s, self._plan.timeout_s)
            self._limit = max(self._limit, -(-wanted // self._share))
        self._scheduler.change_rate(rate_per_s, at_ns)

    def catch_up(self) -> None:
        """Takes up all arrivals due by now."""
        self._scheduler.catch_up()

    def take_samples(self) -> tuple[TracedRequest | None, TracedRequest | None]:
        """The last and the slowest good step since this was asked before."""
        return self._runner.steps.take_samples()

    def take_examples(self) -> list[FailureExample]:
        """Examples of failures that are new since this was called before."""
        return self._runner.examples.take()

    def _on_arrival(self, number: int, due_ns: int, now_ns: int) -> None:
        flow = Flow(number, self._recorder.stats_at(due_ns), due_ns, now_ns)
        flow.stats.record_arrival()
        if len(self._runner.running) < self._limit and not self._waiting:
            self._start_flow(flow)
        elif len(self._waiting) < WAITING_MAX:
            self._waiting.append(flow)
            self._waited += 1
        else:
            self._runner.count(flow, Fault.OVERFLOW)

    def _start_flow(self, flow: Flow) -> None:
        self._runner.running.add(flow)
        task = asyncio.create_task(self._run_user(flow))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run_user(self, flow: Flow) -> None:
        async with self._runner.user() as user:
            await self._runner.run_flow(flow, user)
            if self._waiting and len(self._runner.running) < self._limit:
                waited = self._waiting.popleft()
                waited.admitted_ns = self._now_ns()
                self._start_flow(waited)
            await self._runner.stop(user)

    async def _sweep_regularly(self) -> None:
        while True:
            await asyncio.sleep(min(_SWEEP_S, self._plan.timeout_s / 10))
            self._refuse_waiting(Fault.TIMEOUT, due_before_ns=self._now_ns() - self._timeout_ns)

    def _refuse_waiting(self, fault: Fault, *, due_before_ns: int | None = None) -> None:
        waiting = self._waiting
        while waiting and (due_before_ns is None or waiting[0].due_ns <= due_before_ns):
            self._runner.count(waiting.popleft(), fault)


class ClosedFlowEngine:
    """One part of a plan's users, each of whom runs the flow, thinks, and runs it again, with the cookies it has."""

    def __init__(
        self, plan: Plan, runner: FlowRunner, *, recorder: Recorder, start_ns: int, part: Part,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:  # fmt: skip
        assert plan.closed is not None
        self._plan = plan
        self._runner = runner
        self._recorder = recorder
        self._start_ns = start_ns
        self._end_ns = None if plan.duration_s is None else start_ns + round(plan.duration_s * NS_PER_S)
        self._now_ns = clock_ns
        self._think = think_times(plan, part)
        self._numbers = range(part.index, plan.closed.users, part.of)
        self._stride = plan.closed.users
        self._over = asyncio.Event()
        self._stopped = False

    @property
    def in_flight(self) -> int:
        """Flows under way."""
        return len(self._runner.running)

    @property
    def waiting(self) -> int:
        """Nobody waits: each user has room of its own."""
        return 0

    async def run(self, *, grace_s: float = 1.0) -> EngineResult:
        """Lets the users go on until the end or `stop`, then waits for what is under way: to its timeout, or `grace_s`
        after a stop; and for the users' `on_stop`. Cancelling ends every flow at once."""
        await asyncio.sleep(max(0.0, (self._start_ns - self._now_ns()) / NS_PER_S))
        cpu_s, started_ns = time.process_time(), self._now_ns()
        async with self._runner:
            users = {asyncio.create_task(self._live(number)) for number in self._numbers}
            asyncio.gather(*users, return_exceptions=True).add_done_callback(lambda _: self._over.set())
            try:
                await self._until_over()
                ended_ns = self._now_ns()
                cpu_percent = cpu_percent_since(cpu_s, started_ns, ended_ns)
                await _drain(self, grace_s if self._stopped else self._plan.timeout_s + 1.0)
                await self._runner.stopped()
            finally:
                self._over.set()
                await self._runner.give_up(users)
        return EngineResult(
            elapsed_s=max(0, min(ended_ns, self._end_ns or ended_ns) - self._start_ns) / NS_PER_S,
            missed=0,
            cpu_percent=round(cpu_percent, 1),
            precise_timer=True,
            stopped=self._stopped,
            own=GeneratorLimits(
                short_of=self._runner.shortages.kind,
                short_times=self._runner.shortages.times,
                files_max=file_limit(),
            ),
            blocked=self._runner.blocked,
        )

    def stop(self) -> None:
        """No user begins again."""
        if not self._over.is_set():
            self._stopped = True
            self._over.set()

    def change_rate(self, rate_per_s: float, at_ns: int) -> None:
        """Refused: users come when they were answered. Raises InvalidInput."""
        raise InvalidInput(f"a rate of {rate_per_s:g}/s belongs to an open loop; this one has users")

    def catch_up(self) -> None:
        """Nothing is scheduled, so nothing can be late."""

    def take_samples(self) -> tuple[TracedRequest | None, TracedRequest | None]:
        """The last and the slowest good step since this was asked before."""
        return self._runner.steps.take_samples()

    def take_examples(self) -> list[FailureExample]:
        """Examples of failures that are new since this was called before."""
        return self._runner.examples.take()

    async def _live(self, number: int) -> None:
        assert self._plan.closed is not None
        # Numbers go on from round to round; before the first this is the user's place among all.
        await self._pause(self._plan.closed.ramp_up_s * number / self._stride)
        end = self._plan.requests
        async with self._runner.user() as user:
            while not self._over.is_set() and (end is None or number < end):
                now_ns = self._now_ns()
                flow = Flow(number, self._recorder.stats_at(now_ns), now_ns, now_ns)
                if not user.started:
                    if await self._runner.start(flow, user) != GOOD:
                        await self._pause(_REST_AFTER_FAULT_S)
                    continue
                flow.stats.record_arrival()
                self._runner.running.add(flow)
                good = await self._runner.run_flow(flow, user) == GOOD
                number += self._stride
                pause_s = self._think() if self._think else 0.0
                await self._pause(pause_s if good else max(pause_s, _REST_AFTER_FAULT_S))
            await self._runner.stop(user)

    async def _pause(self, seconds: float) -> None:
        """So long, or until the run is over."""
        if not seconds:
            # A flow that awaits nothing must let others go on.
            await asyncio.sleep(0)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()

    async def _until_over(self) -> None:
        left_s = None if self._end_ns is None else max(0.0, (self._end_ns - self._now_ns()) / NS_PER_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left_s):
                await self._over.wait()
        self._over.set()


async def _drain(flows: OpenFlowEngine | ClosedFlowEngine, grace_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(grace_s):
            while flows.in_flight or flows.waiting:
                await asyncio.sleep(_SWEEP_S)
