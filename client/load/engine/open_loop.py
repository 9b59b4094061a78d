"""The open loop: arrivals come by the schedule, take an idle connection or wait for one, and keep their due time.

Its age at the answer, measured from the instant it was due, is a request's response time. A slow server makes a queue
here, as it would among users; it never makes the load smaller.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import cast

from client.load.engine.arrival_scheduler import ArrivalScheduler
from client.load.engine.connection_pool import ConnectionPool, Endpoint
from client.load.engine.engine_result import EngineResult, cpu_percent_since
from client.load.engine.hedging import Hedgeable, Hedging
from client.load.engine.precise_timer import Timer, best_timer
from client.load.engine.resource_limits import ShortageCounter, file_limit
from client.load.engine.responses import FAULTS, AttemptReader, FailureRecorder, RequestSamples, may_resend
from client.load.engine.standstill_detector import StandstillDetector
from client.load.examples import FailureExample
from client.load.generator_limits import GeneratorLimits
from client.load.interval_stats import GOOD, IntervalStats, Recorder
from client.load.plan.model import Plan, connections_for
from client.load.requests import PreparedRequest, RequestSequence
from client.load.schedule import NS_PER_S, Schedule
from client.load.summary import Fault, TracedRequest
from vmhost.base.http1 import Connection, Failure
from vmhost.base.http_response import HeadCache, Response

WAITING_MAX = 100_000
FIRST_RESPONSES = 20
"""So many good answers tell how long the service takes before requests queue there."""
_SWEEP_S = 0.02
_NS_PER_US = 1000


class Arrival:
    """One request from its due time to its end; where it is hedged, on two connections."""

    __slots__ = (
        "connection",
        "due_ns",
        "hedge",
        "loop",
        "over",
        "prepared",
        "resent",
        "sent_ns",
        "stats",
        "taken_ns",
        "trace",
    )  # fmt: skip

    def __init__(
        self, loop: OpenLoopEngine, prepared: PreparedRequest, stats: IntervalStats, due_ns: int, taken_ns: int
    ) -> None:
        self.loop = loop
        self.prepared = prepared
        self.stats = stats
        self.due_ns = due_ns
        self.taken_ns = taken_ns
        self.sent_ns = 0
        self.trace = b""
        self.connection: Connection | None = None
        self.hedge: Connection | None = None
        self.over = False
        self.resent = False

    def done(self, response: Response | None, failure: Failure | None) -> None:
        """The first connection's call when its request has ended."""
        connection, self.connection = self.connection, None
        self.loop.finished(self, connection, response, failure)

    def hedge_done(self, response: Response | None, failure: Failure | None) -> None:
        """The same of the second."""
        connection, self.hedge = self.hedge, None
        if response is not None and not self.over:
            self.stats.hedges_won += 1
        self.loop.finished(self, connection, response, failure)


class ServerQueue:
    """The way to one server: its connections, the arrivals that wait for one, and the hedges that wait behind them."""

    __slots__ = ("connections", "hedges", "waiting")

    def __init__(self) -> None:
        self.connections: ConnectionPool
        self.waiting: deque[Arrival] = deque()
        self.hedges: deque[Arrival] = deque()

    def first(self) -> Arrival | None:
        """The arrival that has waited longest; those that gave up are dropped."""
        waiting = self.waiting
        while waiting and waiting[0].over:
            waiting.popleft()
        return waiting[0] if waiting else None


