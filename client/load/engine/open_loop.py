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

from client.load.engine.alarm import Alarm, best_alarm
from client.load.engine.answers import FAULTS, Attempts, Failures, Shown, may_resend
from client.load.engine.clockwork import Clockwork
from client.load.engine.connections import Connections, Endpoint
from client.load.engine.ended import Ended, busy_percent
from client.load.engine.files import Shortages, file_limit
from client.load.engine.hedging import Asked, Hedging
from client.load.engine.watch import Watch
from client.load.examples import Example
from client.load.own_limits import OwnLimits
from client.load.plan.words import Plan, connections_for
from client.load.requests import Prepared, Requests
from client.load.schedule import NS_PER_S, Schedule
from client.load.summary import Fault, TracedRequest
from client.load.tally import GOOD, Collector, Tally
from vmhost.base.http1 import Connection, Failure, Heads, Response

WAITING_MAX = 100_000
FIRST = 20
"""So many good answers tell how long the service takes before requests queue there."""
_SWEEP_S = 0.02
_NS_PER_US = 1000


class Arrival:
    """One request from its due time to its end; where it is hedged, on two connections."""

    __slots__ = (
        "connection", "due_ns", "hedge", "loop", "over", "prepared", "resent", "sent_ns", "taken_ns", "tally", "trace",
    )  # fmt: skip

    def __init__(self, loop: OpenLoopEngine, prepared: Prepared, tally: Tally, due_ns: int, taken_ns: int) -> None:
        self.loop = loop
        self.prepared = prepared
        self.tally = tally
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
            self.tally.hedges_won += 1
        self.loop.finished(self, connection, response, failure)


