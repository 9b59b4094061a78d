"""Offered, started, completed and dropped over time."""

from __future__ import annotations

from collections.abc import Callable

from client.load.report.page.axes import linear_axis
from client.load.report.page.chart import Key, chart, grid, steps
from client.load.report.page.course import Course
from client.load.report.page.figures import per_s, seconds
from client.load.report.page.table import numbers, table
from client.load.report.report import Report
from client.load.summary import Column
from vmhost.base.markup import Html, fill

_SECTION = """<section>
<h3>Requests a second</h3>
<p>{told}</p>
{chart}
</section>"""
_LINES: dict[str, Callable[[Column], int]] = {
    "offered": lambda column: column.offered,
    "started": lambda column: column.started,
    "completed": lambda column: column.completed,
    "dropped": lambda column: column.offered - column.started,
    "failed": lambda column: sum(column.errors.values()),
}
_KEYS = {
    "offered": "offered: due by the schedule",
    "started": "started: sent",
    "completed": "completed: answered",
    "dropped": "dropped: due and never sent",
    "failed": "failed, for whatever reason",
}
_OPEN_ONLY = frozenset({"offered", "dropped"})


def rates(report: Report, course: Course) -> Html:
    """The section with its chart."""
    closed = report.plan.closed is not None
    lines = {name: count for name, count in _LINES.items() if not (closed and name in _OPEN_ONLY)}
    values = {name: [course.rate(count(each), each) for each in course.columns] for name, count in lines.items()}
    axis = linear_axis(value for line in values.values() for value in line if value is not None)
    shapes = [
        steps(name, course.edges, [None if value is None else axis.at(value) for value in line])
        for name, line in values.items()
    ]
    return fill(
        _SECTION,
        told=_told(report),
        chart=chart(
            title=f"Requests a second over time: {', '.join(lines)}",
            desc=f"{len(course.columns)} columns from the start to {seconds(course.end_s)}; the numbers follow.",
            shapes=[course.warm_up, grid(axis.ticks()), *shapes, course.mark_lines],
            legend=[*(Key(name, _KEYS[name]) for name in lines), *course.keys],
            x=course.ticks,
            y=axis.ticks(),
            flags=course.flags,
            numbers=numbers(_numbers(course, values)),
        ),
    )


def _told(report: Report) -> str:
    if report.plan.closed is not None:
        return "A closed loop: users ask when they have been answered, so a slow service is asked less."
    told = "Each request counts in the second in which it was due, however late it was sent or answered."
    missed = report.outcome.missed
    if missed:
        told += f" The generator missed {missed:,} more; nobody knows in which second."
    return told


def _numbers(course: Course, values: dict[str, list[float | None]]) -> Html:
    rows = (
        [f"{column.began:g}", *("–" if line[number] is None else per_s(line[number] or 0) for line in values.values())]
        for number, column in enumerate(course.columns)
    )
    return table("Requests a second over time", ("from s", *values), rows)
