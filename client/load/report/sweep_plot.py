"""A plot of latency against offered rate, drawn with characters. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from client.load.sweep import Sweep, SweepStep

COLUMNS = 80
ROWS = 16
_LEFT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One curve: points of offered rate and milliseconds, and the character that draws them."""

    name: str
    mark: str
    points: tuple[tuple[float, float], ...]


_CURVES: tuple[tuple[str, str, Callable[[SweepStep], float | None]], ...] = (
    ("response p50", "o", lambda step: step.response.p50),
    ("service p99", "+", lambda step: step.service.p99),
    ("response p99", "*", lambda step: step.response.p99),
)


def series(sweep: Sweep) -> tuple[Series, ...]:
    """Returns the curves; a point is missing if there were too few samples."""
    return tuple(
        Series(
            name=name, mark=mark, points=tuple((step.rate_per_s, ms) for step in sweep.by_rate if (ms := value(step)))
        )
        for name, mark, value in _CURVES
    )


@dataclass(frozen=True, slots=True)
class Scale:
    """A logarithmic axis."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Returns the position of a value on the axis, 0 to 1."""
        return math.log(value / self.low) / math.log(self.high / self.low)

    def ticks(self) -> Iterator[float]:
        """Yields the labelled values: 1, 2 and 5 times powers of ten."""
        for power in range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1):
            yield from (
                tick for tick in (factor * 10.0**power for factor in (1, 2, 5)) if self.low <= tick <= self.high
            )


def scales(curves: tuple[Series, ...]) -> tuple[Scale, Scale]:
    """Returns axes that contain all points."""
    rates = [rate for curve in curves for rate, _ in curve.points]
    times = [ms for curve in curves for _, ms in curve.points]
    # A little wider, so that a single point has a scale too.
    return Scale(min(rates) / 1.05, max(rates) * 1.05), Scale(min(times) / 1.2, max(times) * 1.2)


def plot_lines(sweep: Sweep) -> list[str]:
    """Returns the plot, at most 80 columns wide; nothing if no latency is known."""
    curves = series(sweep)
    if not any(curve.points for curve in curves):
        return []
    across, up = scales(curves)
    width = COLUMNS - _LEFT
    cells = [[" "] * width for _ in range(ROWS)]
    knee = sweep.knee
    if knee is not None:
        for row in cells:
            row[_cell(across, knee.rate_per_s, width)] = ":"
    for curve in curves:
        for rate, ms in curve.points:
            cells[ROWS - 1 - _cell(up, ms, ROWS)][_cell(across, rate, width)] = curve.mark
    labels = {ROWS - 1 - _cell(up, tick, ROWS): f"{tick:g} ms" for tick in up.ticks()}
    return [
        "  ".join(f"{curve.mark} {curve.name}" for curve in curves) + ("" if knee is None else "  : the knee"),
        *(f"{labels.get(number, ''):>{_LEFT - 2}} |{''.join(row)}".rstrip() for number, row in enumerate(cells)),
        " " * (_LEFT - 1) + "+" + "-" * width,
        " " * _LEFT + _rate_labels(across, width),
    ]


def _cell(scale: Scale, value: float, cells: int) -> int:
    return min(cells - 1, int(scale.at(value) * cells))


def _rate_labels(across: Scale, width: int) -> str:
    line = ""
    for tick in across.ticks():
        at, text = _cell(across, tick, width), f"{tick:g}/s"
        # Labels that would touch the one before, or cross the edge, are left out.
        if (at > len(line) or not line) and at + len(text) <= width:
            line = line.ljust(at) + text
    return line
