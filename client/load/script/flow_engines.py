"""The engines for scripts: flows by a schedule (`OpenFlowEngine`), or by users (`ClosedFlowEngine`).

`prepare_script` runs the file, reaches its server and calls its `setup`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from client.load.engine.endpoint import reach_all
from client.load.engine.load_engine import WAITING_MAX, LoadEngine, ScheduledEngine, UserEngine
from client.load.engine.precise_timer import Timer, best_timer
from client.load.examples import FailureExample
from client.load.generator_limits import GeneratorLimits, file_limit
from client.load.interval_stats import GOOD, Recorder
from client.load.plan.model import Plan
from client.load.plan.urls import parse_url
from client.load.run_result import EngineResult, TracedRequest
from client.load.schedule import NS_PER_S, Part
from client.load.script.flow import Flow
from client.load.script.flow_runner import FlowRunner
from client.load.script.script_loader import Script, describe_error, load_script
from client.load.summary import Fault
from vmhost.base.errors import InvalidInput

SETUP_TIMEOUT_S = 15.0
_REST_AFTER_FAULT_S = 0.05
"""The least pause of a user whose flow failed: a server that refuses or a broken script must not spin."""


class FlowEngine(LoadEngine):
    """What both engines for scripts share: the flows run in tasks, which a `FlowRunner` limits in time and counts."""

    _runner: FlowRunner
    _users: set[asyncio.Task[None]]

    @property
    def in_flight(self) -> int:
        return len(self._runner.running)

    def take_samples(self) -> tuple[TracedRequest | None, TracedRequest | None]:
        return self._runner.steps.take_samples()

    def take_examples(self) -> list[FailureExample]:
        return self._runner.examples.take()

    def _completed(self, result: EngineResult) -> EngineResult:
        return replace(super()._completed(result), blocked=self._runner.watchdog.blocking_calls)

    def _beats(self) -> int:
        return self._runner.watchdog.beats

    def _open(self) -> AbstractAsyncContextManager[object]:
        self._runner.steps.detector = self.detector
        return self._runner

    def _limits(self) -> GeneratorLimits:
        shortages = self._runner.shortages
        return GeneratorLimits(short_of=shortages.kind, short_times=shortages.times, files_max=file_limit())

    def _sweep(self, now_ns: int) -> None:
        """A flow's own task ends it at its timeout."""

    def _leave_out(self, now_ns: int) -> None:
        for flow in self._runner.running:
            flow.leave_out()

    async def _drain(self, grace_s: float) -> None:
        await super()._drain(grace_s)
        await self._runner.users_stopped()

    async def _abort(self) -> None:
        self.detector.check(self.now_ns())
        await self._runner.give_up(self._users)