class OpenLoopEngine:
    """One part of a plan's schedule against its servers. `run` may be awaited once; the rest acts while it runs."""

    def __init__(
        self,
        plan: Plan,
        *,
        endpoints: Sequence[Endpoint],
        requests: RequestSequence,
        schedule: Schedule,
        recorder: Recorder,
        start_ns: int,
        share: int = 1,
        timer: Callable[[Callable[[], None]], Timer] = best_timer,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        trace_bits: Callable[[int], int] | None = None,
    ) -> None:
        assert plan.open is not None
        self._plan = plan
        self._endpoints = endpoints
        self._requests = requests
        self._recorder = recorder
        self._start_ns = start_ns
        self._share = share
        self._limit = self._part_of(plan.connections_max)
        self._waited = 0
        self._first_ns: list[int] = []
        self._shortages = ShortageCounter()
        self._now_ns = clock_ns
        self._trace_bits = trace_bits or random.Random().getrandbits
        end_ns = None if plan.duration_s is None else start_ns + round(plan.duration_s * NS_PER_S)
        count = requests.limit(plan.requests)
        self._detector = StandstillDetector(self._leave_out, start_ns=start_ns, end_ns=end_ns)
        self._scheduler = ArrivalScheduler(
            schedule,
            end_ns=end_ns,
            on_arrival=self._on_arrival,
            count=count,
            timer=timer,
            clock_ns=clock_ns,
            detector=self._detector,
        )
        self._hedging: Hedging | None = None
        if plan.hedge is not None:
            self._hedging = Hedging(plan.hedge, send=self._hedge, timer=timer, clock_ns=clock_ns)
        self._queues: list[ServerQueue] = []
        self._live: deque[Arrival] = deque()
        self._timeout_ns = round(plan.timeout_s * NS_PER_S)
        self._attempts = AttemptReader()
        self._samples = RequestSamples()
        self._failures = FailureRecorder(plan, start_ns + round(plan.warm_up_s * NS_PER_S))
        self._stopped = False
        self._drained = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """Requests sent and not yet ended."""
        return sum(1 for arrival in self._live if not arrival.over and arrival.connection is not None)

    @property
    def waiting(self) -> int:
        """Arrivals without a connection yet."""
        return sum(1 for queue in self._queues for arrival in queue.waiting if not arrival.over)

    async def run(self, *, grace_s: float = 1.0) -> EngineResult:
        """Runs the schedule to its end or until `stop`, then waits for what is under way: to its timeout, or `grace_s`
        after a stop. Cancelling ends every connection at once."""
        cpu_s, started_ns = time.process_time(), self._now_ns()
        async with asyncio.TaskGroup() as tasks:
            self._queues = [self._make_queue(endpoint, tasks) for endpoint in self._endpoints]
            self._detector.start(started_ns)
            sweeper = tasks.create_task(self._sweep_regularly())
            try:
                if self._hedging is not None:
                    self._hedging.start()
                self._scheduler.start()
                ended_ns = self._detector.end_ns = await self._scheduler.finished()
                cpu_percent = cpu_percent_since(cpu_s, started_ns, self._now_ns())
                await self._drain(grace_s if self._stopped else self._plan.timeout_s + 1.0)
            finally:
                sweeper.cancel()
                self._scheduler.close()
                if self._hedging is not None:
                    self._hedging.close()
                self._give_up_rest()
                for queue in self._queues:
                    queue.connections.close()
        return EngineResult(
            elapsed_s=max(0, ended_ns - self._start_ns) / NS_PER_S,
            missed=self._scheduler.missed,
            cpu_percent=round(cpu_percent, 1),
            precise_timer=self._scheduler.precise,
            stopped=self._stopped,
            standstills=tuple(self._detector.standstills),
            own=GeneratorLimits(
                connections=self._limit * len(self._queues),
                waited=self._waited,
                first_service_ms=sum(self._first_ns) / len(self._first_ns) / 1e6 if self._first_ns else None,
                short_of=self._shortages.kind,
                short_times=self._shortages.times,
                files_max=file_limit(),
                used_up=self._requests.used_up if self._scheduler.exhausted else "",
            ),
        )

    def stop(self) -> None:
        """Ends the schedule now."""
        if not self._scheduler.over:
            self._stopped = True
            self._scheduler.stop()

    def change_rate(self, rate_per_s: float, at_ns: int) -> None:
        """Continues the schedule at another rate from then on; 0 pauses it."""
        if self._plan.connections is None:
            wanted = self._part_of(connections_for(rate_per_s, self._plan.timeout_s))
            self._limit = max(self._limit, wanted)
            for queue in self._queues:
                queue.connections.limit = self._limit
        self._scheduler.change_rate(rate_per_s, at_ns)

    def catch_up(self) -> None:
        """Takes up all arrivals due by now."""
        self._scheduler.catch_up()

    def take_samples(self) -> tuple[TracedRequest | None, TracedRequest | None]:
        """A fresh and the slowest good answer since this was asked before."""
        return self._samples.take()

    def take_examples(self) -> list[FailureExample]:
        """Examples of failures that are new since this was called before."""
        return self._failures.book.take()

    def _part_of(self, connections: int) -> int:
        return max(1, -(-connections // self._share))

    def _make_queue(self, endpoint: Endpoint, tasks: asyncio.TaskGroup) -> ServerQueue:
        queue = ServerQueue()
        queue.connections = ConnectionPool(
            endpoint,
            limit=self._limit,
            timeout_s=self._plan.timeout_s,
            tasks=tasks,
            freed=lambda: self._serve_waiting(queue),
            refused=lambda ours: self._connect_failed(queue, ours=ours),
            heads=HeadCache(bodies=not self._requests.easy),
            shortages=self._shortages,
        )
        return queue

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

    def _send(self, arrival: Arrival, connection: Connection) -> None:
        arrival.connection = connection
        raw = self._bytes_of(arrival)
        now_ns = self._now_ns()
        if not arrival.resent:
            arrival.sent_ns = now_ns
            arrival.stats.record_sent(
                (arrival.taken_ns - arrival.due_ns) // _NS_PER_US, (now_ns - arrival.taken_ns) // _NS_PER_US
            )
        if self._hedging is not None:
            self._hedging.sent(arrival, now_ns)
        connection.send(raw, arrival.done, head=arrival.prepared.head)

    def _hedge(self, asked: Hedgeable) -> None:
        arrival = cast(Arrival, asked)
        queue = self._queues[arrival.prepared.server]
        queue.hedges.append(arrival)
        self._send_hedges(queue)

    def _send_hedges(self, queue: ServerQueue) -> None:
        # Whoever waits for a connection comes first: a hedge on top of a full queue would only make it longer.
        while queue.hedges and not queue.waiting:
            arrival = queue.hedges[0]
            if not arrival.over and arrival.connection is not None:
                connection = queue.connections.take()
                if connection is None:
                    queue.connections.grow(len(queue.hedges))
                    return
                arrival.hedge = connection
                arrival.stats.hedged += 1
                connection.send(self._bytes_of(arrival), arrival.hedge_done, head=arrival.prepared.head)
            queue.hedges.popleft()

    def _bytes_of(self, arrival: Arrival) -> bytes:
        if not self._plan.traced:
            return arrival.prepared.raw
        # A hedge is another span of the same trace.
        trace = arrival.trace[:32] or b"%032x" % self._trace_bits(128)
        arrival.trace = trace + b"%016x" % self._trace_bits(64)
        return arrival.prepared.with_trace(arrival.trace)

    def finished(
        self, arrival: Arrival, connection: Connection | None, response: Response | None, failure: Failure | None
    ) -> None:
        """One of an arrival's requests has ended: its connection goes on, and the first answer is counted."""
        now_ns = self._now_ns()
        if now_ns >= self._detector.check_at_ns:
            self._detector.check(now_ns)
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

    def _resend(self, arrival: Arrival, connection: Connection | None, failure: Failure) -> bool:
        """Sends the request once more where the server had closed its idle connection and the method allows it."""
        if arrival.over or arrival.resent or not may_resend(arrival.prepared, connection, failure):
            return False
        arrival.resent = True
        arrival.stats.resent += 1
        queue = self._queues[arrival.prepared.server]
        # The other idle ones have been idle for longer: the server has closed them too.
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
        if response.headers is not self._attempts.without:
            stats.record_attempts(self._attempts.of(response))
        if fault == GOOD:
            if len(self._first_ns) < FIRST_RESPONSES:
                self._first_ns.append(service_ns)
            if response_ns > self._samples.above_ns:
                self._samples.note(prepared, response, arrival.trace, response_ns, service_ns)
            if self._hedging is not None:
                self._hedging.answered(service_ns // _NS_PER_US)
        else:
            self._failures.answered(
                prepared, response, fault, due_ns=arrival.due_ns, took_ns=response_ns, trace=arrival.trace
            )

    def _fail(self, arrival: Arrival, fault: Fault, cause: str = "") -> None:
        if arrival.over:
            return
        arrival.over = True
        now_ns = self._now_ns()
        service_us = (now_ns - arrival.sent_ns) // _NS_PER_US if arrival.sent_ns else 0
        prepared, took_ns = arrival.prepared, now_ns - arrival.due_ns
        arrival.stats.record_outcome((prepared.target, 0, fault), took_ns // _NS_PER_US, service_us)
        self._failures.failed(
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

    def _connect_failed(self, queue: ServerQueue, *, ours: bool) -> None:
        self._detector.check(self._now_ns())
        # With no connection at all the first in the queue has met a server that refuses; with some it still has hope.
        if queue.connections.open:
            return
        arrival = queue.first()
        if arrival is not None:
            queue.waiting.popleft()
            self._fail(arrival, Fault.GENERATOR if ours else Fault.CONNECT, queue.connections.refusal)
        queue.connections.grow(len(queue.waiting))

    # Time running out

    async def _sweep_regularly(self) -> None:
        while True:
            await asyncio.sleep(min(_SWEEP_S, self._plan.timeout_s / 10))
            now_ns = self._now_ns()
            self._detector.check(now_ns)
            self._sweep(now_ns)
            if self._scheduler.over and not self._live:
                self._drained.set()

    def _sweep(self, now_ns: int) -> None:
        # All have the same timeout, so the oldest is the first to run out of it.
        while self._live:
            arrival = self._live[0]
            if not arrival.over or arrival.connection is not None or arrival.hedge is not None:
                if now_ns - arrival.due_ns < self._timeout_ns:
                    return
                self._give_up(arrival, Failure.TIMEOUT, Fault.TIMEOUT)
            self._live.popleft()

    def _give_up(self, arrival: Arrival, failure: Failure, fault: Fault) -> None:
        self._fail(arrival, fault)
        for connection in (arrival.connection, arrival.hedge):
            if connection is not None:
                connection.abort(failure)

    async def _drain(self, grace_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._drained.wait()

    def _leave_out(self, now_ns: int) -> None:
        """After a standstill: what was under way in it is not counted, and what was due in it is not sent."""
        for arrival in self._live:
            if not arrival.over:
                arrival.over = True
                arrival.stats.discard(sent=bool(arrival.sent_ns))
        self._scheduler.skip(now_ns)
        for queue in self._queues:
            queue.waiting.clear()
            # A server may have given up idle connections meanwhile.
            queue.connections.drop_idle()

    def _give_up_rest(self) -> None:
        self._detector.check(self._now_ns())
        for arrival in self._live:
            self._give_up(arrival, Failure.TIMEOUT, Fault.UNFINISHED)
        self._live.clear()
