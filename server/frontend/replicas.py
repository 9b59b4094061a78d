"""Which replica of a shard gets the next attempt. Pure: time and randomness come from the caller.

Two random choices, the less loaded one wins (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing",
2001). A replica that fails is set aside for a time that doubles, then one live request tries it again: a canary, whose
failure costs nothing, because it is sent on to another replica at once.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from server.frontend.latency import LatencyWindow

ASIDE_FIRST_S = 0.25
ASIDE_MAX_S = 10.0
_CLEARLY_SLOWER = 2.0
_NOISE_MS = 2.0
_STALE_S = 1.0
_EWMA_WEIGHT = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A leaf's instance: who it is, where it answers and which shard it holds."""

    instance_id: str
    type: str
    host: str
    shard: int
    address: str
    port: int


@dataclass(slots=True, eq=False)
class Replica:
    """A machine that answers for its shard, and how it has been doing."""

    machine: Machine
    in_flight: int = 0
    latency_ms: float = 0.0
    answered_at: float = float("-inf")
    failures: int = 0
    """Failures in a row."""
    aside_until: float = float("-inf")
    canary: bool = False
    """Whether the request that tries it again is under way."""
    attempts: int = 0
    won: int = 0
    lost: int = 0
    errors: int = 0
    timeouts: int = 0
    window: LatencyWindow = field(default_factory=LatencyWindow)

    def sent(self, now: float) -> None:
        """An attempt left for it."""
        self.in_flight += 1
        self.attempts += 1
        if self.failures and now >= self.aside_until:
            self.canary = True

    def answered(self, latency_ms: float, now: float) -> None:
        """A good answer came, used or not."""
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
        """An attempt failed; `jitter` in 0..1 spreads the time until it is tried again over its upper half.

        Failures of attempts that were under way together count as one."""
        self.in_flight -= 1
        self.canary = False
        if now < self.aside_until:
            return
        wait_s = min(ASIDE_FIRST_S * 2 ** min(self.failures, 16), ASIDE_MAX_S)
        self.failures += 1
        self.aside_until = now + wait_s * (0.5 + jitter / 2)

    def given_up(self) -> None:
        """An attempt ended without telling anything about the replica."""
        self.in_flight -= 1
        self.canary = False

    def ready(self, now: float) -> bool:
        """Whether it may get a request: it is not set aside, and if it was, no canary is out yet."""
        return not self.failures or (now >= self.aside_until and not self.canary)


def less_loaded(one: Replica, other: Replica, now: float, rng: random.Random) -> Replica:
    """The one with fewer requests in flight, else the clearly faster one, else either.

    Only clear differences of latency count: else all of a quiet service's traffic goes to whoever is a hair faster, and
    the other's figure is never renewed. A figure that is stale counts as unknown."""
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

    def __iter__(self) -> Iterator[Replica]:
        return iter(self._replicas)

    def __len__(self) -> int:
        return len(self._replicas)

    def add(self, replica: Replica) -> None:
        """One more to choose from."""
        self._replicas.append(replica)

    def remove(self, replica: Replica) -> None:
        """No longer to be chosen; what is in flight to it may still end."""
        self._replicas.remove(replica)

    def has_other(self, now: float, tried: Collection[Replica]) -> bool:
        """Whether there is a replica in good standing that this request has not tried."""
        return any(replica not in tried and replica.ready(now) for replica in self._replicas)

    def choose(self, now: float, tried: Collection[Replica] = ()) -> Replica | None:
        """A replica that this request has not tried; those set aside only when there is no other. None: no such one."""
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
