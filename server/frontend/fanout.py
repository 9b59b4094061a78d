"""One request to one or more shards: its attempts, hedges and retries, and the result of each.

For each shard there is a `ShardRequest`. It is settled by the first good response; without one, by the deadline, or
when all of its shard's replicas have failed and the time for retries is over. The work is done in callbacks of
connections and of one timer, so that an attempt needs no task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from server.api.timing import Attempt
from server.frontend.leaf_connections import LeafConnections, LeafRequest
from server.frontend.replicas import Hedging, Replica, ReplicaSet
from server.frontend.timers import GRAIN_S, Timer, Timers
from vmhost.base.http1 import Failure
from vmhost.base.http_response import Response
from vmhost.base.retry_budget import RetryBudget

Parse = Callable[[int, Mapping[bytes, bytes], bytes], Any]
"""Returns the result in a response's status (200, 400 or 404), headers and body; else raises ValueError."""

PRESUMED_LOST_SHARE = 0.5
"""An attempt without a response after this share of the deadline is presumed lost, and another replica is tried."""
_EXPECTED_STATUS = frozenset({200, 400, 404})
_RETRY_SHARE = 0.25
_PAUSE_FIRST_S = 0.01
_SEARCH_MS_MAX = 1e6
_NEVER = float("inf")


@dataclass(slots=True, eq=False, kw_only=True)
class Shard:
    """One shard as the front end knows it."""

    number: int
    replicas: ReplicaSet
    hedging: Hedging
    retry_budget: RetryBudget
    """For attempts that are presumed lost."""
    connections: dict[Replica, LeafConnections]
    jitter: Callable[[], float]
    hedges_won: int = 0
    retries: int = 0


class ShardRequest:
    """The part of one fan-out that goes to one shard."""

    __slots__ = ("due", "hedge_due", "in_flight", "pause_s", "result", "retry_until", "settled", "shard", "tried")

    def __init__(self, shard: Shard) -> None:
        self.shard = shard
        self.result: Any = None
        self.settled = False
        self.in_flight = 0
        self.tried: list[Replica] = []
        self.due = _NEVER
        self.hedge_due = False
        self.pause_s = _PAUSE_FIRST_S
        self.retry_until = _NEVER


class PendingAttempt(LeafRequest):
    """One attempt, from its sending until its response or failure."""

    __slots__ = ("ended", "fanout", "hedge", "outcome", "replica", "retry", "search_ms", "shard_request", "started")

    def __init__(
        self, fanout: Fanout, shard_request: ShardRequest, replica: Replica, started: float, raw: bytes
    ) -> None:
        self.raw = raw
        self._connections = None
        self._connection = None
        self.fanout = fanout
        self.shard_request = shard_request
        self.replica = replica
        self.started = started
        self.ended = 0.0
        self.hedge = False
        self.retry = False
        self.outcome = ""
        self.search_ms: float | None = None

    def on_done(self, response: Response | None, failure: Failure | None) -> None:
        """Called with the response, or with the failure."""
        self.fanout.on_attempt_done(self, response, failure)


async def fan_out(
    timers: Timers, shards: list[Shard], request: tuple[bytes, bytes], *, deadline_s: float, parse: Parse
) -> Fanout:
    """Send a request to the shards and return when each has answered or the deadline has passed.

    `request` is the part before and the part after the digits of X-Deadline-Ms. Never raises for what leaves do;
    cancelling aborts the attempts in flight."""
    settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    fanout = Fanout(timers, shards, request, deadline_s, parse, settled)
    try:
        await settled
    except asyncio.CancelledError:
        fanout.cancel()
        raise
    return fanout