class OpenFlowEngine(FlowEngine, ScheduledEngine):
    """Starts a new user with a flow for each arrival of one part of a plan's schedule, up to a number at once."""

    def __init__(
        self, plan: Plan, runner: FlowRunner, *, recorder: Recorder, start_ns: int, part: Part,
        timer: Callable[[Callable[[], None]], Timer] = best_timer,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:  # fmt: skip
        super().__init__(
            plan, recorder=recorder, start_ns=start_ns, part=part, count=plan.requests, timer=timer, clock_ns=clock_ns
        )
        self._runner = runner
        self._waiting: deque[Flow] = deque()
        self._users = set()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def _limits(self) -> GeneratorLimits:
        return replace(
            super()._limits(),
            connections=self._connections_max,
            waited=self._waited,
            first_service_ms=self._runner.first_service_ms,
        )

    def _on_arrival(self, number: int, due_ns: int, now_ns: int) -> None:
        flow = Flow(number, self._recorder.stats_at(due_ns), due_ns, now_ns)
        flow.stats.record_arrival()
        if len(self._runner.running) < self._connections_max and not self._waiting:
            self._start_flow(flow)
        elif len(self._waiting) < WAITING_MAX:
            self._waiting.append(flow)
            self._waited += 1
        else:
            self._runner.count(flow, Fault.OVERFLOW)

    def _start_flow(self, flow: Flow) -> None:
        self._runner.running.add(flow)
        task = asyncio.create_task(self._run_user(flow))
        self._users.add(task)
        task.add_done_callback(self._users.discard)

    async def _run_user(self, flow: Flow) -> None:
        async with self._runner.user() as user:
            await self._runner.run_flow(flow, user)
            if self._waiting and len(self._runner.running) < self._connections_max:
                waited = self._waiting.popleft()
                waited.admitted_ns = self.now_ns()
                self._start_flow(waited)
            await self._runner.stop(user)

    def _busy(self) -> bool:
        return bool(self._runner.running or self._waiting)

    def _sweep(self, now_ns: int) -> None:
        while self._waiting and self._waiting[0].due_ns <= now_ns - self._timeout_ns:
            self._runner.count(self._waiting.popleft(), Fault.TIMEOUT)

    def _leave_out(self, now_ns: int) -> None:
        super()._leave_out(now_ns)
        for flow in self._waiting:
            flow.leave_out()
        self._waiting.clear()
        self._scheduler.skip(now_ns)

    async def _abort(self) -> None:
        self._scheduler.close()
        self.detector.check(self.now_ns())
        while self._waiting:
            self._runner.count(self._waiting.popleft(), Fault.UNFINISHED)
        await super()._abort()


class ClosedFlowEngine(FlowEngine, UserEngine):
    """Runs one part of a plan's users, each of whom runs the flow, pauses and runs it again, and keeps its cookies."""

    def __init__(
        self, plan: Plan, runner: FlowRunner, *, recorder: Recorder, start_ns: int, part: Part,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:  # fmt: skip
        super().__init__(plan, recorder=recorder, start_ns=start_ns, part=part, clock_ns=clock_ns)
        self._runner = runner
        self._users = set()

    @property
    def waiting(self) -> int:
        """None: each user has a connection of its own."""
        return 0

    def _send_first(self, now_ns: int) -> None:
        self._users = {asyncio.create_task(self._run_user(number)) for number in self._numbers}
        asyncio.gather(*self._users, return_exceptions=True).add_done_callback(lambda _: self._over.set())

    async def _run_user(self, number: int) -> None:
        assert self._plan.closed is not None
        # Numbers go on from round to round; before the first this is the user's place among all.
        await self._pause(self._plan.closed.ramp_up_s * number / self.stride)
        end = self._plan.requests
        async with self._runner.user() as user:
            while not self._over.is_set() and (end is None or number < end):
                now_ns = self.now_ns()
                flow = Flow(number, self._recorder.stats_at(now_ns), now_ns, now_ns)
                if not user.started:
                    if await self._runner.start(flow, user) != GOOD:
                        await self._pause(_REST_AFTER_FAULT_S)
                    continue
                flow.stats.record_arrival()
                self._runner.running.add(flow)
                good = await self._runner.run_flow(flow, user) == GOOD
                number += self.stride
                pause_s = self.think() if self.think else 0.0
                await self._pause(pause_s if good else max(pause_s, _REST_AFTER_FAULT_S))
            await self._runner.stop(user)

    async def _pause(self, seconds: float) -> None:
        """Sleep for this time, or until the run is over."""
        if not seconds:
            # A flow that awaits nothing must let others run.
            await asyncio.sleep(0)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()

    def _busy(self) -> bool:
        return bool(self._runner.running)

    async def _abort(self) -> None:
        self._over.set()
        await super()._abort()


def script_engine(
    plan: Plan, part: Part, script: Script, shared: object, recorder: Recorder, start_ns: int
) -> LoadEngine:
    """The engine for a run that starts at that time; `shared` is what the script's `setup` returned."""
    kind = OpenFlowEngine if plan.open is not None else ClosedFlowEngine
    runner = FlowRunner(plan, script, shared, since_ns=start_ns + round(plan.warm_up_s * NS_PER_S))
    return kind(plan, runner, recorder=recorder, start_ns=start_ns, part=part)


async def prepare_script(plan: Plan) -> tuple[Script, object]:
    """Load the script, connect to its server once and call its `setup`; return it with what `setup` returned.

    Raises InvalidInput, Unavailable."""
    assert plan.script is not None
    assert plan.base is not None
    script = load_script(plan.script)
    origin, _ = parse_url(plan.base)
    await reach_all(plan, [origin])
    return script, await _set_up(script, plan.base)


async def _set_up(script: Script, base: str) -> object:
    if script.setup is None:
        return None
    try:
        async with asyncio.timeout(SETUP_TIMEOUT_S):
            return await script.setup(base)
    except (Exception, SystemExit) as error:
        raise InvalidInput(
            f"script {script.path}: setup() failed: {describe_error(error, script.path)};"
            f" it has {SETUP_TIMEOUT_S:.0f} s"
        ) from error
