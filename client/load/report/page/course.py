"""A run over time as the page's charts share it: its columns, how much of each the run lasted, and its marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from client.load.histogram import merged
from client.load.report.page.axes import Tick, time_ticks
from client.load.report.page.chart import Key, band, uprights
from client.load.report.report import Report
from client.load.summary import Column, Mark
from vmhost.base.markup import Html

FLAGS_MAX = 20
"""With more marks than these their numbers would lie on each other; their lines and the list stay."""
_LASTED_MIN = 0.1
"""A rate of less than this share of a column is an accident of where the run ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Columns from the run's start to `end_s`; times are seconds from the start. `marks` lie in their order."""

    columns: tuple[Column, ...]
    marks: tuple[Mark, ...]
    end_s: float
    warm_up_s: float

    def lasted_s(self, column: Column) -> float:
        """How much of the column the run lasted."""
        return min(column.seconds, max(0.0, self.end_s - column.began))

    def rate(self, count: int, column: Column) -> float | None:
        """So many in that column a second, None where the run ended as the column had hardly begun."""
        lasted_s = self.lasted_s(column)
        return count / lasted_s if lasted_s >= _LASTED_MIN * column.seconds else None

    @property
    def edges(self) -> list[tuple[float, float]]:
        """Where each column begins and ends on the x axis."""
        return [
            (column.began / self.end_s, (column.began + self.lasted_s(column)) / self.end_s) for column in self.columns
        ]

    @property
    def ticks(self) -> list[Tick]:
        """The x axis."""
        return time_ticks(self.end_s)

    @property
    def flags(self) -> list[Tick]:
        """The marks' numbers on the x axis."""
        if len(self.marks) > FLAGS_MAX:
            return []
        return [Tick(self._at(mark), str(number)) for number, mark in enumerate(self.marks, 1)]

    @property
    def keys(self) -> list[Key]:
        """What every chart's legend says of the ground."""
        warm_up = [Key("warm", "warm-up, left out of the figures")] if self.warm_up_s else []
        return [*warm_up, *([Key("mark", "marks, listed below")] if self.marks else [])]

    @property
    def warm_up(self) -> Html:
        """The warm-up's ground."""
        return band("warm", 0.0, min(1.0, self.warm_up_s / self.end_s))

    @property
    def mark_lines(self) -> Html:
        """The marks' lines."""
        return uprights("mark", map(self._at, self.marks))

    def _at(self, mark: Mark) -> float:
        return min(1.0, max(0.0, mark.at / self.end_s))


def course_of(report: Report, columns_max: int) -> Course | None:
    """The run's course in at most so many columns; None where nothing was due."""
    columns = folded(report.outcome.timeline, columns_max)
    if not columns:
        return None
    began = report.summary.since - report.plan.warm_up_s
    marks = (Mark(at=mark.at - began, text=mark.text) for mark in report.outcome.marks)
    return Course(
        columns=columns,
        marks=tuple(sorted(marks, key=lambda mark: mark.at)),
        end_s=max(report.outcome.elapsed_s, columns[-1].began + 1e-3),
        warm_up_s=report.plan.warm_up_s,
    )


def folded(columns: tuple[Column, ...], most: int) -> tuple[Column, ...]:
    """The same run in at most so many columns: neighbours become one, exactly."""
    size = -(-len(columns) // max(1, most))
    if size <= 1:
        return columns
    return tuple(_one(columns[begin : begin + size]) for begin in range(0, len(columns), size))


def _one(columns: Sequence[Column]) -> Column:
    errors: dict[str, int] = {}
    for column in columns:
        for name, count in column.errors.items():
            errors[name] = errors.get(name, 0) + count
    return Column(
        began=columns[0].began,
        seconds=sum(column.seconds for column in columns),
        offered=sum(column.offered for column in columns),
        started=sum(column.started for column in columns),
        completed=sum(column.completed for column in columns),
        ok=sum(column.ok for column in columns),
        errors=errors,
        response_histogram=merged(column.response_histogram for column in columns),
        service_histogram=merged(column.service_histogram for column in columns),
        warm_up=columns[0].warm_up,
    )
