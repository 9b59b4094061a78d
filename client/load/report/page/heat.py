"""The heat map: how many requests took how long, when. Shade and height are logarithmic: one slow request is seen."""

from __future__ import annotations

import itertools
import math

from client.load.bands import banded, begins_ms
from client.load.report.page.axes import LogAxis, Tick
from client.load.report.page.chart import Box, Key, band, chart, uprights
from client.load.report.page.course import Course
from client.load.report.page.figures import seconds
from client.load.report.page.table import numbers, table
from vmhost.base.markup import Html, fill

SHADES = 7
ROWS_MAX = 40
_SECTION = """<section>
<h3>Heat map: response time over time</h3>
<p>Each column is {width}, each row a stretch of response times; the shade tells how many requests.</p>
{chart}
</section>"""


def heat(course: Course) -> Html:
    """The section with its chart."""
    grains = 10
    counts = [banded(column.response_histogram, grains) for column in course.columns]
    if _height(counts) > ROWS_MAX:
        grains = 5
        counts = [banded(column.response_histogram, grains) for column in course.columns]
    used = sorted({row for column in counts for row in column})
    if not used:
        return fill(_SECTION, width=_width(course), chart=Html("<p>No answer came.</p>"))
    low, high = used[0], used[-1] + 1
    most = max(count for column in counts for count in column.values())
    box = Box(len(counts), high - low)
    axis = LogAxis(begins_ms(low, grains), begins_ms(high, grains))
    return fill(
        _SECTION,
        width=_width(course),
        chart=chart(
            title="Heat map of response times over time",
            desc=f"{len(counts)} columns from the start to {seconds(course.end_s)}, from {axis.low:.3g} to "
            f"{axis.high:.3g} ms on a logarithmic scale; up to {most:,} requests in a cell. The numbers follow.",
            shapes=[_warm_up(course, box), *_cells(counts, low, box, most), _marks(course, box)],
            legend=[*_legend(most), *course.keys],
            x=[Tick(tick.at * course.end_s / _end_s(course), tick.text) for tick in course.ticks],
            y=axis.ticks(),
            flags=[Tick(flag.at * course.end_s / _end_s(course), flag.text) for flag in course.flags],
            numbers=numbers(_numbers(course, counts, used, grains)),
            box=box,
            kind="heat",
        ),
    )


def shade(count: int, most: int) -> int:
    """1 for a single request up to 7 for the most in any cell, logarithmic."""
    if most <= 1:
        return SHADES
    return min(SHADES, 1 + int(SHADES * math.log(count) / math.log(most) - 1e-9))


def _height(counts: list[dict[int, int]]) -> int:
    used = [row for column in counts for row in column]
    return max(used) - min(used) + 1 if used else 0


def _cells(counts: list[dict[int, int]], low: int, box: Box, most: int) -> list[Html]:
    """One path for each shade: a rectangle each would weigh a megabyte. Neighbours of one shade are one."""
    d: dict[int, list[str]] = {level: [] for level in range(1, SHADES + 1)}
    for y in range(box.height):
        row = low + box.height - 1 - y
        x = 0
        for level, run in itertools.groupby(shade(column[row], most) if row in column else 0 for column in counts):
            width = len(list(run))
            if level:
                d[level].append(f"M{x} {y}h{width}v1h-{width}z")
            x += width
    return [
        fill('<path class="heat{level}" d="{d}"/>', level=level, d="".join(parts))
        for level, parts in d.items()
        if parts
    ]


def _warm_up(course: Course, box: Box) -> Html:
    return band("warm", 0.0, min(1.0, course.warm_up_s / _end_s(course)), box)


def _marks(course: Course, box: Box) -> Html:
    return uprights("mark", (min(1.0, max(0.0, mark.at / _end_s(course))) for mark in course.marks), box)


def _end_s(course: Course) -> float:
    """The end of the last column, which the run need not have reached: here all columns are equally wide."""
    return len(course.columns) * course.columns[0].seconds


def _legend(most: int) -> list[Key]:
    levels: dict[int, tuple[int, int]] = {}
    for level in range(1, SHADES + 1):
        bounds = [math.ceil(most ** ((level - 1) / SHADES)), math.floor(most ** (level / SHADES) + 1e-9)]
        inside = [count for count in bounds if shade(count, most) == level]
        if inside:
            levels[level] = (min(inside), max(inside))
    return [
        Key(f"square heat{level}", f"{first:,}" if first == last else f"{first:,} to {last:,}")
        for level, (first, last) in levels.items()
    ]


def _width(course: Course) -> str:
    return f"{course.columns[0].seconds:g} s of the run"


def _numbers(course: Course, counts: list[dict[int, int]], used: list[int], grains: int) -> Html:
    head = ("from s", *(f"{begins_ms(row, grains):.3g} ms" for row in used))
    rows = (
        [f"{column.began:g}", *(f"{found[row]:,}" if row in found else "" for row in used)]
        for column, found in zip(course.columns, counts, strict=True)
    )
    return table("Requests by response time, from so many milliseconds on, over time", head, rows)
