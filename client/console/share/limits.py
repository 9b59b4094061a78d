"""How much each address, and all of them together, may ask: token buckets. Pure; the time is given."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

ADDRESSES_MAX = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many a second on average, and `burst` at once after a rest."""

    per_s: float
    burst: float


class Bucket:
    """Fills at a rate up to its burst; each request takes one."""

    __slots__ = ("_at", "_has", "_rate")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._has = rate.burst
        self._at = now

    def wait_s(self, now: float) -> float:
        """How long until there is one to take; 0 when there is."""
        self._has = min(self._rate.burst, self._has + max(0.0, now - self._at) * self._rate.per_s)
        self._at = max(self._at, now)
        return 0.0 if self._has >= 1 else (1 - self._has) / self._rate.per_s

    def take(self) -> None:
        """Takes one, after `wait_s` was 0."""
        self._has -= 1


class Limits:
    """One bucket for each address and one for all.

    Of more than ADDRESSES_MAX the longest silent is forgotten: it starts afresh, and the bucket for all still holds."""

    def __init__(self, *, each: Rate, all_: Rate, now: float) -> None:
        self._each = each
        self._all = Bucket(all_, now)
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, address: str, now: float) -> float:
        """0 when the request may go on, else the seconds after which to ask again; a refused one takes nothing."""
        bucket = self._buckets.pop(address, None) or Bucket(self._each, now)
        self._buckets[address] = bucket
        while len(self._buckets) > ADDRESSES_MAX:
            self._buckets.popitem(last=False)
        wait_s = max(bucket.wait_s(now), self._all.wait_s(now))
        if wait_s == 0:
            bucket.take()
            self._all.take()
        return wait_s
