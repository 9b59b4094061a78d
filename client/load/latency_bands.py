"""Response times in bands of equal ratio, for heat maps. Pure.

With `grains` bands a decade, band n covers times from 10^(n / grains) microseconds to the start of the next."""

from __future__ import annotations

import math
from collections import defaultdict

from client.load.histogram import Histogram, highest_of


def band_of(value_us: int, grains: int) -> int:
    """The band of that many microseconds."""
    return math.floor(grains * math.log10(max(1, value_us)) + 1e-9)


def begins_ms(band: int, grains: int) -> float:
    """Where a band begins, in milliseconds."""
    return float(10 ** (band / grains) / 1000)


def banded(histogram: Histogram, grains: int) -> dict[int, int]:
    """Counts by band."""
    bands: defaultdict[int, int] = defaultdict(int)
    for bucket, count in histogram.counts.items():
        bands[band_of(highest_of(bucket), grains)] += count
    return dict(bands)
