"""The closed loop: users who send a request, wait for the response, pause and send again, each on its own connection.

Nothing is scheduled, so response time and service time are the same. The path from a response to the next request is
kept short, because it limits how many requests a second one core can send.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from client.load.engine.endpoint import connection_error_text
from client.load.engine.load_engine import UserEngine
from client.load.engine.responses import FAULTS, RequestEngine, may_resend
from client.load.engine.transport import Channel, Http1Channel, OnDone, Transport
from client.load.generator_limits import GeneratorLimits
from client.load.interval_stats import GOOD, IntervalStats, Recorder
from client.load.plan.model import Plan
from client.load.requests import PreparedRequest, RequestSequence
from client.load.schedule import Part
from client.load.summary import Fault
from vmhost.base.http1 import Failure, HttpFailure
from vmhost.base.http_response import Response

_REST_AFTER_REFUSAL_S = 0.05
"""How long a user waits after a refused connection before it tries again."""
_OK = 200
_NS_PER_US = 1000
_NO_END = 1 << 62


@dataclass(slots=True, eq=False)
class VirtualUser:
    """One user. Its request, if it waits for one, was due at `began_ns` and sent at `sent_ns`."""

    engine: ClosedLoopEngine
    number: int
    stats: IntervalStats
    began_ns: int = 0
    sent_ns: int = 0
    connection: Channel | None = None
    server: int = -1
    prepared: PreparedRequest = field(init=False)
    trace: bytes = b""
    waits: bool = False
    on_response: OnDone = field(init=False)

    def __post_init__(self) -> None:
        # Bound once: to make it anew for each request would cost as much as counting one.
        self.on_response = self._on_response

    def _on_response(self, response: Response | None, failure: Failure | None) -> None:
        """The connection's callback: count the request, then send the next one."""
        if not self.waits:
            return
        engine, stats, prepared = self.engine, self.stats, self.prepared
        if failure is not None and may_resend(prepared, self.connection, failure):
            # On a new connection, where this cannot happen again.
            engine.resend(self)
            return
        now_ns = engine.now_ns()
        if now_ns >= engine.detector.check_at_ns:
            engine.detector.check(now_ns)
        self.waits = False
        took_ns = now_ns - self.began_ns
        if self.began_ns < engine.left_out_ns:
            # The computer stood still in the meantime: this request says nothing about the service.
            pass
        elif response is not None:
            status = response.status
            fault = GOOD if prepared.easy and status < 400 else prepared.fault(response)
            stats.record_outcome((prepared.target, status, fault), took_ns // _NS_PER_US, None)
            stats.received_bytes += len(response.body)
            if response.headers is not engine.attempts.without:
                stats.record_attempts(engine.attempts.of(response))
            if fault:
                engine.failures.answered(
                    prepared, response, fault, due_ns=self.began_ns, took_ns=took_ns, trace=self.trace
                )
            elif took_ns > engine.samples.above_ns:
                engine.samples.note(prepared, response, self.trace, took_ns, took_ns)
        else:
            assert failure is not None
            engine.failed(self, FAULTS[failure], now_ns)
        if now_ns < engine.closing_ns:
            if engine.think is None:
                engine.send(self, now_ns)
            else:
                engine.send_later(self, engine.think())


class FastPathChannel(Http1Channel):
    """A user's connection if the user sends again at once: a good response with the same head as the one before is
    counted, and the next request sent, in one function. All other responses go the usual way.

    A request costs some 8 microseconds of CPU; without this the promise beside wrk is broken (docs/specification.md).
    """

    __slots__ = ("user",)

    user: VirtualUser

    def data_received(self, data: bytes) -> None:
        heads = self.heads
        assert heads is not None
        if not (self.fresh and len(data) == heads.last_length and data.startswith(heads.last_head)):
            super().data_received(data)
            return
        like, user = heads.last, self.user
        engine, prepared = user.engine, user.prepared
        now_ns = engine.now_ns()
        took_ns = now_ns - user.began_ns
        stats = user.stats
        assert like is not None
        # Unusual: an end, a mark or a second that is over, a response to look at or to show.
        if (
            like.status != _OK
            or like.headers is not engine.attempts.without
            or took_ns > engine.samples.above_ns
            or now_ns >= engine.closing_ns
            or now_ns >= stats.end_ns
        ):
            super().data_received(data)
            return
        heads.hits += 1
        outcome = (prepared.target, _OK, GOOD)
        (stats.outcomes.get(outcome) or stats.add_outcome(outcome, same=True)).response.record(took_ns // _NS_PER_US)
        stats.received_bytes += len(like.body)
        # One request ends and one starts, so the number of pending ones stays the same.
        stats.offered += 1
        stats.started += 1
        drawn = engine.drawn
        user.prepared = prepared = drawn[user.number % len(drawn)]
        user.number += engine.stride
        user.began_ns = user.sent_ns = now_ns
        self.used = True
        assert self.transport is not None
        self.transport.write(prepared.raw)


class ClosedLoopEngine(UserEngine, RequestEngine):
    """Sends the requests of one part of a plan's users. The attributes without an underscore are for `VirtualUser`."""

    def __init__(
        self, plan: Plan, *, transports: Sequence[Transport], requests: RequestSequence, recorder: Recorder,
        start_ns: int, part: Part, clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:  # fmt: skip
        super().__init__(plan, recorder=recorder, start_ns=start_ns, part=part, clock_ns=clock_ns)
        self._transports = transports
        self.drawn = requests.drawn
        self.left_out_ns = 0
        """The end of the last standstill; requests that were due before it do not count."""
        self._traced = plan.traced
        end = requests.limit(plan.requests)
        self._end_number = _NO_END if end is None else end
        self._trace_bits = random.Random().getrandbits
        self._users: list[VirtualUser] = []
        self._used_up = requests.used_up if end is not None and end == requests.count else ""
        self._active = len(self._numbers)
        assert plan.closed is not None
        self._ramp_up_s = plan.closed.ramp_up_s

    @property
    def in_flight(self) -> int:
        return sum(1 for user in self._users if user.waits and user.sent_ns)

    @property
    def waiting(self) -> int:
        return sum(1 for user in self._users if user.waits and not user.sent_ns)

    def _send_first(self, now_ns: int) -> None:
        self._users = [VirtualUser(self, number, self._recorder.stats_at(now_ns)) for number in self._numbers]
        if not self._users:
            self._over.set()
        for user in self._users:
            if self._ramp_up_s:
                self.send_later(user, self._ramp_up_s * user.number / self.stride)
            else:
                self.send(user, now_ns)

    def _limits(self) -> GeneratorLimits:
        return replace(super()._limits(), used_up="" if self._active else self._used_up)

    # One user

    def send(self, user: VirtualUser, now_ns: int) -> None:
        """Send the user's next request."""
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
        user.waits = True
        connection = user.connection
        if connection is not None and connection.open and user.server == prepared.server:
            user.sent_ns = now_ns
            stats.started += 1
            connection.send_request(prepared, user.on_response, self._new_trace(user))
        else:
            user.sent_ns = 0
            self._tasks.create_task(self._connect(user, user.number))

    def resend(self, user: VirtualUser) -> None:
        """Send the user's request again, on a new connection."""
        user.stats.resent += 1
        self._tasks.create_task(self._connect(user, user.number))

    def _new_trace(self, user: VirtualUser) -> bytes:
        if self._traced:
            user.trace = b"%048x" % self._trace_bits(192)
        return user.trace

    def send_later(self, user: VirtualUser, delay_s: float) -> None:
        """Send the user's next request after a pause, unless the run is over by then."""
        asyncio.get_running_loop().call_later(delay_s, self._send_unless_over, user)

    def _send_unless_over(self, user: VirtualUser) -> None:
        now_ns = self.now_ns()
        if now_ns < self.closing_ns:
            self.send(user, now_ns)

    async def _connect(self, user: VirtualUser, number: int) -> None:
        """Open a connection for the user's present request, which `number` tells from later ones, and send it."""
        if user.connection is not None:
            user.connection.abort()
        prepared = user.prepared
        connection, refusal, ours = None, "", False
        try:
            connection = await self._transports[prepared.server].open_channel(self._plan.timeout_s)
        except HttpFailure as failure:
            refusal = connection_error_text(failure)
            ours = self._shortages.note(failure.__cause__)
        if not user.waits or user.number != number:
            # It has given up in the meantime, or the run is over.
            if connection is not None:
                connection.abort()
        elif connection is None or not connection.open:
            self._refused(user, Fault.GENERATOR if ours else Fault.CONNECT, refusal)
        else:
            if isinstance(connection, FastPathChannel):
                connection.user = user
            user.connection, user.server = connection, prepared.server
            if not user.sent_ns:
                user.sent_ns = self.now_ns()
                user.stats.started += user.began_ns >= self.left_out_ns
            connection.send_request(prepared, user.on_response, self._new_trace(user))

    def failed(self, user: VirtualUser, fault: Fault, now_ns: int, cause: str = "") -> None:
        """Count the user's request as one without a response."""
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
        user.waits = False
        self.failed(user, fault, now_ns, cause)
        self.send_later(user, max(_REST_AFTER_REFUSAL_S, self.think() if self.think else 0.0))

    # Timeouts and the end

    def _busy(self) -> bool:
        return any(user.waits for user in self._users)

    def _sweep(self, now_ns: int) -> None:
        for user in self._users:
            if user.waits and now_ns - user.began_ns >= self._timeout_ns:
                self._give_up(user, Fault.TIMEOUT)

    def _give_up(self, user: VirtualUser, fault: Fault) -> None:
        user.waits = False
        self.failed(user, fault, self.now_ns())
        if user.connection is not None:
            user.connection.abort()
        self._send_unless_over(user)

    def _leave_out(self, now_ns: int) -> None:
        for user in self._users:
            if user.waits and user.began_ns >= self.left_out_ns:
                user.stats.discard(sent=bool(user.sent_ns))
        self.left_out_ns = now_ns

    async def _abort(self) -> None:
        self.detector.check(self.now_ns())
        self.closing_ns = 0
        for user in self._users:
            if user.waits:
                self._give_up(user, Fault.UNFINISHED)
            if user.connection is not None:
                user.connection.abort()
