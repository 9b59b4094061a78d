"""Limits the requests of each address and of all together, by token buckets. Pure: the time is given."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

ADDRESSES_MAX = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """A number of requests a second on average, and `burst` at once after a pause."""

    per_s: float
    burst: float


class TokenBucket:
    """Fills at a rate up to its burst; each request takes one token."""

    __slots__ = ("_at", "_limit", "_tokens")

    def __init__(self, limit: RateLimit, now: float) -> None:
        self._limit = limit
        self._tokens = limit.burst
        self._at = now

    def wait_s(self, now: float) -> float:
        """Return the time until there is a token; 0 if there is one."""
        self._tokens = min(self._limit.burst, self._tokens + max(0.0, now - self._at) * self._limit.per_s)
        self._at = max(self._at, now)
        return 0.0 if self._tokens >= 1 else (1 - self._tokens) / self._limit.per_s

    def take(self) -> None:
        """Take a token, after `wait_s` returned 0."""
        self._tokens -= 1


class RateLimits:
    """A bucket for each address and one for all.

    Beyond ADDRESSES_MAX the longest inactive address is dropped. It then starts with a full bucket of its own; the
    bucket for all still limits it."""

    def __init__(self, *, each: RateLimit, all_: RateLimit, now: float) -> None:
        self._each = each
        self._all = TokenBucket(all_, now)
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, address: str, now: float) -> float:
        """Return 0 if the request is accepted, else the seconds to wait; a refused request takes no token."""
        bucket = self._buckets.pop(address, None) or TokenBucket(self._each, now)
        self._buckets[address] = bucket
        while len(self._buckets) > ADDRESSES_MAX:
            self._buckets.popitem(last=False)
        wait_s = max(bucket.wait_s(now), self._all.wait_s(now))
        if wait_s == 0:
            bucket.take()
            self._all.take()
        return wait_s
