"""Sending what the schedule demands when it demands it, and timing every answer; callbacks, no task per request.

An arrival never waits for another's answer. It takes an idle connection, else it joins a bounded queue and keeps its
due time; its age at the answer, measured from there, is its response time. Nobody is left out: what times out, fails
or is unfinished at the end is counted with its age.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import Callable

from client.load.alarm import Alarm, best_alarm
from client.load.connections import Connections, Endpoint
from client.load.metrics import Metrics, Tally
from client.load.pacer import NS_PER_S, Pacer
from client.load.plan import Plan
from client.load.requests import Prepared, Requests
from client.load.summary import Fault, Outcome, TracedRequest
from server.api import timing
from vmhost.base.http1 import Connection, Failure, Response

WAITING_MAX = 100_000
_BATCH_MAX = 128
_QUANTUM_NS = 100_000
"""Waking less than 0.1 ms after the last time would cost a core at high rates and gain nothing."""
_CATCH_UP_NS = NS_PER_S // 10
"""So long after its end the schedule's last arrivals are still taken up; the rest is missed."""
_CATCH_UP_MAX = 20_000
_SWEEP_S = 0.02
_NS_PER_US = 1000

_FAULTS = {
    Failure.CONNECT: Fault.CONNECT,
    Failure.TIMEOUT: Fault.TIMEOUT,
    Failure.RESET: Fault.RESET,
    Failure.CLOSED_EARLY: Fault.SHORT,
    Failure.GARBAGE: Fault.GARBAGE,
    Failure.TOO_LARGE: Fault.GARBAGE,
}


class Arrival:
    """One request from its due time to its end."""

    __slots__ = ("connection", "due_ns", "engine", "over", "prepared", "sent_ns", "taken_ns", "tally", "trace")

    def __init__(self, engine: Engine, prepared: Prepared, tally: Tally, due_ns: int, taken_ns: int) -> None:
        self.engine = engine
        self.prepared = prepared
        self.tally = tally
        self.due_ns = due_ns
        self.taken_ns = taken_ns
        self.sent_ns = 0
        self.trace = b""
        self.connection: Connection | None = None
        self.over = False

    def done(self, response: Response | None, failure: Failure | None) -> None:
        """The connection's call when the request has ended."""
        self.engine.finished(self, response, failure)


