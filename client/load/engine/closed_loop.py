"""The closed loop: users who ask, wait for the answer, think and ask again, each on a connection of their own.

Nothing is scheduled, so response and service time are one. The path from an answer to the next request is kept short:
it is what limits how fast one core can ask.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import time
from collections.abc import Callable, Sequence

from client.load.engine.connection_pool import Endpoint, connection_error_text
from client.load.engine.engine_result import EngineResult, cpu_percent_since
from client.load.engine.fast_path import FastPathConnection
from client.load.engine.resource_limits import ShortageCounter, file_limit
from client.load.engine.responses import FAULTS, AttemptReader, FailureRecorder, RequestSamples, may_resend
from client.load.engine.standstill_detector import StandstillDetector
from client.load.examples import FailureExample
from client.load.generator_limits import GeneratorLimits
from client.load.interval_stats import GOOD, IntervalStats, Recorder
from client.load.plan.model import Plan
from client.load.requests import PreparedRequest, RequestSequence
from client.load.schedule import NS_PER_S, Part
from client.load.summary import Fault, TracedRequest
from vmhost.base.errors import InvalidInput
from vmhost.base.http1 import Connection, Failure, HttpFailure
from vmhost.base.http_response import HeadCache, Response

_SWEEP_S = 0.02
_REST_AFTER_REFUSAL_S = 0.05
"""A user whose connection was refused comes again so much later; at once would be a storm, not a user."""
_NS_PER_US = 1000
_NO_END = 1 << 62


class VirtualUser:
    """One user. Its request under way, if any, was begun at `began_ns` and sent at `sent_ns`."""

    __slots__ = (
        "asking", "began_ns", "connection", "done", "loop", "number", "prepared", "sent_ns", "server", "stats", "trace",
    )  # fmt: skip

    def __init__(self, loop: ClosedLoopEngine, number: int, stats: IntervalStats) -> None:
        self.loop = loop
        self.number = number
        self.stats = stats
        self.began_ns = self.sent_ns = 0
        self.connection: Connection | None = None
        self.server = -1
        self.prepared: PreparedRequest
        self.trace = b""
        self.asking = False
        # Bound once: made anew for each request it would cost as much as counting one.
        self.done = self._done

    def _done(self, response: Response | None, failure: Failure | None) -> None:
        """The connection's call when the request has ended: it is counted, and the user goes on."""
        if not self.asking:
            return
        loop, stats, prepared = self.loop, self.stats, self.prepared
        if failure is not None and may_resend(prepared, self.connection, failure):
            # On a new connection, where this cannot happen again.
            loop.resend(self)
            return
        now_ns = loop.now_ns()
        if now_ns >= loop.detector.check_at_ns:
            loop.detector.check(now_ns)
        self.asking = False
        took_ns = now_ns - self.began_ns
        if self.began_ns < loop.left_out_ns:
            # The computer stood still while it was under way: it says nothing of the service.
            pass
        elif response is not None:
            status = response.status
            fault = GOOD if prepared.easy and status < 400 else prepared.fault(response)
            stats.record_outcome((prepared.target, status, fault), took_ns // _NS_PER_US, None)
            stats.received_bytes += len(response.body)
            if response.headers is not loop.attempts.without:
                stats.record_attempts(loop.attempts.of(response))
            if fault:
                loop.failures.answered(
                    prepared, response, fault, due_ns=self.began_ns, took_ns=took_ns, trace=self.trace
                )
            elif took_ns > loop.samples.above_ns:
                loop.samples.note(prepared, response, self.trace, took_ns, took_ns)
        else:
            assert failure is not None
            loop.failed(self, FAULTS[failure], now_ns)
        if now_ns < loop.closing_ns:
            if loop.think is None:
                loop.begin(self, now_ns)
            else:
                loop.later(self, loop.think())


class ClosedLoopEngine:
    """One part of a plan's users. `run` may be awaited once; the rest acts while it runs."""

    def __init__(
        self,
        plan: Plan,
        *,
        endpoints: Sequence[Endpoint],
        requests: RequestSequence,
        recorder: Recorder,
        start_ns: int,
        part: Part,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        assert plan.closed is not None
        self._plan = plan
        self._endpoints = endpoints
        self._heads = [HeadCache(bodies=not requests.easy) for _ in endpoints]
        self.drawn = requests.drawn
        self._recorder = recorder
        self._start_ns = start_ns
        self._end_ns: int | None = None
        if plan.duration_s is not None:
            self._end_ns = start_ns + round(plan.duration_s * NS_PER_S)
        self.closing_ns = self._end_ns or 1 << 62
        self.now_ns = clock_ns
        self.detector = StandstillDetector(self._leave_out, start_ns=start_ns, end_ns=self._end_ns)
        self.left_out_ns = 0
        """The end of the last standstill; requests begun before it do not count any more."""
        self.think = think_times(plan, part)
        self._traced = plan.traced
        # Whoever neither thinks nor is traced nor looks into bodies, and asks one server, goes the short way.
        end = requests.limit(plan.requests)
        self._end_number = _NO_END if end is None else end
        brisk = self.think is None and not plan.traced and requests.easy and len(endpoints) == 1 and end is None
        self._make = FastPathConnection if brisk else Connection
        self._trace_bits = random.Random().getrandbits
        self._timeout_ns = round(plan.timeout_s * NS_PER_S)
        self.attempts = AttemptReader()
        self.samples = RequestSamples()
        self.failures = FailureRecorder(plan, start_ns + round(plan.warm_up_s * NS_PER_S))
        self._shortages = ShortageCounter()
        self._stopped = False
        self._over = asyncio.Event()
        # Users walk the same list of requests, each from its own place, as arrivals would.
        self._numbers = range(part.index, plan.closed.users, part.of)
        self.stride = plan.closed.users
        self._users: list[VirtualUser] = []
        self._used_up = requests.used_up if end is not None and end == requests.count else ""
        self._active = len(self._numbers)
        self._ramp_up_s = plan.closed.ramp_up_s
        self._tasks: asyncio.TaskGroup

    @property
    def in_flight(self) -> int:
        """Requests sent and not yet ended."""
        return sum(1 for user in self._users if user.asking and user.sent_ns)

    @property
    def waiting(self) -> int:
        """Users who wait for a connection."""
        return sum(1 for user in self._users if user.asking and not user.sent_ns)

    async def run(self, *, grace_s: float = 1.0) -> EngineResult:
        """Lets the users ask until the end or `stop`, then waits for what is under way: to its timeout, or `grace_s`
        after a stop. Cancelling ends every connection at once."""
        delay_s = (self._start_ns - self.now_ns()) / NS_PER_S
        if delay_s > 0:
            await asyncio.sleep(delay_s)
        cpu_s, started_ns = time.process_time(), self.now_ns()
        async with asyncio.TaskGroup() as self._tasks:
            self._users = [VirtualUser(self, number, self._recorder.stats_at(started_ns)) for number in self._numbers]
            self.detector.start(started_ns)
            sweeper = self._tasks.create_task(self._sweep_regularly())
            try:
                self._bring(started_ns)
                await self._until_over()
                ended_ns = self.now_ns()
                self.detector.end_ns = min(self.detector.end_ns, ended_ns)
                cpu_percent = cpu_percent_since(cpu_s, started_ns, ended_ns)
                await self._drain(grace_s if self._stopped else self._plan.timeout_s + 1.0)
            finally:
                sweeper.cancel()
                self._give_up_rest()
        return EngineResult(
            elapsed_s=max(0, min(ended_ns, self._end_ns or ended_ns) - self._start_ns) / NS_PER_S,
            missed=0,
            cpu_percent=round(cpu_percent, 1),
            precise_timer=True,
            stopped=self._stopped,
            standstills=tuple(self.detector.standstills),
            own=GeneratorLimits(
                short_of=self._shortages.kind,
                short_times=self._shortages.times,
                files_max=file_limit(),
                used_up="" if self._active else self._used_up,
            ),
        )

    def stop(self) -> None:
        """No user asks again."""
        if not self._over.is_set():
            self._stopped = True
            self.closing_ns = self.now_ns()
            self._over.set()

    def change_rate(self, rate_per_s: float, at_ns: int) -> None:
        """Refused: users ask as fast as they are answered. Raises InvalidInput."""
        raise InvalidInput(f"a rate of {rate_per_s:g}/s belongs to an open loop; this one has users")

    def catch_up(self) -> None:
        """Nothing is scheduled, so nothing can be late."""

    def take_samples(self) -> tuple[TracedRequest | None, TracedRequest | None]:
        """A fresh and the slowest good answer since this was asked before."""
        return self.samples.take()

    def take_examples(self) -> list[FailureExample]:
        """Examples of failures that are new since this was called before."""
        return self.failures.book.take()

    def _bring(self, now_ns: int) -> None:
        """The users come, one after the other where there is a time for that."""
        if not self._users:
            self._over.set()
        for user in self._users:
            if self._ramp_up_s:
                self.later(user, self._ramp_up_s * user.number / self.stride)
            else:
                self.begin(user, now_ns)

    # One user

    def begin(self, user: VirtualUser, now_ns: int) -> None:
        """The user wants something now."""
        if user.number >= self._end_number:
            self._active -= 1
            if not self._active:
                self._over.set()
            return
        drawn = self.drawn
        prepared = user.prepared = drawn[user.number % len(drawn)]
        user.number += self.stride
        stats = user.stats
        if now_ns >= stats.end_ns:
            stats = user.stats = self._recorder.stats_at(now_ns)
        stats.offered += 1
        stats.pending += 1
        user.began_ns = now_ns
        user.asking = True
        connection = user.connection
        if connection is not None and connection.open and user.server == prepared.server:
            user.sent_ns = now_ns
            stats.started += 1
            connection.send(self._bytes_of(user, prepared), user.done, head=prepared.head)
        else:
            user.sent_ns = 0
            self._tasks.create_task(self._connect(user, user.number))

    def resend(self, user: VirtualUser) -> None:
        """Sends the user's request again, on a new connection."""
        user.stats.resent += 1
        self._tasks.create_task(self._connect(user, user.number))

    def _bytes_of(self, user: VirtualUser, prepared: PreparedRequest) -> bytes:
        if not self._traced:
            return prepared.raw
        user.trace = b"%048x" % self._trace_bits(192)
        return prepared.with_trace(user.trace)

    def later(self, user: VirtualUser, delay_s: float) -> None:
        """The user comes again after a pause, unless all is over by then."""
        asyncio.get_running_loop().call_later(delay_s, self._come_again, user)

    def _come_again(self, user: VirtualUser) -> None:
        now_ns = self.now_ns()
        if now_ns < self.closing_ns:
            self.begin(user, now_ns)

    async def _connect(self, user: VirtualUser, number: int) -> None:
        """Opens a connection for the user's present request, which `number` tells from its later ones, and sends it."""
        if user.connection is not None:
            user.connection.abort()
        prepared = user.prepared
        endpoint = self._endpoints[prepared.server]
        connection, refusal, ours = None, "", False
        try:
            connection = await endpoint.connect(
                self._plan.timeout_s, heads=self._heads[prepared.server], make=self._make
            )
        except HttpFailure as failure:
            refusal = connection_error_text(failure)
            ours = self._shortages.note(failure.__cause__)
        if not user.asking or user.number != number:
            # It has given up meanwhile, or all is over.
            if connection is not None:
                connection.abort()
        elif connection is None or not connection.open:
            self._refused(user, Fault.GENERATOR if ours else Fault.CONNECT, refusal)
        else:
            if isinstance(connection, FastPathConnection):
                connection.user = user
            user.connection, user.server = connection, prepared.server
            if not user.sent_ns:
                user.sent_ns = self.now_ns()
                user.stats.started += user.began_ns >= self.left_out_ns
            connection.send(self._bytes_of(user, prepared), user.done, head=prepared.head)

    def failed(self, user: VirtualUser, fault: Fault, now_ns: int, cause: str = "") -> None:
        """Counts the user's request as one without a response."""
        if user.began_ns < self.left_out_ns:
            return
        prepared, took_ns = user.prepared, now_ns - user.began_ns
        user.stats.record_outcome((prepared.target, 0, fault), took_ns // _NS_PER_US, None)
        self.failures.failed(
            prepared, fault, due_ns=user.began_ns, took_ns=took_ns, trace=user.trace, sent=bool(user.sent_ns),
            cause=cause,
        )  # fmt: skip

    def _refused(self, user: VirtualUser, fault: Fault, cause: str) -> None:
        now_ns = self.now_ns()
        self.detector.check(now_ns)
        user.asking = False
        self.failed(user, fault, now_ns, cause)
        self.later(user, max(_REST_AFTER_REFUSAL_S, self.think() if self.think else 0.0))

    # Time running out

    async def _until_over(self) -> None:
        left_s = None if self._end_ns is None else max(0.0, (self._end_ns - self.now_ns()) / NS_PER_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left_s):
                await self._over.wait()
        self.closing_ns = min(self.closing_ns, self.now_ns())

    async def _sweep_regularly(self) -> None:
        while True:
            await asyncio.sleep(min(_SWEEP_S, self._plan.timeout_s / 10))
            now_ns = self.now_ns()
            self.detector.check(now_ns)
            for user in self._users:
                if user.asking and now_ns - user.began_ns >= self._timeout_ns:
                    self._give_up(user, Fault.TIMEOUT)

    def _give_up(self, user: VirtualUser, fault: Fault) -> None:
        user.asking = False
        self.failed(user, fault, self.now_ns())
        if user.connection is not None:
            user.connection.abort()
        self._come_again(user)

    async def _drain(self, grace_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                while any(user.asking for user in self._users):
                    await asyncio.sleep(_SWEEP_S)

    def _leave_out(self, now_ns: int) -> None:
        """After a standstill: what was under way in it is not counted."""
        for user in self._users:
            if user.asking and user.began_ns >= self.left_out_ns:
                user.stats.discard(sent=bool(user.sent_ns))
        self.left_out_ns = now_ns

    def _give_up_rest(self) -> None:
        self.detector.check(self.now_ns())
        self.closing_ns = 0
        for user in self._users:
            if user.asking:
                self._give_up(user, Fault.UNFINISHED)
            if user.connection is not None:
                user.connection.abort()


def think_times(plan: Plan, part: Part) -> Callable[[], float] | None:
    """Gives the seconds of the next pause; None where nobody thinks."""
    assert plan.closed is not None
    mean_s = plan.closed.think_s
    if not mean_s:
        return None
    if not plan.closed.think_varies:
        return lambda: mean_s
    draw = random.Random(f"thinking {plan.seed} {part.index}").random
    return lambda: -mean_s * math.log(1.0 - draw())