class Lane:
    """The way to one server: its connections, the arrivals that wait for one, and the hedges that wait behind them."""

    __slots__ = ("connections", "hedges", "waiting")

    def __init__(self) -> None:
        self.connections: Connections
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
        requests: Requests,
        schedule: Schedule,
        collector: Collector,
        start_ns: int,
        share: int = 1,
        alarm: Callable[[Callable[[], None]], Alarm] = best_alarm,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        trace_bits: Callable[[int], int] | None = None,
    ) -> None:
        assert plan.open is not None
        self._plan = plan
        self._endpoints = endpoints
        self._requests = requests
        self._collector = collector
        self._start_ns = start_ns
        self._share = share
        self._limit = self._part_of(plan.connections_max)
        self._waited = 0
        self._first_ns: list[int] = []
        self._shortages = Shortages()
        self._now_ns = clock_ns
        self._trace_bits = trace_bits or random.Random().getrandbits
        end_ns = None if plan.duration_s is None else start_ns + round(plan.duration_s * NS_PER_S)
        count = requests.limit(plan.requests)
        self._watch = Watch(self._leave_out, start_ns=start_ns, end_ns=end_ns)
        self._clockwork = Clockwork(
            schedule, end_ns=end_ns, arrive=self._arrive, count=count, alarm=alarm, clock_ns=clock_ns, watch=self._watch
        )
        self._hedging: Hedging | None = None
        if plan.hedge is not None:
            self._hedging = Hedging(plan.hedge, send=self._hedge, alarm=alarm, clock_ns=clock_ns)
        self._lanes: list[Lane] = []
        self._live: deque[Arrival] = deque()
        self._timeout_ns = round(plan.timeout_s * NS_PER_S)
        self._attempts = Attempts()
        self._shown = Shown()
        self._failures = Failures(plan, start_ns + round(plan.warm_up_s * NS_PER_S))
        self._stopped = False
        self._drained = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """Requests sent and not yet ended."""
        return sum(1 for arrival in self._live if not arrival.over and arrival.connection is not None)

    @property
    def waiting(self) -> int:
        """Arrivals without a connection yet."""
        return sum(1 for lane in self._lanes for arrival in lane.waiting if not arrival.over)

    async def run(self, *, grace_s: float = 1.0) -> Ended:
        """Runs the schedule to its end or until `stop`, then waits for what is under way: to its timeout, or `grace_s`
        after a stop. Cancelling ends every connection at once."""
        cpu_s, started_ns = time.process_time(), self._now_ns()
        async with asyncio.TaskGroup() as tasks:
            self._lanes = [self._lane(endpoint, tasks) for endpoint in self._endpoints]
            self._watch.begin(started_ns)
            sweeper = tasks.create_task(self._sweep_regularly())
            try:
                if self._hedging is not None:
                    self._hedging.begin()
                self._clockwork.begin()
                ended_ns = self._watch.end_ns = await self._clockwork.finished()
                cpu_percent = busy_percent(cpu_s, started_ns, self._now_ns())
                await self._drain(grace_s if self._stopped else self._plan.timeout_s + 1.0)
            finally:
                sweeper.cancel()
                self._clockwork.close()
                if self._hedging is not None:
                    self._hedging.close()
                self._give_up_rest()
                for lane in self._lanes:
                    lane.connections.close()
        return Ended(
            elapsed_s=max(0, ended_ns - self._start_ns) / NS_PER_S,
            missed=self._clockwork.missed,
            cpu_percent=round(cpu_percent, 1),
            precise_timer=self._clockwork.precise,
            stopped=self._stopped,
            standstills=tuple(self._watch.standstills),
            own=OwnLimits(
                connections=self._limit * len(self._lanes),
                waited=self._waited,
                first_service_ms=sum(self._first_ns) / len(self._first_ns) / 1e6 if self._first_ns else None,
                short_of=self._shortages.kind,
                short_times=self._shortages.times,
                files_max=file_limit(),
                used_up=self._requests.used_up if self._clockwork.exhausted else "",
            ),
        )

    def stop(self) -> None:
        """Ends the schedule now."""
        if not self._clockwork.over:
            self._stopped = True
            self._clockwork.stop()

    def change_rate(self, rate_per_s: float, at_ns: int) -> None:
        """Continues the schedule at another rate from then on; 0 pauses it."""
        if self._plan.connections is None:
            wanted = self._part_of(connections_for(rate_per_s, self._plan.timeout_s))
            self._limit = max(self._limit, wanted)
            for lane in self._lanes:
                lane.connections.limit = self._limit
        self._clockwork.change_rate(rate_per_s, at_ns)

    def settle(self) -> None:
        """Takes up all arrivals due by now."""
        self._clockwork.settle()

    def take_shown(self) -> tuple[TracedRequest | None, TracedRequest | None]:
        """A fresh and the slowest good answer since this was asked before."""
        return self._shown.take()

    def take_examples(self) -> list[Example]:
        """Examples of failures that are new since this was called before."""
        return self._failures.book.take()

    def _part_of(self, connections: int) -> int:
        return max(1, -(-connections // self._share))

    def _lane(self, endpoint: Endpoint, tasks: asyncio.TaskGroup) -> Lane:
        lane = Lane()
        lane.connections = Connections(
            endpoint,
            limit=self._limit,
            timeout_s=self._plan.timeout_s,
            tasks=tasks,
            freed=lambda: self._serve_waiting(lane),
            refused=lambda ours: self._connect_failed(lane, ours=ours),
            heads=Heads(bodies=not self._requests.easy),
            shortages=self._shortages,
        )
        return lane

    # One request

    def _arrive(self, number: int, due_ns: int, now_ns: int) -> None:
        prepared = self._requests.pick(number)
        arrival = Arrival(self, prepared, self._collector.tally(due_ns), due_ns, now_ns)
        arrival.tally.arrived()
        self._live.append(arrival)
        lane = self._lanes[prepared.server]
        connection = None if lane.waiting else lane.connections.take()
        if connection is not None:
            self._send(arrival, connection)
        elif len(lane.waiting) < WAITING_MAX:
            lane.waiting.append(arrival)
            self._waited += lane.connections.full
            lane.connections.grow(len(lane.waiting))
        else:
            self._fail(arrival, Fault.OVERFLOW)

    def _send(self, arrival: Arrival, connection: Connection) -> None:
        arrival.connection = connection
        raw = self._bytes_of(arrival)
        now_ns = self._now_ns()
        if not arrival.resent:
            arrival.sent_ns = now_ns
            arrival.tally.sent(
                (arrival.taken_ns - arrival.due_ns) // _NS_PER_US, (now_ns - arrival.taken_ns) // _NS_PER_US
            )
        if self._hedging is not None:
            self._hedging.sent(arrival, now_ns)
        connection.send(raw, arrival.done, head=arrival.prepared.head)

    def _hedge(self, asked: Asked) -> None:
        arrival = cast(Arrival, asked)
        lane = self._lanes[arrival.prepared.server]
        lane.hedges.append(arrival)
        self._send_hedges(lane)

    def _send_hedges(self, lane: Lane) -> None:
        # Whoever waits for a connection comes first: a hedge on top of a full queue would only make it longer.
        while lane.hedges and not lane.waiting:
            arrival = lane.hedges[0]
            if not arrival.over and arrival.connection is not None:
                connection = lane.connections.take()
                if connection is None:
                    lane.connections.grow(len(lane.hedges))
                    return
                arrival.hedge = connection
                arrival.tally.hedged += 1
                connection.send(self._bytes_of(arrival), arrival.hedge_done, head=arrival.prepared.head)
            lane.hedges.popleft()

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
        if now_ns >= self._watch.alert_ns:
            self._watch.look(now_ns)
        if response is None:
            assert failure is not None
            if arrival.connection is None and arrival.hedge is None and not self._resend(arrival, connection, failure):
                self._fail(arrival, FAULTS[failure])
            return
        if not arrival.over:
            self._count(arrival, response, now_ns)
        if connection is not None and connection.idle:
            lane = self._lanes[arrival.prepared.server]
            lane.connections.give_back(connection)
            if lane.waiting or lane.hedges:
                self._serve_waiting(lane)

    def _resend(self, arrival: Arrival, connection: Connection | None, failure: Failure) -> bool:
        """Sends the request once more where the server had closed its idle connection and the method allows it."""
        if arrival.over or arrival.resent or not may_resend(arrival.prepared, connection, failure):
            return False
        arrival.resent = True
        arrival.tally.resent += 1
        lane = self._lanes[arrival.prepared.server]
        # The other idle ones have been idle for longer: the server has closed them too.
        lane.connections.drop_idle()
        lane.waiting.appendleft(arrival)
        self._serve_waiting(lane)
        return True

    def _count(self, arrival: Arrival, response: Response, now_ns: int) -> None:
        arrival.over = True
        tally, prepared = arrival.tally, arrival.prepared
        response_ns, service_ns = now_ns - arrival.due_ns, now_ns - arrival.sent_ns
        fault = prepared.fault(response)
        tally.ended((prepared.target, response.status, fault), response_ns // _NS_PER_US, service_ns // _NS_PER_US)
        tally.received_bytes += len(response.body)
        if response.headers is not self._attempts.without:
            tally.attempted(self._attempts.of(response))
        if fault == GOOD:
            if len(self._first_ns) < FIRST:
                self._first_ns.append(service_ns)
            if response_ns > self._shown.above_ns:
                self._shown.note(prepared, response, arrival.trace, response_ns, service_ns)
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
        arrival.tally.ended((prepared.target, 0, fault), took_ns // _NS_PER_US, service_us)
        self._failures.failed(
            prepared, fault, due_ns=arrival.due_ns, took_ns=took_ns, trace=arrival.trace, sent=bool(arrival.sent_ns),
            cause=cause,
        )  # fmt: skip

    # Connections

    def _serve_waiting(self, lane: Lane) -> None:
        while (arrival := lane.first()) is not None:
            connection = lane.connections.take()
            if connection is None:
                lane.connections.grow(len(lane.waiting))
                return
            lane.waiting.popleft()
            self._send(arrival, connection)
        self._send_hedges(lane)

    def _connect_failed(self, lane: Lane, *, ours: bool) -> None:
        self._watch.look(self._now_ns())
        # With no connection at all the first in the queue has met a server that refuses; with some it still has hope.
        if lane.connections.open:
            return
        arrival = lane.first()
        if arrival is not None:
            lane.waiting.popleft()
            self._fail(arrival, Fault.GENERATOR if ours else Fault.CONNECT, lane.connections.refusal)
        lane.connections.grow(len(lane.waiting))

    # Time running out

    async def _sweep_regularly(self) -> None:
        while True:
            await asyncio.sleep(min(_SWEEP_S, self._plan.timeout_s / 10))
            now_ns = self._now_ns()
            self._watch.look(now_ns)
            self._sweep(now_ns)
            if self._clockwork.over and not self._live:
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
                arrival.tally.leave_out(sent=bool(arrival.sent_ns))
        self._clockwork.skip(now_ns)
        for lane in self._lanes:
            lane.waiting.clear()
            # A server may have given up idle connections meanwhile.
            lane.connections.drop_idle()

    def _give_up_rest(self) -> None:
        self._watch.look(self._now_ns())
        for arrival in self._live:
            self._give_up(arrival, Failure.TIMEOUT, Fault.UNFINISHED)
        self._live.clear()
