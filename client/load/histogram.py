"""Latency histograms with three exact digits, mergeable without loss.

The buckets are those of HdrHistogram (three significant digits, unit 1 microsecond): exact below 2,048 us, then 1,024
buckets for each doubling, so that no value is shown more than 0.1 % too high. Counts sit in a dict, because a second of
load touches a few hundred of the 20,000 buckets. The library `hdrhistogram` is not used because recording takes three
times as long there, and it has no wheel for arm64 Linux.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

HIGHEST_US = 3_600_000_000
"""One hour; anything longer counts as one hour."""
SAMPLES_BEYOND_MIN = 10
"""No percentile is shown with fewer samples beyond it: a single request would decide it."""
_SUB_BITS = 10
_EXACT_BITS = _SUB_BITS + 1
_EXACT_BELOW_US = 1 << _EXACT_BITS

HistogramData = tuple[int, int, dict[int, int]]
"""The largest value, the sum, and the counts by bucket."""


def bucket_of(value_us: int) -> int:
    """The index of the bucket that holds a value of 0 or more microseconds."""
    shift = value_us.bit_length() - _EXACT_BITS
    return (shift << _SUB_BITS) + (value_us >> shift) if shift > 0 else value_us


def highest_of(bucket: int) -> int:
    """The largest value, in microseconds, that falls in the bucket."""
    shift = (bucket >> _SUB_BITS) - 1
    if shift <= 0:
        return bucket
    return ((bucket - (shift << _SUB_BITS) + 1) << shift) - 1


class Histogram:
    """How often which latency occurred. Values are microseconds; the count, the largest and the sum are exact."""

    __slots__ = ("counts", "max_us", "sum_us", "total")

    def __init__(self) -> None:
        self.counts: defaultdict[int, int] = defaultdict(int)
        self.total = 0
        self.max_us = 0
        self.sum_us = 0

    def record(self, value_us: int) -> None:
        """Count one value; a negative one counts as 0, one above an hour as an hour."""
        # bucket_of, written out, the usual case first: this runs for every request.
        if value_us < _EXACT_BELOW_US:
            if value_us < 0:
                value_us = 0
            self.counts[value_us] += 1
        else:
            if value_us > HIGHEST_US:
                value_us = HIGHEST_US
            shift = value_us.bit_length() - _EXACT_BITS
            self.counts[(shift << _SUB_BITS) + (value_us >> shift)] += 1
        self.total += 1
        self.sum_us += value_us
        if value_us > self.max_us:
            self.max_us = value_us

    def add(self, other: Histogram) -> None:
        """Add another histogram to this one, exactly."""
        if self.total:
            counts = self.counts
            for bucket, count in other.counts.items():
                counts[bucket] += count
        else:
            self.counts = other.counts.copy()
        self.total += other.total
        self.sum_us += other.sum_us
        self.max_us = max(self.max_us, other.max_us)

    def copy(self) -> Histogram:
        result = Histogram()
        result.add(self)
        return result

    def percentile_us(self, percent: float) -> int | None:
        """The value that `percent` of the samples do not exceed, None with fewer than 10 samples beyond it."""
        return self.percentiles_us((percent,))[0]

    def percentiles_us(self, percents: Sequence[float], *, beyond_min: int = SAMPLES_BEYOND_MIN) -> list[int | None]:
        """Several percentiles, given in rising order, in one pass; None with fewer than `beyond_min` samples beyond."""
        result: list[int | None] = []
        seen = 0
        counts = self.counts
        buckets = iter(sorted(counts))
        bucket = 0
        for percent in percents:
            if not self.total or self.total * (100.0 - percent) / 100.0 + 1e-9 < beyond_min:
                result.append(None)
                continue
            rank = _rank(self.total, percent)
            while seen < rank:
                bucket = next(buckets)
                seen += counts[bucket]
            result.append(min(highest_of(bucket), self.max_us))
        return result

    def count_above(self, value_us: int) -> int:
        """How many samples exceed the value."""
        bound = bucket_of(value_us)
        return sum(count for bucket, count in self.counts.items() if bucket > bound)

    def mean_us(self) -> float | None:
        """The exact mean, None when empty."""
        return self.sum_us / self.total if self.total else None

    @property
    def data(self) -> HistogramData:
        """The histogram as plain data."""
        return self.max_us, self.sum_us, self.counts

    @classmethod
    def from_data(cls, data: Any) -> Histogram:
        """The histogram again. Raises ValueError if that is not its data."""
        histogram = cls()
        # In JSON the keys of an object are texts.
        histogram.max_us, histogram.sum_us, counts = msgspec.convert(data, HistogramData, strict=False)
        histogram.counts.update(counts)
        histogram.total = sum(counts.values())
        return histogram

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        return (self.counts, self.max_us, self.sum_us) == (other.counts, other.max_us, other.sum_us)

    __hash__ = None  # type: ignore[assignment]  # it changes with each record


def merged(histograms: Iterable[Histogram]) -> Histogram:
    result = Histogram()
    for histogram in histograms:
        result.add(histogram)
    return result


def _rank(total: int, percent: float) -> int:
    # The small term keeps 99 % of 1,000 at rank 990 whatever the rounding of the product.
    return max(1, -int(-(total * percent / 100.0 - 1e-9) // 1))


def band_of(value_us: int, grains: int) -> int:
    """The band of that many microseconds."""
    return math.floor(grains * math.log10(max(1, value_us)) + 1e-9)


def begins_ms(band: int, grains: int) -> float:
    """Where a band begins, in milliseconds."""
    return float(10 ** (band / grains) / 1000)


def banded(histogram: Histogram, grains: int) -> dict[int, int]:
    bands: defaultdict[int, int] = defaultdict(int)
    for bucket, count in histogram.counts.items():
        bands[band_of(highest_of(bucket), grains)] += count
    return dict(bands)
