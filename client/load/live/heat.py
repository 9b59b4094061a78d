"""Response times over time as a grid of counts: a row for each span of latency, a column for each second. Pure.

Rows are logarithmic, so that half a millisecond and two seconds are on the same picture; a column's counts are those of
its second's histogram, so a cell is exact to the histogram's 0.1 %.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from client.load.histogram import Histogram, bucket_of, highest_of, merged
from client.load.summary import Column

_SCALES = ((1, 2, 5), (1, 3), (1,))
"""Where each power of ten is divided, the finest first."""
_LOWEST_EXPONENT, _HIGHEST_EXPONENT = 1, 16
_LOW_PERCENT = 5.0
"""So many answers may share the lowest row with all that are quicker, if a finer scale fits then."""
LEVELS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """`counts[row][column]`, the slowest row first. A row holds what took less than its `below_us` and not less than
    the next row's; the last one holds all that was quicker still.

    `began_s` is when the first column begins; each is `width_s` wide. `warm_up` are columns left out of the figures."""

    below_us: tuple[int, ...]
    counts: tuple[tuple[int, ...], ...]
    failed: tuple[int, ...]
    warm_up: tuple[bool, ...]
    began_s: float
    width_s: float

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return len(self.failed)

    @property
    def peak(self) -> int:
        """The highest count."""
        return max((count for row in self.counts for count in row), default=0)

    def column_at(self, at_s: float) -> int | None:
        """The column of that moment, None where it is not on the picture."""
        column = math.floor((at_s - self.began_s) / self.width_s)
        return column if 0 <= column < self.columns else None


def heat_map(timeline: Sequence[Column], *, until_s: float, timeout_s: float, columns: int, rows: int) -> HeatMap:
    """The newest `columns` columns until that second in at most `rows` rows.

    Seconds in which nothing was due are there and empty."""
    width_s = timeline[0].seconds if timeline else 1.0
    count = max(len(timeline), math.ceil(until_s / width_s - 1e-9))
    first = max(0, count - columns)
    shown: list[Column | None] = [*timeline[first:], *[None] * (count - max(first, len(timeline)))]
    histograms = [None if each is None else each.response_histogram for each in shown]
    below_us = _edges(merged(each for each in histograms if each is not None), round(timeout_s * 1e6), rows)
    grid = [_cells(each, below_us) for each in histograms]
    return HeatMap(
        below_us=tuple(reversed(below_us)),
        counts=tuple(tuple(column[row] for column in grid) for row in reversed(range(len(below_us)))),
        failed=tuple(0 if each is None else sum(each.errors.values()) for each in shown),
        warm_up=tuple(each is not None and each.warm_up for each in shown),
        began_s=first * width_s,
        width_s=width_s,
    )


def edges_us(least_us: int, low_us: int, high_us: int, *, most_us: int, rows: int) -> list[int]:
    """The upper edges of at most so many rows, rising: the finest scale with room for everything from `low_us` on.

    Rows left over reach down to `least_us`, then up to `most_us`, so that a slower answer finds its row there already.
    Without enough rows for whole powers of ten the quickest answers share the lowest one."""
    for scale in _SCALES:
        edges = [part * 10**power for power in range(_LOWEST_EXPONENT, _HIGHEST_EXPONENT) for part in scale]
        least, low, high = (bisect_right(edges, each) for each in (least_us, low_us, high_us))
        if high - low < rows:
            break
    first = max(min(least, low), high - rows + 1)
    last = max(high, bisect_right(edges, most_us)) + 1
    return edges[first : min(last, first + rows)]


def steps_of(peak: int) -> tuple[int, ...]:
    """From how many requests on a cell has each of the four shades; equal factors, rounded, up to the peak's power of
    ten, so that they stay as they are while the peak moves a little."""
    decades = max(1, math.ceil(math.log10(max(1, peak)) - 1e-9))
    return tuple(_rounded(10 ** (decades * level / LEVELS)) for level in range(LEVELS))


def level_of(count: int, steps: Sequence[int]) -> int:
    """The shade of a cell: 0 (none at all) to 4."""
    return bisect_right(steps, count)


def _rounded(value: float) -> int:
    """The value with one figure."""
    unit: int = 10 ** math.floor(math.log10(value) + 1e-9)
    return round(value / unit) * unit


def _edges(shown: Histogram, timeout_us: int, rows: int) -> list[int]:
    if not shown.total:
        return edges_us(1000, 1000, 1000, most_us=timeout_us, rows=rows)
    least_us = highest_of(min(shown.counts))
    (low_us,) = shown.percentiles_us((_LOW_PERCENT,))
    return edges_us(least_us, low_us or least_us, max(least_us, shown.max_us), most_us=timeout_us, rows=rows)


def _cells(histogram: Histogram | None, below_us: Sequence[int]) -> list[int]:
    cells = [0] * len(below_us)
    if histogram is not None:
        buckets = [bucket_of(edge) for edge in below_us]
        for bucket, count in histogram.counts.items():
            cells[min(bisect_right(buckets, bucket), len(cells) - 1)] += count
    return cells
