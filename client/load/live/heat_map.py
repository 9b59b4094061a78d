"""Response times over time as a grid of counts, and its picture: a row for each range of latency, a column for each
second. Pure.

Rows are logarithmic, so that half a millisecond and two seconds fit on one screen. The counts come from the histogram
of each second, so a cell is exact to 0.1 %.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from client.load.histogram import Histogram, bucket_of, highest_of, merged
from client.load.plan.model import Plan
from client.load.run_result import Mark, Snapshot, TimelineColumn
from client.terminal.plain_text import clock
from client.terminal.styled_text import Style, fitting, line

_SCALES = ((1, 2, 5), (1, 3), (1,))
"""How each power of ten is divided, the finest first."""
_LOWEST_EXPONENT, _HIGHEST_EXPONENT = 1, 16
_LOW_PERCENT = 5.0
"""This share of the responses may be lumped together in the lowest row if a finer scale fits then."""
LEVELS = 4
LABEL_COLUMNS = 11
"""The columns before the grid, for the names of the rows."""
ROWS_MIN, ROWS_GOOD, ROWS_MAX = 4, 6, 16
_SHADES = " ░▒▓█"
_MARK_NAMES = "123456789abcdefghijklmnopqrstuvwxyz"
_TICK_EVERY = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """`counts[row][column]`, the slowest row first. A row contains times below its `below_us`, down to that of the next
    row; the last row contains everything faster.

    `began_s` is the start of the first column; each is `width_s` wide. The figures leave out `warm_up` columns."""

    below_us: tuple[int, ...]
    counts: tuple[tuple[int, ...], ...]
    failed: tuple[int, ...]
    warm_up: tuple[bool, ...]
    began_s: float
    width_s: float

    @property
    def peak(self) -> int:
        """The highest count."""
        return max((count for row in self.counts for count in row), default=0)

    def column_at(self, at_s: float) -> int | None:
        """Returns the column at this time, or None if the map does not show it."""
        column = math.floor((at_s - self.began_s) / self.width_s)
        return column if 0 <= column < len(self.failed) else None


def heat_map(
    timeline: Sequence[TimelineColumn], *, until_s: float, timeout_s: float, columns: int, rows: int
) -> HeatMap:
    """Returns the newest `columns` columns until `until_s` in at most `rows` rows.

    Seconds in which nothing was due are included and empty."""
    width_s = timeline[0].seconds if timeline else 1.0
    count = max(len(timeline), math.ceil(until_s / width_s - 1e-9))
    first = max(0, count - columns)
    shown: list[TimelineColumn | None] = [*timeline[first:], *[None] * (count - max(first, len(timeline)))]
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
    """Returns the rising upper edges of at most `rows` rows, on the finest scale that covers `low_us` to `high_us`.

    Rows left over extend it down to `least_us`, then up to `most_us`, so that the scale stays when a slower response
    comes. If there are too few rows even for powers of ten, the fastest responses share the lowest row."""
    for scale in _SCALES:
        edges = [part * 10**power for power in range(_LOWEST_EXPONENT, _HIGHEST_EXPONENT) for part in scale]
        least, low, high = (bisect_right(edges, each) for each in (least_us, low_us, high_us))
        if high - low < rows:
            break
    first = max(min(least, low), high - rows + 1)
    last = max(high, bisect_right(edges, most_us)) + 1
    return edges[first : min(last, first + rows)]


def steps_of(peak: int) -> tuple[int, ...]:
    """Returns the smallest count for each of the four shades: equal factors, rounded, up to the next power of ten above
    the peak, so that the shades stay the same when the peak changes a little."""
    decades = max(1, math.ceil(math.log10(max(1, peak)) - 1e-9))
    return tuple(_rounded(10 ** (decades * level / LEVELS)) for level in range(LEVELS))


def level_of(count: int, steps: Sequence[int]) -> int:
    """Returns the shade of a cell: 0 (empty) to 4."""
    return bisect_right(steps, count)


def _rounded(value: float) -> int:
    """Rounds the value to one digit."""
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


def lines_around(snapshot: Snapshot) -> int:
    """Returns how many lines of the picture are no rows of the grid: title, times, and if there are any, failures and
    marks."""
    return 2 + bool(snapshot.marks) + bool(snapshot.total.failed)


def heat_lines(snapshot: Snapshot, plan: Plan, columns: int, room: int) -> list[Text]:
    """Returns the picture of at most `room` lines; none before the first responses."""
    heat = heat_map(
        snapshot.timeline,
        until_s=min(snapshot.elapsed_s, plan.duration_s or snapshot.elapsed_s),
        timeout_s=plan.timeout_s,
        columns=columns - LABEL_COLUMNS,
        rows=max(1, min(ROWS_MAX, room - lines_around(snapshot))),
    )
    if not heat.peak and not any(heat.failed):
        return []
    steps = steps_of(heat.peak)
    lines = [_title(heat, steps, columns)]
    if snapshot.total.failed:
        lines.append(_row("failed", heat.failed, heat, steps, Style.BAD))
    for below_us, counts in zip(heat.below_us, heat.counts, strict=True):
        lines.append(_row(f"<{below_us / 1000:g} ms", counts, heat, steps, Style.SHADE))
    if snapshot.marks:
        lines.append(_mark_row(snapshot, heat))
    return [*lines, _time_row(heat, columns - LABEL_COLUMNS)]


def _title(heat: HeatMap, steps: Sequence[int], columns: int) -> Text:
    legend = "  ".join(f"{shade} {step:,}+" for shade, step in zip(_SHADES[1:], steps, strict=True))
    key = f"{legend}   a column: {heat.width_s:g} s"
    texts = [f" response time: requests per cell  {key}", f" requests per cell  {key}", f" {key}"]
    return line((fitting(texts, columns), Style.DIM))


def _row(name: str, counts: Sequence[int], heat: HeatMap, steps: Sequence[int], style: Style) -> Text:
    cells = "".join(_SHADES[level_of(count, steps)] for count in counts)
    # The warm-up is at the left.
    warm_up = sum(heat.warm_up)
    return line(f"{name:>{LABEL_COLUMNS - 1}}│", (cells[:warm_up], Style.DIM), (cells[warm_up:], style))


def _mark_row(snapshot: Snapshot, heat: HeatMap) -> Text:
    row = [" "] * len(heat.failed)
    for number, mark in enumerate(snapshot.marks):
        column = heat.column_at(since_start(snapshot, mark))
        if column is not None:
            row[column] = mark_name(number)
    return line(f"{'marks':>{LABEL_COLUMNS - 1}}│", ("".join(row), Style.WARNING))


def _time_row(heat: HeatMap, room: int) -> Text:
    text = ""
    for column in range(len(heat.failed)):
        at_s = heat.began_s + column * heat.width_s
        tick = f"'{clock(at_s)}"
        if round(at_s / heat.width_s) % _TICK_EVERY == 0 and column + len(tick) <= room:
            text = text.ljust(column) + tick
    return line(" " * (LABEL_COLUMNS - 1), "└", (text, Style.DIM))


def since_start(snapshot: Snapshot, mark: Mark) -> float:
    """Returns the time of a mark in seconds from the start of the run."""
    return mark.at - (snapshot.at - snapshot.elapsed_s)


def mark_name(number: int) -> str:
    """Returns the character that stands for a mark: 1 to 9, then letters."""
    return _MARK_NAMES[number] if number < len(_MARK_NAMES) else "^"
