"""One request's conversation with the shards it asks: attempts, hedges, retries, and what came of each.

Per shard there is a leg. A leg is settled by the first good answer, or without one by the deadline, or when all of its
shard's replicas failed and patience is over. Everything happens in callbacks of connections and of one timer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from server.api.timing import Attempt
from server.frontend.hedging import Hedging
from server.frontend.link import Flight, Link
from server.frontend.replicas import Replica, ReplicaSet
from server.frontend.timers import GRAIN_S, Timer, Timers
from vmhost.base.budget import Budget
from vmhost.base.http1 import Failure, Response

Read = Callable[[int, Mapping[bytes, bytes], bytes], Any]
"""Makes an answer of a response's status (200, 400 or 404), headers and body; raises ValueError for nonsense."""

RESCUE_SHARE = 0.5
"""An attempt without an answer after this part of the deadline is presumed lost, and another replica is asked."""
_MEANT = frozenset({200, 400, 404})
_PATIENCE_SHARE = 0.25
_PAUSE_FIRST_S = 0.01
_SEARCH_MS_MAX = 1e6
_NEVER = float("inf")


@dataclass(slots=True, eq=False, kw_only=True)
class Shard:
    """One shard as the front end knows it."""

    number: int
    replicas: ReplicaSet
    hedging: Hedging
    rescues: Budget
    links: dict[Replica, Link]
    jitter: Callable[[], float]
    hedges_won: int = 0
    retries: int = 0


class Leg:
    """One shard's part of one exchange."""

    __slots__ = ("answer", "due", "flying", "hedge_due", "patience_until", "pause_s", "settled", "shard", "tried")

    def __init__(self, shard: Shard) -> None:
        self.shard = shard
        self.answer: Any = None
        self.settled = False
        self.flying = 0
        self.tried: list[Replica] = []
        self.due = _NEVER
        self.hedge_due = False
        self.pause_s = _PAUSE_FIRST_S
        self.patience_until = _NEVER


class Try(Flight):
    """One attempt while it happens."""

    __slots__ = ("ended", "exchange", "hedge", "leg", "outcome", "replica", "retry", "search_ms", "started")

    def __init__(self, exchange: Exchange, leg: Leg, replica: Replica, started: float, raw: bytes) -> None:
        self.raw = raw
        self._link = None
        self._connection = None
        self.exchange = exchange
        self.leg = leg
        self.replica = replica
        self.started = started
        self.ended = 0.0
        self.hedge = False
        self.retry = False
        self.outcome = ""
        self.search_ms: float | None = None

    def done(self, response: Response | None, failure: Failure | None) -> None:
        """The answer, or why there is none."""
        self.exchange.landed(self, response, failure)


