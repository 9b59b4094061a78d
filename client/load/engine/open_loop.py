"""The open loop: requests are due by a schedule, take an idle connection or wait for one, and keep their due time.

A request's response time counts from the instant at which it was due. A slow server makes a queue here, as it would
among users; it never makes the load smaller.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from client.load.engine.connection_pool import ConnectionPool
from client.load.engine.hedging import Hedgeable, Hedging
from client.load.engine.load_engine import FIRST_RESPONSES, WAITING_MAX, ScheduledEngine
from client.load.engine.precise_timer import Timer, best_timer
from client.load.engine.responses import FAULTS, RequestEngine, may_resend
from client.load.engine.transport import Channel, Transport
from client.load.generator_limits import GeneratorLimits
from client.load.interval_stats import GOOD, IntervalStats, Recorder
from client.load.plan.model import Plan
from client.load.requests import PreparedRequest, RequestSequence
from client.load.schedule import Part
from client.load.summary import Fault
from vmhost.base.http1 import Failure
from vmhost.base.http_response import Response

_NS_PER_US = 1000


@dataclass(slots=True, eq=False)
class Arrival:
    """One request from its due time to its end; if it is hedged, on two connections."""

    engine: OpenLoopEngine
    prepared: PreparedRequest
    stats: IntervalStats
    due_ns: int
    taken_ns: int
    sent_ns: int = 0
    trace: bytes = b""
    connection: Channel | None = None
    hedge: Channel | None = None
    over: bool = False
    resent: bool = False

    def on_response(self, response: Response | None, failure: Failure | None) -> None:
        """The first connection's callback."""
        connection, self.connection = self.connection, None
        self.engine.on_response(self, connection, response, failure)

    def on_hedge_response(self, response: Response | None, failure: Failure | None) -> None:
        """The second connection's callback."""
        connection, self.hedge = self.hedge, None
        if response is not None and not self.over:
            self.stats.hedges_won += 1
        self.engine.on_response(self, connection, response, failure)


@dataclass(slots=True, eq=False)
class ServerQueue:
    """One server's connections, the arrivals that wait for one, and the hedges that wait behind them."""

    connections: ConnectionPool = field(init=False)
    waiting: deque[Arrival] = field(default_factory=deque)
    hedges: deque[Arrival] = field(default_factory=deque)

    def first(self) -> Arrival | None:
        """The arrival that has waited longest; those that were given up are dropped."""
        waiting = self.waiting
        while waiting and waiting[0].over:
            waiting.popleft()
        return waiting[0] if waiting else None


