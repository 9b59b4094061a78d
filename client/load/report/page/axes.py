"""Where values lie on a chart's axes, from 0 to 1, and which of them are labelled. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

_TIME_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_TICKS_MAX = 7


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place on an axis, 0 at the left or the bottom, 1 at the other end."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class LinearAxis:
    """From 0 to `top`."""

    top: float

    def at(self, value: float) -> float:
        """Where the value lies."""
        return min(1.0, max(0.0, value / self.top))

    def ticks(self) -> list[Tick]:
        """About four round values."""
        step = round_up(self.top / 4)
        return [Tick(self.at(step * n), f"{step * n:,.10g}") for n in range(int(self.top / step + 1e-9) + 1)]


@dataclass(frozen=True, slots=True)
class LogAxis:
    """From `low` to `high`, each doubling as long as the other."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Where the value lies; what is lower or higher than the axis lies at its end."""
        return min(1.0, max(0.0, math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)))

    def ticks(self, unit: str = "ms") -> list[Tick]:
        """The powers of ten, on a short axis their double and fivefold too."""
        factors = (1, 2, 5) if self.high / self.low < 200 else (1,)
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        values = [factor * 10.0**power for power in range(first, last + 1) for factor in factors]
        return [
            Tick(self.at(value), f"{value:,.10g} {unit}")
            for value in values
            if self.low * 0.999 <= value <= self.high * 1.001
        ]


def linear_axis(values: Iterable[float]) -> LinearAxis:
    """An axis that holds all these values with a little room above them."""
    return LinearAxis(max(values, default=0.0) * 1.08 or 1.0)


def log_axis(values: Iterable[float]) -> LogAxis:
    """An axis from the round number below the smallest to the one above the largest of these values; 0 is taken for a
    microsecond of milliseconds."""
    known = [max(value, 0.001) for value in values] or [1.0]
    low, high = round_down(min(known)), round_up(max(known))
    return LogAxis(low, high if high > low * 1.5 else low * 10)


def round_up(value: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, … that is no less than the value, which is above 0."""
    power = 10.0 ** math.floor(math.log10(value) + 1e-9)
    return next(factor * power for factor in (1, 2, 5, 10, 20) if factor * power >= value * (1 - 1e-9))


def round_down(value: float) -> float:
    """The largest of 1, 2, 5, 10, 20, … that is no more than the value, which is above 0."""
    power = 10.0 ** math.floor(math.log10(value) + 1e-9)
    return next(factor * power for factor in (5, 2, 1, 0.5) if factor * power <= value * (1 + 1e-9))


def time_ticks(end_s: float) -> list[Tick]:
    """At most seven round times from the run's start to its end."""
    step = next((step for step in _TIME_STEPS_S if end_s / step < _TICKS_MAX), _TIME_STEPS_S[-1])
    return [Tick(n * step / end_s, _time(n * step, step)) for n in range(int(end_s / step) + 1)]


def _time(at_s: int, step_s: int) -> str:
    if step_s % 3600 == 0:
        return f"{at_s // 3600} h"
    return f"{at_s // 60} min" if step_s % 60 == 0 else f"{at_s} s"


def nines(percent: float) -> float:
    """How many nines a percentile has: 0 for p0, 1 for p90, 2 for p99, and between them as its rest shrinks."""
    return -math.log10(1 - percent / 100)
