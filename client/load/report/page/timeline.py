"""Percentiles over time, with the run's marks."""

from __future__ import annotations

from client.load.histogram import SAMPLES_BEYOND_MIN
from client.load.report.page.axes import log_axis
from client.load.report.page.chart import Key, chart, grid, steps
from client.load.report.page.course import Course
from client.load.report.page.figures import cell, seconds
from client.load.report.page.table import numbers, table
from client.load.summary import Latency, latency_of
from vmhost.base.markup import Html, fill, join

_SECTION = """<section>
<h3>Response time over time</h3>
{chart}
{note}
{marks}
</section>"""
_MARKS = '<h4>Marks</h4>\n<ol class="marks" tabindex="0">{items}</ol>'
_NAMES = ("max", "p99", "p90", "p50")
_NEEDED = {"p50": 2 * SAMPLES_BEYOND_MIN, "p90": 10 * SAMPLES_BEYOND_MIN, "p99": 100 * SAMPLES_BEYOND_MIN}
_KEYS = {"p50": "p50", "p90": "p90", "p99": "p99", "max": "max: the slowest"}


def timeline(course: Course) -> Html:
    """The section with its chart and the list of marks."""
    latencies = [latency_of(column.response_histogram) for column in course.columns]
    values = {name: [_value(latency, name) for latency in latencies] for name in _NAMES}
    shown = [name for name in _NAMES if any(value is not None for value in values[name])]
    axis = log_axis(value for name in shown for value in values[name] if value is not None)
    shapes = [
        steps(name, course.edges, [None if value is None else axis.at(value) for value in values[name]])
        for name in shown
    ]
    return fill(
        _SECTION,
        chart=chart(
            title="Response time over time: " + (", ".join(shown) or "no answer came"),
            desc=f"{len(course.columns)} columns from the start to {seconds(course.end_s)}, milliseconds on a "
            f"logarithmic scale, {len(course.marks)} marks; the numbers follow.",
            shapes=[course.warm_up, grid(axis.ticks()), *shapes, course.mark_lines],
            legend=[*(Key(name, _KEYS[name]) for name in shown), *course.keys],
            x=course.ticks,
            y=axis.ticks(),
            flags=course.flags,
            numbers=numbers(_numbers(course, latencies)),
        ),
        note=_gaps(latencies),
        marks=_marks(course),
    )


def _value(latency: Latency, name: str) -> float | None:
    value: float | None = getattr(latency, name)
    return value


def _gaps(latencies: list[Latency]) -> Html:
    """Which lines are missing somewhere, and why."""
    short = [name for name in ("p50", "p90", "p99") if any(_value(latency, name) is None for latency in latencies)]
    if not short:
        return Html("")
    needs = ", ".join(f"{name} {_NEEDED[name]:,}" for name in short)
    return fill('<p class="note">A line is missing where a column holds too few requests to tell it; '
                "there must be at least so many: {needs}.</p>", needs=needs)  # fmt: skip


def _numbers(course: Course, latencies: list[Latency]) -> Html:
    rows = (
        [f"{column.began:g}", *(cell(_value(latency, name), name, latency.count) for name in reversed(_NAMES)),
         f"{latency.count:,}"]
        for column, latency in zip(course.columns, latencies, strict=True)
    )  # fmt: skip
    return table("Response time over time in milliseconds", ("from s", *reversed(_NAMES), "samples"), rows)


def _marks(course: Course) -> Html:
    if not course.marks:
        return Html("")
    items = (fill("<li><b>{at}</b> {text}</li>", at=seconds(mark.at), text=mark.text) for mark in course.marks)
    return fill(_MARKS, items=join(items))