class Engine:
    """One run of a plan against one endpoint. `run` may be awaited once; the other methods act while it runs."""

    def __init__(
        self,
        plan: Plan,
        *,
        endpoint: Endpoint,
        requests: Requests,
        pacer: Pacer,
        metrics: Metrics,
        start_ns: int,
        alarm: Callable[[Callable[[], None]], Alarm] = best_alarm,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        trace_bits: Callable[[int], int] | None = None,
    ) -> None:
        self.metrics = metrics
        self.rate_per_s = plan.rate_per_s
        self.last: tuple[Arrival, Response, int] | None = None
        self.slowest: tuple[Arrival, Response, int] | None = None
        self._plan = plan
        self._endpoint = endpoint
        self._requests = requests
        self._pacer = pacer
        self._start_ns = start_ns
        self._end_ns: int | None = None
        if plan.duration_s is not None:
            self._end_ns = start_ns + round(plan.duration_s * NS_PER_S)
        self._now_ns = clock_ns
        self._make_alarm = alarm
        self._trace_bits = trace_bits or random.Random().getrandbits
        self._number = 0
        self._missed = 0
        self._stopped = False
        self._waiting: deque[Arrival] = deque()
        self._live: deque[Arrival] = deque()
        self._timeout_ns = round(plan.timeout_s * NS_PER_S)
        self._schedule_over = asyncio.Event()
        self._drained = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """Requests sent and not yet ended."""
        return sum(1 for arrival in self._live if not arrival.over and arrival.connection is not None)

    @property
    def waiting(self) -> int:
        """Arrivals without a connection yet."""
        return sum(1 for arrival in self._waiting if not arrival.over)

    async def run(self, *, grace_s: float = 1.0) -> Outcome:
        """Runs the schedule to its end or until `stop`, then waits for what is under way: to its timeout, or `grace_s`
        after a stop. Cancelling ends every connection at once."""
        cpu_s, started_ns = time.process_time(), self._now_ns()
        async with asyncio.TaskGroup() as tasks:
            self._connections = Connections(
                self._endpoint,
                limit=self._plan.connections,
                timeout_s=self._plan.timeout_s,
                tasks=tasks,
                freed=self._serve_waiting,
                refused=self._connect_failed,
            )
            self._alarm = self._make_alarm(self._take_due)
            sweeper = tasks.create_task(self._sweep_regularly())
            try:
                self._take_due()
                await self._schedule_over.wait()
                ended_ns = self._now_ns()
                cpu_percent = 100 * (time.process_time() - cpu_s) * NS_PER_S / max(1, ended_ns - started_ns)
                await self._drain(grace_s if self._stopped else self._plan.timeout_s + 1.0)
            finally:
                sweeper.cancel()
                self._alarm.close()
                self._give_up_rest()
                self._connections.close()
        return self._outcome(min(ended_ns, self._end_ns or ended_ns), cpu_percent)

    def stop(self) -> None:
        """Ends the schedule now."""
        if not self._schedule_over.is_set():
            self._take_all_due()
            self._stopped = True
            self._end(self._now_ns())

    def set_rate(self, rate_per_s: float) -> None:
        """Continues the schedule at another rate; 0 pauses it."""
        self._take_all_due()
        self._pacer = self._pacer.with_rate(rate_per_s, self._now_ns())
        self.rate_per_s = rate_per_s
        self._take_due()

    def settle(self) -> int:
        """Takes up all arrivals due by now and gives that instant, for marks and windows."""
        self._take_all_due()
        return self._now_ns()

    # The schedule

    def _take_due(self) -> None:
        """Takes up arrivals that are due and sets the alarm for the next one."""
        if self._schedule_over.is_set():
            return
        for _ in range(_BATCH_MAX):
            now_ns = self._now_ns()
            due_ns = self._next_due_ns()
            if due_ns is None or due_ns > now_ns:
                break
            if self._end_ns is not None and now_ns > self._end_ns + _CATCH_UP_NS:
                self._end(now_ns)
                return
            self._arrive(due_ns, now_ns)
        now_ns = self._now_ns()
        if due_ns is None and self._end_ns is not None and now_ns >= self._end_ns:
            self._end(now_ns)
            return
        wake_ns = due_ns if due_ns is not None else self._end_ns
        if wake_ns is not None:
            self._alarm.set(max(wake_ns, now_ns + _QUANTUM_NS))

    def _take_all_due(self) -> None:
        for _ in range(_CATCH_UP_MAX):
            now_ns, due_ns = self._now_ns(), self._next_due_ns()
            if due_ns is None or due_ns > now_ns or self._schedule_over.is_set():
                return
            self._arrive(due_ns, now_ns)

    def _next_due_ns(self) -> int | None:
        due_ns = self._pacer.due_ns(self._number)
        if due_ns is None or (self._end_ns is not None and due_ns >= self._end_ns):
            return None
        return due_ns

    def _end(self, now_ns: int) -> None:
        end_ns = now_ns if self._end_ns is None else min(now_ns, self._end_ns)
        self._missed = count_due(self._pacer, self._number, end_ns)
        self._schedule_over.set()

    def _arrive(self, due_ns: int, now_ns: int) -> None:
        prepared = self._requests.pick(self._number)
        self._number += 1
        arrival = Arrival(self, prepared, self.metrics.tally(due_ns), due_ns, now_ns)
        arrival.tally.arrived()
        self._live.append(arrival)
        connection = None if self._waiting else self._connections.take()
        if connection is not None:
            self._send(arrival, connection)
        elif len(self._waiting) < WAITING_MAX:
            self._waiting.append(arrival)
            self._connections.grow(len(self._waiting))
        else:
            self._fail(arrival, Fault.OVERFLOW)

    # One request

    def _send(self, arrival: Arrival, connection: Connection) -> None:
        arrival.trace = b"%048x" % self._trace_bits(192)
        arrival.connection = connection
        arrival.sent_ns = now_ns = self._now_ns()
        arrival.tally.sent((arrival.taken_ns - arrival.due_ns) // _NS_PER_US, (now_ns - arrival.taken_ns) // _NS_PER_US)
        connection.send(arrival.prepared.with_trace(arrival.trace), arrival.done)

    def finished(self, arrival: Arrival, response: Response | None, failure: Failure | None) -> None:
        """A request has ended: its connection goes on, and it is counted."""
        now_ns = self._now_ns()
        connection, arrival.connection = arrival.connection, None
        if response is None:
            assert failure is not None
            self._fail(arrival, _FAULTS[failure])
            return
        if connection is not None and connection.idle:
            self._connections.give_back(connection)
            self._serve_waiting()
        if not arrival.over:
            self._count(arrival, response, now_ns)

    def _count(self, arrival: Arrival, response: Response, now_ns: int) -> None:
        arrival.over = True
        tally = arrival.tally
        response_us = (now_ns - arrival.due_ns) // _NS_PER_US
        tally.answered(response.status, _attempts(response))
        fault = arrival.prepared.fault(response)
        if fault is not None:
            tally.failed(fault, response_us)
            return
        tally.succeeded(response_us, (now_ns - arrival.sent_ns) // _NS_PER_US)
        self.last = (arrival, response, now_ns)
        if self.slowest is None or now_ns - arrival.due_ns > self.slowest[2] - self.slowest[0].due_ns:
            self.slowest = self.last

    def _fail(self, arrival: Arrival, fault: Fault) -> None:
        if not arrival.over:
            arrival.over = True
            arrival.tally.failed(fault, (self._now_ns() - arrival.due_ns) // _NS_PER_US)

    # Connections

    def _serve_waiting(self) -> None:
        while (arrival := self._first_waiting()) is not None:
            connection = self._connections.take()
            if connection is None:
                self._connections.grow(len(self._waiting))
                return
            self._waiting.popleft()
            self._send(arrival, connection)

    def _first_waiting(self) -> Arrival | None:
        while self._waiting and self._waiting[0].over:
            self._waiting.popleft()
        return self._waiting[0] if self._waiting else None

    def _connect_failed(self) -> None:
        # With no connection at all the first in the queue has met a server that refuses; with some it still has hope.
        if self._connections.open:
            return
        arrival = self._first_waiting()
        if arrival is not None:
            self._waiting.popleft()
            self._fail(arrival, Fault.CONNECT)
        self._connections.grow(len(self._waiting))

    # Time running out

    async def _sweep_regularly(self) -> None:
        while True:
            await asyncio.sleep(min(_SWEEP_S, self._plan.timeout_s / 10))
            self._sweep(self._now_ns())
            if self._schedule_over.is_set() and not self._live:
                self._drained.set()

    def _sweep(self, now_ns: int) -> None:
        # All have the same timeout, so the oldest is the first to run out of it.
        while self._live:
            arrival = self._live[0]
            if not arrival.over:
                if now_ns - arrival.due_ns < self._timeout_ns:
                    return
                self._give_up(arrival, Failure.TIMEOUT, Fault.TIMEOUT)
            self._live.popleft()

    def _give_up(self, arrival: Arrival, failure: Failure, fault: Fault) -> None:
        connection = arrival.connection
        self._fail(arrival, fault)
        if connection is not None:
            connection.abort(failure)

    async def _drain(self, grace_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._drained.wait()

    def _give_up_rest(self) -> None:
        for arrival in self._live:
            if not arrival.over:
                self._give_up(arrival, Failure.TIMEOUT, Fault.UNFINISHED)
        self._live.clear()

    # Telling

    def trace_last(self) -> tuple[TracedRequest | None, TracedRequest | None]:
        """The last and the slowest good answer since this was asked before."""
        last, slowest = self.last, self.slowest
        self.last = self.slowest = None
        return _traced(last), _traced(slowest)

    def _outcome(self, end_ns: int, cpu_percent: float) -> Outcome:
        total = self.metrics.total(end_ns)
        total.offered += self._missed
        return Outcome(
            total=self.metrics.summary(total),
            elapsed_s=max(0, end_ns - self._start_ns) / NS_PER_S,
            missed=self._missed,
            cpu_percent=round(cpu_percent, 1),
            precise_timer=self._alarm.precise,
            stopped=self._stopped,
            marks=tuple(self.metrics.marks),
        )


def _traced(kept: tuple[Arrival, Response, int] | None) -> TracedRequest | None:
    if kept is None:
        return None
    arrival, response, now_ns = kept
    return TracedRequest(
        label=arrival.prepared.label,
        response_ms=(now_ns - arrival.due_ns) / 1e6,
        service_ms=(now_ns - arrival.sent_ns) / 1e6,
        status=response.status,
        trace_id=arrival.trace[:32].decode(),
        server_timing=(response.header(b"server-timing") or b"").decode("latin-1"),
    )


def _attempts(response: Response) -> tuple[timing.Attempt, ...]:
    header = response.header(b"server-timing")
    if header is None or b"attempt" not in header:
        return ()
    trace = timing.parse(header.decode("latin-1"))
    return trace.attempts if trace is not None else ()


def count_due(pacer: Pacer, number: int, end_ns: int) -> int:
    """How many arrivals from `number` on are due before `end_ns`."""

    def due(offset: int) -> bool:
        due_ns = pacer.due_ns(number + offset)
        return due_ns is not None and due_ns < end_ns

    if not due(0):
        return 0
    beyond = 1
    while due(beyond):
        beyond *= 2
    known = beyond // 2
    while beyond - known > 1:
        middle = (known + beyond) // 2
        known, beyond = (middle, beyond) if due(middle) else (known, middle)
    return beyond