class Exchange:
    """Asks each shard once, with one deadline for all. `settled` has a result once every leg is settled."""

    __slots__ = (
        "_deadline",
        "_head",
        "_open",
        "_read",
        "_settled",
        "_tail",
        "_timer",
        "_timers",
        "ended",
        "legs",
        "started",
        "tries",
    )

    def __init__(
        self,
        timers: Timers,
        shards: list[Shard],
        request: tuple[bytes, bytes],
        deadline_s: float,
        read: Read,
        settled: asyncio.Future[None],
    ) -> None:
        """`request` is what stands before and after the digits of X-Deadline-Ms."""
        self._timers = timers
        self._head, self._tail = request
        self._read = read
        self._settled = settled
        self._timer: Timer | None = None
        self.started = now = timers.now()
        self.ended = 0.0
        self._deadline = now + deadline_s
        self.legs = [Leg(shard) for shard in shards]
        self._open = len(self.legs)
        self.tries: list[Try] = []
        raw = self._request(now)
        for leg in self.legs:
            shard = leg.shard
            delay_s = shard.hedging.delay_ms(now) / 1000
            shard.rescues.earn()
            if self._launch(leg, now, raw) is not None:
                leg.due = now + delay_s
                leg.hedge_due = True
            else:
                self._wait(leg, now)
        self._arm()

    def take_attempts(self, arrived: float) -> tuple[Attempt, ...]:
        """What happened until the end, as a trace tells it; starts count from `arrived`. To be asked once.

        Attempts that have ended are let go: they and their exchange refer to each other, and such rings are freed late
        and dearly."""
        attempts = tuple([self._attempt(each, arrived) for each in self.tries])
        self.tries = [each for each in self.tries if not each.ended]
        return attempts

    def abandon(self) -> None:
        """Nobody waits any more: what is in flight ends now."""
        if not self.ended:
            self._end(self._timers.now())
        self._abort_flying()

    # callbacks

    def landed(self, attempt: Try, response: Response | None, failure: Failure | None) -> None:
        """An attempt has ended, with an answer or without."""
        now = self._timers.now()
        attempt.ended = now
        leg = attempt.leg
        leg.flying -= 1
        answer = self._understand(attempt, response) if response is not None else None
        if answer is not None:
            self._good(attempt, answer, now)
            return
        self._bad(attempt, failure, now)
        if not leg.settled and not leg.flying and not self._again(leg, now):
            self._wait(leg, now)
            self._arm()

    def _understand(self, attempt: Try, response: Response) -> Any:
        if response.status not in _MEANT:
            attempt.outcome = "late" if response.status == 504 else "error"
            return None
        headers = dict(response.headers)
        attempt.search_ms = search_ms(headers)
        try:
            return self._read(response.status, headers, response.body)
        except ValueError:
            return None

    def _good(self, attempt: Try, answer: Any, now: float) -> None:
        leg, replica = attempt.leg, attempt.replica
        latency_ms = (now - attempt.started) * 1000
        replica.answered(latency_ms, now)
        leg.shard.hedging.answered(latency_ms, now)
        if leg.settled:
            attempt.outcome = "lost"
            replica.lost += 1
            return
        attempt.outcome = "won"
        replica.won += 1
        if attempt.hedge:
            leg.shard.hedges_won += 1
        leg.answer = answer
        self._settle(leg, now)

    def _bad(self, attempt: Try, failure: Failure | None, now: float) -> None:
        replica = attempt.replica
        replica.failed(now, attempt.leg.shard.jitter())
        if failure is Failure.TIMEOUT:
            attempt.outcome = "timeout"
            replica.timeouts += 1
        else:
            attempt.outcome = attempt.outcome or "error"
            replica.errors += 1

    def _tick(self) -> None:
        self._timer = None
        now = self._timers.now()
        if now >= self._deadline - GRAIN_S:
            if not self.ended:
                self._end(now)
            self._abort_flying()
            return
        for leg in self.legs:
            if not leg.settled and leg.due <= now + GRAIN_S:
                self._act(leg, now)
        if not self.ended:
            self._arm()

    # decisions

    def _act(self, leg: Leg, now: float) -> None:
        """A leg's time has come: to hedge, to presume an attempt lost, or to try again after a pause."""
        if not leg.flying:
            if not self._again(leg, now):
                self._wait(leg, now)
        elif leg.hedge_due:
            leg.hedge_due = False
            leg.due = self._rescue_at(now)
            if leg.shard.replicas.has_other(now, leg.tried) and leg.shard.hedging.allow():
                attempt = self._launch(leg, now, self._request(now))
                if attempt is not None:
                    attempt.hedge = True
        else:
            leg.due = _NEVER
            if leg.shard.replicas.has_other(now, leg.tried) and leg.shard.rescues.spend():
                self._again(leg, now)

    def _again(self, leg: Leg, now: float) -> bool:
        attempt = self._launch(leg, now, self._request(now))
        if attempt is None:
            return False
        leg.shard.retries += 1
        attempt.retry = True
        leg.hedge_due = False
        leg.due = self._rescue_at(now)
        return True

    def _wait(self, leg: Leg, now: float) -> None:
        """No replica is left to try: all of them may be tried again after a pause, while patience lasts."""
        if leg.patience_until == _NEVER:
            leg.patience_until = now + _PATIENCE_SHARE * (self._deadline - self.started)
        if now + leg.pause_s > leg.patience_until:
            self._settle(leg, now)
            return
        leg.tried.clear()
        leg.hedge_due = False
        leg.due = now + leg.pause_s
        leg.pause_s *= 2

    def _rescue_at(self, now: float) -> float:
        rescue_at = self.started + RESCUE_SHARE * (self._deadline - self.started)
        return rescue_at if rescue_at > now else _NEVER

    # effects

    def _launch(self, leg: Leg, now: float, raw: bytes) -> Try | None:
        shard = leg.shard
        while (replica := shard.replicas.choose(now, leg.tried)) is not None:
            leg.tried.append(replica)
            attempt = Try(self, leg, replica, now, raw)
            if shard.links[replica].send(attempt):
                replica.sent(now)
                leg.flying += 1
                self.tries.append(attempt)
                return attempt
        return None

    def _request(self, now: float) -> bytes:
        return b"%b%d%b" % (self._head, max((self._deadline - now) * 1000, 1), self._tail)

    def _settle(self, leg: Leg, now: float) -> None:
        leg.settled = True
        self._open -= 1
        if not self._open and not self.ended:
            self._end(now)

    def _end(self, now: float) -> None:
        self.ended = now
        flying = 0
        for leg in self.legs:
            leg.settled = True
            flying += leg.flying
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if flying:
            # Whoever lost may still answer on a connection that stays good; but not for ever.
            self._timer = self._timers.call_at(self._deadline, self._tick)
        if not self._settled.done():
            self._settled.set_result(None)

    def _abort_flying(self) -> None:
        for attempt in self.tries:
            if not attempt.ended:
                attempt.give_up(Failure.TIMEOUT)

    def _arm(self) -> None:
        if self.ended:
            return
        due = self._deadline
        for leg in self.legs:
            if leg.due < due and not leg.settled:
                due = leg.due
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._timers.call_at(due, self._tick)

    def _attempt(self, attempt: Try, arrived: float) -> Attempt:
        machine = attempt.replica.machine
        until = min(attempt.ended or self.ended, self.ended or attempt.ended)
        outcome = attempt.outcome or ("lost" if attempt.leg.answer is not None else "timeout")
        return Attempt(
            instance_id=machine.instance_id,
            type=machine.type,
            host=machine.host,
            shard=machine.shard,
            start_ms=(attempt.started - arrived) * 1000,
            dur_ms=(until - attempt.started) * 1000,
            search_ms=attempt.search_ms,
            hedge=attempt.hedge,
            retry=attempt.retry,
            outcome=outcome,
        )


def search_ms(headers: Mapping[bytes, bytes]) -> float | None:
    """The leaf's own time from its `Server-Timing: search;dur=…`; None where there is none."""
    value = headers.get(b"server-timing", b"")
    if not value.startswith(b"search;dur="):
        return None
    try:
        ms = float(value[11:].partition(b",")[0])
    except ValueError:
        return None
    return ms if 0 <= ms < _SEARCH_MS_MAX else None
