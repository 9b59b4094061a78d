"""A histogram of the latencies of the last seconds; older ones drop out by themselves. Pure."""

from __future__ import annotations

_SUB_BITS = 4
_BUCKETS = 23 << _SUB_BITS
_US_MAX = (1 << (_SUB_BITS + 22)) - 1


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
