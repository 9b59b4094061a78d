"""Which replica of a shard gets the next attempt, and when a slow attempt is hedged. Pure: the caller passes the time.

Two replicas are drawn at random and the less loaded one is used (Mitzenmacher, "The Power of Two Choices in Randomized
Load Balancing", 2001). A replica that fails is set aside for a time that doubles with each failure. Then one live
request tries it again; if that fails too, another replica answers the request, so the test costs nothing.

A hedge is a second copy of a request, sent when the first takes longer than the observed 95th percentile (Dean and
Barroso, "The Tail at Scale", CACM 2013). That adds about five per cent of load; a budget keeps it there when all is
slow.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass, field

from vmhost.base.retry_budget import RetryBudget

_SUB_BITS = 4
_BUCKETS = 23 << _SUB_BITS
_US_MAX = (1 << (_SUB_BITS + 22)) - 1
ASIDE_FIRST_S = 0.25
ASIDE_MAX_S = 10.0
HEDGE_QUANTILE = 0.95
HEDGE_SHARE = 0.05
HEDGE_DELAY_UNKNOWN_MS = 50.0
HEDGE_DELAY_MIN_MS = 1.0
_HEDGE_BURST = 10.0
_HEDGE_SAMPLES_MIN = 40
_HEDGE_RENEW_S = 0.25
_CLEARLY_SLOWER = 2.0
_NOISE_MS = 2.0
_STALE_S = 1.0
_EWMA_WEIGHT = 0.2


def _bucket(us: int) -> int:
    shift = us.bit_length() - _SUB_BITS - 1
    return (shift << _SUB_BITS) + (us >> shift) if shift > 0 else us


def _upper_us(bucket: int) -> int:
    shift = max((bucket >> _SUB_BITS) - 1, 0)
    return (bucket - (shift << _SUB_BITS) + 1) << shift


class LatencyWindow:
    """Latencies of the last `window_s` to 2 `window_s` seconds, in buckets 1/16 wide; quantiles are upper edges.

    Latencies are milliseconds up to a minute; `now` is monotonic seconds and comes from the caller."""

    __slots__ = ("_current", "_previous", "_turn_at", "_window_s")

    def __init__(self, *, window_s: float = 5.0) -> None:
        self._window_s = window_s
        self._turn_at = float("-inf")
        self._current = [0] * _BUCKETS
        self._previous = [0] * _BUCKETS

    def record(self, latency_ms: float, now: float) -> None:
        """Add the latency of one response."""
        if now >= self._turn_at:
            self._turn(now)
        us = int(latency_ms * 1000)
        self._current[_bucket(us if us < _US_MAX else _US_MAX)] += 1

    def quantiles(self, wanted: tuple[float, ...], now: float, *, samples_min: int = 1) -> tuple[float | None, ...]:
        """The quantiles (in rising order, each below 1) in ms; all None while there are fewer than `samples_min`."""
        if now >= self._turn_at:
            self._turn(now)
        counts = [a + b for a, b in zip(self._current, self._previous, strict=True)]
        total = sum(counts)
        if total < max(samples_min, 1):
            return (None,) * len(wanted)
        found: list[float | None] = []
        seen = 0
        for bucket, count in enumerate(counts):
            seen += count
            while len(found) < len(wanted) and seen > wanted[len(found)] * total:
                found.append(_upper_us(bucket) / 1000)
        return tuple(found)

    def _turn(self, now: float) -> None:
        """Starts a new window and drops what is older than two windows."""
        late = now - self._turn_at >= self._window_s
        self._previous = [0] * _BUCKETS if late else self._current
        self._current = [0] * _BUCKETS
        self._turn_at = now + self._window_s


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafInstance:
    """The instance that a leaf runs in, its address, and the shard that it holds."""

    instance_id: str
    type: str
    host: str
    shard: int
    address: str
    port: int


@dataclass(slots=True, eq=False)
class Replica:
    """A leaf that answers for its shard, and its recent load, latency and failures."""

    leaf: LeafInstance
    in_flight: int = 0
    latency_ms: float = 0.0
    answered_at: float = float("-inf")
    failures: int = 0
    """Failures in a row."""
    aside_until: float = float("-inf")
    canary: bool = False
    """Whether the request that tries it again is in flight."""
    attempts: int = 0
    won: int = 0
    lost: int = 0
    errors: int = 0
    timeouts: int = 0
    window: LatencyWindow = field(default_factory=LatencyWindow)

    def sent(self, now: float) -> None:
        """Record that an attempt was sent."""
        self.in_flight += 1
        self.attempts += 1
        if self.failures and now >= self.aside_until:
            self.canary = True

    def answered(self, latency_ms: float, now: float) -> None:
        """Record a good response, whether it was used or not."""
        self.in_flight -= 1
        self.failures = 0
        self.canary = False
        if now - self.answered_at > _STALE_S:
            self.latency_ms = latency_ms
        else:
            self.latency_ms += _EWMA_WEIGHT * (latency_ms - self.latency_ms)
        self.answered_at = now
        self.window.record(latency_ms, now)

    def failed(self, now: float, jitter: float) -> None:
        """Record a failed attempt and set the replica aside; `jitter` (0 to 1) spreads the time until its next try.

        Failures of attempts that were in flight together count once."""
        self.in_flight -= 1
        self.canary = False
        if now < self.aside_until:
            return
        wait_s = min(ASIDE_FIRST_S * 2 ** min(self.failures, 16), ASIDE_MAX_S)
        self.failures += 1
        self.aside_until = now + wait_s * (0.5 + jitter / 2)

    def ready(self, now: float) -> bool:
        """Whether it may get a request: it is not set aside, or its time is over and no other request tries it now."""
        return not self.failures or (now >= self.aside_until and not self.canary)


def less_loaded(one: Replica, other: Replica, now: float, rng: random.Random) -> Replica:
    """The one with fewer requests in flight, else the clearly faster one, else either at random.

    Small differences in latency are ignored: otherwise a quiet service would send everything to the replica that is
    slightly faster, and the latency of the other would never be measured again. An old latency counts as unknown."""
    if one.in_flight != other.in_flight:
        return one if one.in_flight < other.in_flight else other
    if now - one.answered_at < _STALE_S and now - other.answered_at < _STALE_S:
        if one.latency_ms > _CLEARLY_SLOWER * other.latency_ms + _NOISE_MS:
            return other
        if other.latency_ms > _CLEARLY_SLOWER * one.latency_ms + _NOISE_MS:
            return one
    return one if rng.random() < 0.5 else other


class ReplicaSet:
    """The replicas of one shard."""

    __slots__ = ("_replicas", "_rng")

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._replicas: list[Replica] = []

    def __len__(self) -> int:
        return len(self._replicas)

    def add(self, replica: Replica) -> None:
        """Adds a replica to choose from."""
        self._replicas.append(replica)

    def remove(self, replica: Replica) -> None:
        """Removes a replica; requests in flight to it may still end."""
        self._replicas.remove(replica)

    def has_other(self, now: float, tried: Collection[Replica]) -> bool:
        """Whether there is a ready replica that this request has not tried."""
        return any(replica not in tried and replica.ready(now) for replica in self._replicas)

    def choose(self, now: float, tried: Collection[Replica] = ()) -> Replica | None:
        """A replica that this request has not tried, or None. One that is set aside comes last."""
        replicas = self._replicas
        if tried:
            replicas = [replica for replica in replicas if replica not in tried]
        ready = [replica for replica in replicas if not replica.failures or replica.ready(now)]
        if not ready:
            return min(replicas, key=_soonest, default=None)
        if len(ready) == 1:
            return ready[0]
        one, other = ready if len(ready) == 2 else self._rng.sample(ready, 2)
        return less_loaded(one, other, now, self._rng)


def _soonest(replica: Replica) -> tuple[float, int]:
    return replica.aside_until, replica.in_flight


class Hedging:
    """One shard's hedging delay and budget. `now` is monotonic seconds."""

    __slots__ = ("_budget", "_delay_ms", "_renew_at", "_window", "p95_ms", "sent")

    def __init__(self, *, share: float = HEDGE_SHARE) -> None:
        self._window = LatencyWindow()
        self._budget = RetryBudget(share=share, burst=_HEDGE_BURST if share else 0.0, start=1.0 if share else 0.0)
        self._renew_at = float("-inf")
        self._delay_ms = HEDGE_DELAY_UNKNOWN_MS
        self.p95_ms: float | None = None
        self.sent = 0
        """Hedges sent."""

    def answered(self, latency_ms: float, now: float) -> None:
        """Record the latency of an attempt that was answered, won or lost."""
        self._window.record(latency_ms, now)

    def delay_ms(self, now: float) -> float:
        """How long a first attempt may take before it is hedged; called once for each first attempt, as the budget
        grows by a share of each."""
        self._budget.earn()
        if now >= self._renew_at:
            self._renew_at = now + _HEDGE_RENEW_S
            (self.p95_ms,) = self._window.quantiles((HEDGE_QUANTILE,), now, samples_min=_HEDGE_SAMPLES_MIN)
            self._delay_ms = HEDGE_DELAY_UNKNOWN_MS if self.p95_ms is None else max(self.p95_ms, HEDGE_DELAY_MIN_MS)
        return self._delay_ms

    def allow(self) -> bool:
        """Whether a hedge may be sent now; if so, it counts."""
        if not self._budget.spend():
            return False
        self.sent += 1
        return True
