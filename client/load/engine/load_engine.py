"""What all engines share: send a part of a plan until its end, wait for what is under way, leave standstills out.

`ScheduledEngine` starts requests at the times of a schedule (open loop), `UserEngine` lets each user wait for its
response (closed loop). A subclass adds how one request, or one flow of a script, is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from client.load.engine.arrival_scheduler import ArrivalScheduler
from client.load.engine.precise_timer import Timer, best_timer
from client.load.examples import FailureExample
from client.load.generator_limits import GeneratorLimits
from client.load.interval_stats import Recorder
from client.load.plan.model import Plan, connections_for
from client.load.run_result import EngineResult, TracedRequest, cpu_percent_since
from client.load.schedule import NS_PER_S, Part, Schedule
from client.load.standstill import StandstillDetector
from vmhost.base.errors import InvalidInput

SWEEP_S = 0.02
"""How often an engine looks for requests that have run into their timeout."""
WAITING_MAX = 100_000
"""The most arrivals that wait for a connection; further ones fail."""
FIRST_RESPONSES = 20
"""The first good responses show how long the service takes before requests queue there."""
_NEVER = 1 << 62


class LoadEngine(ABC):
    """One process's part of a run. `run` may be awaited once; the other methods are for while it runs."""

    def __init__(
        self, plan: Plan, *, recorder: Recorder, start_ns: int, clock_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._plan = plan
        self._recorder = recorder
        self._start_ns = start_ns
        self._end_ns = None if plan.duration_s is None else start_ns + round(plan.duration_s * NS_PER_S)
        self._timeout_ns = round(plan.timeout_s * NS_PER_S)
        self._stopped = False
        self._tasks: asyncio.TaskGroup
        self.now_ns = clock_ns
        self.detector = StandstillDetector(self._leave_out, start_ns=start_ns, end_ns=self._end_ns, beats=self._beats)

    async def run(self, *, grace_s: float = 1.0) -> EngineResult:
        """Send until the plan's end or `stop`; then wait for what is under way, until its timeout, or `grace_s` after a
        stop. Cancelling this ends every request at once."""
        await self._wait_for_start()
        cpu_s, started_ns = time.process_time(), self.now_ns()
        async with self._open(), asyncio.TaskGroup() as self._tasks:
            self.detector.start(started_ns)
            sweeper = self._tasks.create_task(self._sweep_regularly())
            try:
                self._send_first(started_ns)
                ended_ns = await self._wait_for_end()
                self.detector.end_ns = min(self.detector.end_ns, ended_ns)
                cpu_percent = cpu_percent_since(cpu_s, started_ns, self.now_ns())
                await self._drain(grace_s if self._stopped else self._plan.timeout_s + 1.0)
            finally:
                sweeper.cancel()
                await self._abort()
        return self._completed(
            EngineResult(
                elapsed_s=max(0, min(ended_ns, self._end_ns or ended_ns) - self._start_ns) / NS_PER_S,
                missed=0,
                cpu_percent=round(cpu_percent, 1),
                precise_timer=True,
                stopped=self._stopped,
                standstills=tuple(self.detector.standstills),
                own=self._limits(),
            )
        )

    @property
    @abstractmethod
    def in_flight(self) -> int:
        """Requests or flows that were sent and have not ended."""

    @property
    @abstractmethod
    def waiting(self) -> int:
        """Requests or flows that wait for a connection."""

    @abstractmethod
    def stop(self) -> None:
        """Start no further request."""

    @abstractmethod
    def change_rate(self, rate_per_s: float, at_ns: int) -> None:
        """Change the rate from that time on; 0 pauses. Raises InvalidInput in a closed loop, which has no rate."""

    @abstractmethod
    def catch_up(self) -> None:
        """Start all requests that are due by now, so that a window of the statistics is complete."""

    @abstractmethod
    def take_samples(self) -> tuple[TracedRequest | None, TracedRequest | None]:
        """A recent and the slowest good request since the last call."""

    @abstractmethod
    def take_examples(self) -> list[FailureExample]:
        """The examples of failures since the last call."""

    # For subclasses

    def _completed(self, result: EngineResult) -> EngineResult:
        """The result with what only this kind of engine knows."""
        return result

    def _beats(self) -> int:
        """How often a thread that does not wait for the event loop has run; for `StandstillDetector`."""
        return 0

    def _open(self) -> AbstractAsyncContextManager[object]:
        """What must be open while the engine runs."""
        return contextlib.nullcontext()

    async def _wait_for_start(self) -> None:  # noqa: B027 - most engines need not wait
        """Wait until the engine may start."""

    @abstractmethod
    def _send_first(self, now_ns: int) -> None:
        """Start to send."""

    @abstractmethod
    async def _wait_for_end(self) -> int:
        """Wait for the end of the plan or for `stop`; return its time."""

    @abstractmethod
    def _busy(self) -> bool:
        """Whether something is under way."""

    @abstractmethod
    def _sweep(self, now_ns: int) -> None:
        """Give up what has run into its timeout."""

    @abstractmethod
    def _leave_out(self, now_ns: int) -> None:
        """After a standstill: do not count what was under way, and do not send what was due in it."""

    @abstractmethod
    async def _abort(self) -> None:
        """End everything, and count what is unfinished as such."""

    @abstractmethod
    def _limits(self) -> GeneratorLimits:
        """Where the generator itself was the limit."""

    async def _sweep_regularly(self) -> None:
        while True:
            await asyncio.sleep(min(SWEEP_S, self._plan.timeout_s / 10))
            now_ns = self.now_ns()
            self.detector.check(now_ns)
            self._sweep(now_ns)

    async def _drain(self, grace_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                while self._busy():
                    await asyncio.sleep(SWEEP_S)


class ScheduledEngine(LoadEngine):
    """An engine whose requests are due by a schedule, whatever the service does."""

    def __init__(
        self, plan: Plan, *, recorder: Recorder, start_ns: int, part: Part, count: int | None,
        timer: Callable[[Callable[[], None]], Timer] = best_timer, clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:  # fmt: skip
        assert plan.open is not None
        super().__init__(plan, recorder=recorder, start_ns=start_ns, clock_ns=clock_ns)
        self._processes = part.of
        self._connections_max = self._share_of(plan.connections_max)
        self._waited = 0
        self._scheduler = ArrivalScheduler(
            Schedule(plan.open, seed=plan.seed, start_ns=start_ns, part=part), end_ns=self._end_ns,
            on_arrival=self._on_arrival, count=count, timer=timer, clock_ns=clock_ns, detector=self.detector,
        )  # fmt: skip

    @abstractmethod
    def _on_arrival(self, number: int, due_ns: int, now_ns: int) -> None:
        """Send the request that is due, or let it wait."""

    def stop(self) -> None:
        if not self._scheduler.over:
            self._stopped = True
            self._scheduler.stop()

    def change_rate(self, rate_per_s: float, at_ns: int) -> None:
        if self._plan.connections is None:
            wanted = self._share_of(connections_for(rate_per_s, self._plan.timeout_s))
            self._connections_max = max(self._connections_max, wanted)
        self._scheduler.change_rate(rate_per_s, at_ns)

    def catch_up(self) -> None:
        self._scheduler.catch_up()

    def _completed(self, result: EngineResult) -> EngineResult:
        return replace(result, missed=self._scheduler.missed, precise_timer=self._scheduler.precise)

    def _send_first(self, now_ns: int) -> None:
        self._scheduler.start()

    async def _wait_for_end(self) -> int:
        return await self._scheduler.finished()

    def _share_of(self, connections: int) -> int:
        return max(1, -(-connections // self._processes))


class UserEngine(LoadEngine):
    """An engine with a number of users, each of whom waits for its response before it sends the next request."""

    def __init__(
        self, plan: Plan, *, recorder: Recorder, start_ns: int, part: Part,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:  # fmt: skip
        assert plan.closed is not None
        super().__init__(plan, recorder=recorder, start_ns=start_ns, clock_ns=clock_ns)
        self.closing_ns = self._end_ns or _NEVER
        """From then on no user sends."""
        self.think = think_times(plan, part)
        # Users walk the same list of requests, each from its own place, as arrivals would.
        self._numbers = range(part.index, plan.closed.users, part.of)
        self.stride = plan.closed.users
        self._over = asyncio.Event()

    def stop(self) -> None:
        if not self._over.is_set():
            self._stopped = True
            self.closing_ns = self.now_ns()
            self._over.set()

    def change_rate(self, rate_per_s: float, at_ns: int) -> None:
        raise InvalidInput(f"a rate of {rate_per_s:g}/s cannot be set: this load has users, not a rate")

    def catch_up(self) -> None:
        """Nothing is scheduled, so nothing can be late."""

    async def _wait_for_start(self) -> None:
        await asyncio.sleep(max(0.0, (self._start_ns - self.now_ns()) / NS_PER_S))

    async def _wait_for_end(self) -> int:
        left_s = None if self._end_ns is None else max(0.0, (self._end_ns - self.now_ns()) / NS_PER_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left_s):
                await self._over.wait()
        self._over.set()
        now_ns = self.now_ns()
        self.closing_ns = min(self.closing_ns, now_ns)
        return now_ns


def think_times(plan: Plan, part: Part) -> Callable[[], float] | None:
    """A function that gives the seconds of a user's next pause; None where users do not pause."""
    assert plan.closed is not None
    mean_s = plan.closed.think_s
    if not mean_s:
        return None
    if not plan.closed.think_varies:
        return lambda: mean_s
    draw = random.Random(f"thinking {plan.seed} {part.index}").random
    return lambda: -mean_s * math.log(1.0 - draw())