class OpenLoopEngine(ScheduledEngine, RequestEngine):
    """Sends one part of a plan's schedule to its servers."""

    def __init__(
        self, plan: Plan, *, transports: Sequence[Transport], requests: RequestSequence, recorder: Recorder,
        start_ns: int, part: Part, timer: Callable[[Callable[[], None]], Timer] = best_timer,
        clock_ns: Callable[[], int] = time.monotonic_ns, trace_bits: Callable[[int], int] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            plan, recorder=recorder, start_ns=start_ns, part=part, count=requests.limit(plan.requests), timer=timer,
            clock_ns=clock_ns,
        )  # fmt: skip
        self._transports = transports
        self._requests = requests
        self._first_ns: list[int] = []
        self._trace_bits = trace_bits or random.Random().getrandbits
        self._hedging: Hedging | None = None
        if plan.hedge is not None:
            self._hedging = Hedging(plan.hedge, send=self._hedge, timer=timer, clock_ns=clock_ns)
        self._queues: list[ServerQueue] = []
        self._live: deque[Arrival] = deque()

    @property
    def in_flight(self) -> int:
        return sum(1 for arrival in self._live if not arrival.over and arrival.connection is not None)

    @property
    def waiting(self) -> int:
        return sum(1 for queue in self._queues for arrival in queue.waiting if not arrival.over)

    def change_rate(self, rate_per_s: float, at_ns: int) -> None:
        super().change_rate(rate_per_s, at_ns)
        for queue in self._queues:
            queue.connections.limit = max(queue.connections.limit, self._connections_max)

    def _send_first(self, now_ns: int) -> None:
        self._queues = [self._make_queue(transport) for transport in self._transports]
        if self._hedging is not None:
            self._hedging.start()
        super()._send_first(now_ns)

    def _make_queue(self, transport: Transport) -> ServerQueue:
        queue = ServerQueue()
        queue.connections = ConnectionPool(
            transport,
            limit=self._connections_max,
            timeout_s=self._plan.timeout_s,
            tasks=self._tasks,
            on_free=lambda: self._serve_waiting(queue),
            on_refused=lambda ours: self._on_refused(queue, ours=ours),
            shortages=self._shortages,
        )
        return queue

    def _limits(self) -> GeneratorLimits:
        return replace(
            super()._limits(),
            connections=self._connections_max * len(self._queues),
            waited=self._waited,
            first_service_ms=sum(self._first_ns) / len(self._first_ns) / 1e6 if self._first_ns else None,
            used_up=self._requests.used_up if self._scheduler.exhausted else "",
        )

    # One request

    def _on_arrival(self, number: int, due_ns: int, now_ns: int) -> None:
        prepared = self._requests.pick(number)
        arrival = Arrival(self, prepared, self._recorder.stats_at(due_ns), due_ns, now_ns)
        arrival.stats.record_arrival()
        self._live.append(arrival)
        queue = self._queues[prepared.server]
        connection = None if queue.waiting else queue.connections.take()
        if connection is not None:
            self._send(arrival, connection)
        elif len(queue.waiting) < WAITING_MAX:
            queue.waiting.append(arrival)
            self._waited += queue.connections.full
            queue.connections.grow(len(queue.waiting))
        else:
            self._fail(arrival, Fault.OVERFLOW)

    def _send(self, arrival: Arrival, connection: Channel) -> None:
        arrival.connection = connection
        trace = self._new_trace(arrival)
        now_ns = self.now_ns()
        if not arrival.resent:
            arrival.sent_ns = now_ns
            arrival.stats.record_sent(
                (arrival.taken_ns - arrival.due_ns) // _NS_PER_US, (now_ns - arrival.taken_ns) // _NS_PER_US
            )
        if self._hedging is not None:
            self._hedging.sent(arrival, now_ns)
        connection.send_request(arrival.prepared, arrival.on_response, trace)

    def _hedge(self, request: Hedgeable) -> None:
        arrival = cast(Arrival, request)
        queue = self._queues[arrival.prepared.server]
        queue.hedges.append(arrival)
        self._send_hedges(queue)

    def _send_hedges(self, queue: ServerQueue) -> None:
        # Arrivals that wait for a connection come first: a hedge ahead of a full queue would only make it longer.
        while queue.hedges and not queue.waiting:
            arrival = queue.hedges[0]
            if not arrival.over and arrival.connection is not None:
                connection = queue.connections.take()
                if connection is None:
                    queue.connections.grow(len(queue.hedges))
                    return
                arrival.hedge = connection
                arrival.stats.hedged += 1
                connection.send_request(arrival.prepared, arrival.on_hedge_response, self._new_trace(arrival))
            queue.hedges.popleft()

    def _new_trace(self, arrival: Arrival) -> bytes:
        """The trace id and span id to send; empty for an untraced plan. A hedge is another span of the same trace."""
        if self._plan.traced:
            trace = arrival.trace[:32] or b"%032x" % self._trace_bits(128)
            arrival.trace = trace + b"%016x" % self._trace_bits(64)
        return arrival.trace

    def on_response(
        self, arrival: Arrival, connection: Channel | None, response: Response | None, failure: Failure | None
    ) -> None:
        """Count the first response to an arrival, and use its connection for the next one."""
        now_ns = self.now_ns()
        if now_ns >= self.detector.check_at_ns:
            self.detector.check(now_ns)
        if response is None:
            assert failure is not None
            if arrival.connection is None and arrival.hedge is None and not self._resend(arrival, connection, failure):
                self._fail(arrival, FAULTS[failure])
            return
        if not arrival.over:
            self._count(arrival, response, now_ns)
        if connection is not None and connection.idle:
            queue = self._queues[arrival.prepared.server]
            queue.connections.give_back(connection)
            if queue.waiting or queue.hedges:
                self._serve_waiting(queue)

    def _resend(self, arrival: Arrival, connection: Channel | None, failure: Failure) -> bool:
        """Send the request once more if the server had closed its idle connection and the method allows it."""
        if arrival.over or arrival.resent or not may_resend(arrival.prepared, connection, failure):
            return False
        arrival.resent = True
        arrival.stats.resent += 1
        queue = self._queues[arrival.prepared.server]
        # The other idle connections have been idle for longer: the server has closed them too.
        queue.connections.drop_idle()
        queue.waiting.appendleft(arrival)
        self._serve_waiting(queue)
        return True

    def _count(self, arrival: Arrival, response: Response, now_ns: int) -> None:
        arrival.over = True
        stats, prepared = arrival.stats, arrival.prepared
        response_ns, service_ns = now_ns - arrival.due_ns, now_ns - arrival.sent_ns
        fault = prepared.fault(response)
        stats.record_outcome(
            (prepared.target, response.status, fault), response_ns // _NS_PER_US, service_ns // _NS_PER_US
        )
        stats.received_bytes += len(response.body)
        if response.headers is not self.attempts.without:
            stats.record_attempts(self.attempts.of(response))
        if fault == GOOD:
            if len(self._first_ns) < FIRST_RESPONSES:
                self._first_ns.append(service_ns)
            if response_ns > self.samples.above_ns:
                self.samples.note(prepared, response, arrival.trace, response_ns, service_ns)
            if self._hedging is not None:
                self._hedging.answered(service_ns // _NS_PER_US)
        else:
            self.failures.answered(
                prepared, response, fault, due_ns=arrival.due_ns, took_ns=response_ns, trace=arrival.trace
            )

    def _fail(self, arrival: Arrival, fault: Fault, cause: str = "") -> None:
        if arrival.over:
            return
        arrival.over = True
        now_ns = self.now_ns()
        service_us = (now_ns - arrival.sent_ns) // _NS_PER_US if arrival.sent_ns else 0
        prepared, took_ns = arrival.prepared, now_ns - arrival.due_ns
        arrival.stats.record_outcome((prepared.target, 0, fault), took_ns // _NS_PER_US, service_us)
        self.failures.failed(
            prepared, fault, due_ns=arrival.due_ns, took_ns=took_ns, trace=arrival.trace, sent=bool(arrival.sent_ns),
            cause=cause,
        )  # fmt: skip

    # Connections

    def _serve_waiting(self, queue: ServerQueue) -> None:
        while (arrival := queue.first()) is not None:
            connection = queue.connections.take()
            if connection is None:
                queue.connections.grow(len(queue.waiting))
                return
            queue.waiting.popleft()
            self._send(arrival, connection)
        self._send_hedges(queue)

    def _on_refused(self, queue: ServerQueue, *, ours: bool) -> None:
        self.detector.check(self.now_ns())
        # Without any connection the first arrival in the queue has met a server that refuses; with some it may still
        # be served.
        if queue.connections.open:
            return
        arrival = queue.first()
        if arrival is not None:
            queue.waiting.popleft()
            self._fail(arrival, Fault.GENERATOR if ours else Fault.CONNECT, queue.connections.refusal)
        queue.connections.grow(len(queue.waiting))

    # Timeouts and the end

    def _busy(self) -> bool:
        return bool(self._live)

    def _sweep(self, now_ns: int) -> None:
        # All have the same timeout, so the oldest runs out of it first.
        while self._live:
            arrival = self._live[0]
            if not arrival.over or arrival.connection is not None or arrival.hedge is not None:
                if now_ns - arrival.due_ns < self._timeout_ns:
                    return
                self._give_up(arrival, Fault.TIMEOUT)
            self._live.popleft()

    def _give_up(self, arrival: Arrival, fault: Fault) -> None:
        self._fail(arrival, fault)
        for connection in (arrival.connection, arrival.hedge):
            if connection is not None:
                connection.abort()

    def _leave_out(self, now_ns: int) -> None:
        for arrival in self._live:
            if not arrival.over:
                arrival.over = True
                arrival.stats.discard(sent=bool(arrival.sent_ns))
        self._scheduler.skip(now_ns)
        for queue in self._queues:
            queue.waiting.clear()
            # A server may have closed idle connections meanwhile.
            queue.connections.drop_idle()

    async def _abort(self) -> None:
        self._scheduler.close()
        if self._hedging is not None:
            self._hedging.close()
        self.detector.check(self.now_ns())
        for arrival in self._live:
            self._give_up(arrival, Fault.UNFINISHED)
        self._live.clear()
        for queue in self._queues:
            queue.connections.close()