class Fanout:
    """Sends one request to each shard, with one deadline for all. `settled` gets its result when every shard has."""

    __slots__ = (
        "_attempts",
        "_deadline",
        "_head",
        "_parse",
        "_settled",
        "_shard_requests",
        "_tail",
        "_timer",
        "_timers",
        "_unsettled",
        "ended",
        "started",
    )

    def __init__(
        self,
        timers: Timers,
        shards: list[Shard],
        request: tuple[bytes, bytes],
        deadline_s: float,
        parse: Parse,
        settled: asyncio.Future[None],
    ) -> None:
        self._timers = timers
        self._head, self._tail = request
        self._parse = parse
        self._settled = settled
        self._timer: Timer | None = None
        self.started = now = timers.now()
        self.ended = 0.0
        self._deadline = now + deadline_s
        self._shard_requests = [ShardRequest(shard) for shard in shards]
        self._unsettled = len(self._shard_requests)
        self._attempts: list[PendingAttempt] = []
        raw = self._raw(now)
        for each in self._shard_requests:
            shard = each.shard
            delay_s = shard.hedging.delay_ms(now) / 1000
            shard.retry_budget.earn()
            if self._send(each, now, raw) is not None:
                each.due = now + delay_s
                each.hedge_due = True
            else:
                self._pause(each, now)
        self._set_timer()

    @property
    def waited_ms(self) -> float:
        """From the first sending to the last response that was waited for."""
        return (self.ended - self.started) * 1000

    def results(self) -> list[Any]:
        """One result per shard, in the order of the shards; None where none came in time."""
        return [each.result for each in self._shard_requests]

    def take_attempts(self, arrived: float) -> tuple[Attempt, ...]:
        """The attempts up to the end, as the trace shows them; starts count from `arrived`. To be called once.

        Attempts that have ended are released: they and the fan-out refer to each other, and the garbage collector would
        free such cycles late and at a cost."""
        attempts = tuple([self._traced(each, arrived) for each in self._attempts])
        self._attempts = [each for each in self._attempts if not each.ended]
        return attempts

    def cancel(self) -> None:
        """Ends it now, with the attempts in flight, because no client waits for it any more."""
        if not self.ended:
            self._end(self._timers.now())
        self._abort_in_flight()

    # callbacks

    def on_attempt_done(self, attempt: PendingAttempt, response: Response | None, failure: Failure | None) -> None:
        """Called by an attempt that has ended, with its response or its failure."""
        now = self._timers.now()
        attempt.ended = now
        shard_request = attempt.shard_request
        shard_request.in_flight -= 1
        result = self._parsed(attempt, response) if response is not None else None
        if result is not None:
            self._on_result(attempt, result, now)
            return
        self._on_failure(attempt, failure, now)
        if not shard_request.settled and not shard_request.in_flight and not self._retry(shard_request, now):
            self._pause(shard_request, now)
            self._set_timer()

    def _parsed(self, attempt: PendingAttempt, response: Response) -> Any:
        if response.status not in _EXPECTED_STATUS:
            attempt.outcome = "late" if response.status == 504 else "error"
            return None
        headers = dict(response.headers)
        attempt.search_ms = search_ms(headers)
        try:
            return self._parse(response.status, headers, response.body)
        except ValueError:
            return None

    def _on_result(self, attempt: PendingAttempt, result: Any, now: float) -> None:
        shard_request, replica = attempt.shard_request, attempt.replica
        latency_ms = (now - attempt.started) * 1000
        replica.answered(latency_ms, now)
        shard_request.shard.hedging.answered(latency_ms, now)
        if shard_request.settled:
            attempt.outcome = "lost"
            replica.lost += 1
            return
        attempt.outcome = "won"
        replica.won += 1
        if attempt.hedge:
            shard_request.shard.hedges_won += 1
        shard_request.result = result
        self._settle(shard_request, now)

    def _on_failure(self, attempt: PendingAttempt, failure: Failure | None, now: float) -> None:
        replica = attempt.replica
        replica.failed(now, attempt.shard_request.shard.jitter())
        if failure is Failure.TIMEOUT:
            attempt.outcome = "timeout"
            replica.timeouts += 1
        else:
            attempt.outcome = attempt.outcome or "error"
            replica.errors += 1

    def _on_timer(self) -> None:
        self._timer = None
        now = self._timers.now()
        if now >= self._deadline - GRAIN_S:
            if not self.ended:
                self._end(now)
            self._abort_in_flight()
            return
        for each in self._shard_requests:
            if not each.settled and each.due <= now + GRAIN_S:
                self._on_due(each, now)
        if not self.ended:
            self._set_timer()

    # decisions

    def _on_due(self, shard_request: ShardRequest, now: float) -> None:
        """Retry after a pause, send a hedge, or presume an attempt lost: whichever is due for this shard."""
        shard = shard_request.shard
        if not shard_request.in_flight:
            if not self._retry(shard_request, now):
                self._pause(shard_request, now)
        elif shard_request.hedge_due:
            shard_request.hedge_due = False
            shard_request.due = self._presumed_lost_at(now)
            if shard.replicas.has_other(now, shard_request.tried) and shard.hedging.allow():
                attempt = self._send(shard_request, now, self._raw(now))
                if attempt is not None:
                    attempt.hedge = True
        else:
            shard_request.due = _NEVER
            if shard.replicas.has_other(now, shard_request.tried) and shard.retry_budget.spend():
                self._retry(shard_request, now)

    def _retry(self, shard_request: ShardRequest, now: float) -> bool:
        attempt = self._send(shard_request, now, self._raw(now))
        if attempt is None:
            return False
        shard_request.shard.retries += 1
        attempt.retry = True
        shard_request.hedge_due = False
        shard_request.due = self._presumed_lost_at(now)
        return True

    def _pause(self, shard_request: ShardRequest, now: float) -> None:
        """No replica is left to try: allow all of them again after a pause, until the time for retries is over."""
        if shard_request.retry_until == _NEVER:
            shard_request.retry_until = now + _RETRY_SHARE * (self._deadline - self.started)
        if now + shard_request.pause_s > shard_request.retry_until:
            self._settle(shard_request, now)
            return
        shard_request.tried.clear()
        shard_request.hedge_due = False
        shard_request.due = now + shard_request.pause_s
        shard_request.pause_s *= 2

    def _presumed_lost_at(self, now: float) -> float:
        at = self.started + PRESUMED_LOST_SHARE * (self._deadline - self.started)
        return at if at > now else _NEVER

    # effects

    def _send(self, shard_request: ShardRequest, now: float, raw: bytes) -> PendingAttempt | None:
        shard = shard_request.shard
        while (replica := shard.replicas.choose(now, shard_request.tried)) is not None:
            shard_request.tried.append(replica)
            attempt = PendingAttempt(self, shard_request, replica, now, raw)
            if shard.connections[replica].send(attempt):
                replica.sent(now)
                shard_request.in_flight += 1
                self._attempts.append(attempt)
                return attempt
        return None

    def _raw(self, now: float) -> bytes:
        return b"%b%d%b" % (self._head, max((self._deadline - now) * 1000, 1), self._tail)

    def _settle(self, shard_request: ShardRequest, now: float) -> None:
        shard_request.settled = True
        self._unsettled -= 1
        if not self._unsettled and not self.ended:
            self._end(now)

    def _end(self, now: float) -> None:
        self.ended = now
        in_flight = 0
        for each in self._shard_requests:
            each.settled = True
            in_flight += each.in_flight
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if in_flight:
            # Slower attempts may still be answered, which keeps their connections usable, but only until the deadline.
            self._timer = self._timers.call_at(self._deadline, self._on_timer)
        if not self._settled.done():
            self._settled.set_result(None)

    def _abort_in_flight(self) -> None:
        for attempt in self._attempts:
            if not attempt.ended:
                attempt.abort(Failure.TIMEOUT)

    def _set_timer(self) -> None:
        if self.ended:
            return
        due = self._deadline
        for each in self._shard_requests:
            if each.due < due and not each.settled:
                due = each.due
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._timers.call_at(due, self._on_timer)

    def _traced(self, attempt: PendingAttempt, arrived: float) -> Attempt:
        leaf = attempt.replica.leaf
        until = min(attempt.ended or self.ended, self.ended or attempt.ended)
        outcome = attempt.outcome or ("lost" if attempt.shard_request.result is not None else "timeout")
        return Attempt(
            instance_id=leaf.instance_id,
            type=leaf.type,
            host=leaf.host,
            shard=leaf.shard,
            start_ms=(attempt.started - arrived) * 1000,
            dur_ms=(until - attempt.started) * 1000,
            search_ms=attempt.search_ms,
            hedge=attempt.hedge,
            retry=attempt.retry,
            outcome=outcome,
        )


def search_ms(headers: Mapping[bytes, bytes]) -> float | None:
    """The leaf's own time from its `Server-Timing: search;dur=…`, or None."""
    value = headers.get(b"server-timing", b"")
    if not value.startswith(b"search;dur="):
        return None
    try:
        ms = float(value[11:].partition(b",")[0])
    except ValueError:
        return None
    return ms if 0 <= ms < _SEARCH_MS_MAX else None
