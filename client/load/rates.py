"""The rate over time, as the area under its curve: the number of arrivals by a time, and the time of an arrival. Pure.

An arrival process is a rate and a spacing. In units of arrivals every process is the same: even spacing puts the n-th
at n, independent users put them at sums of exponentials, and a rate turns those positions into seconds by the inverse
of its area (the time-rescaling of inhomogeneous Poisson processes: Lewis & Shedler 1979; Ross, Stochastic Processes).
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from client.load.plan.model import OpenLoop, RateStage, Wave


class RateCurve(Protocol):
    """Arrivals as an area. Seconds count from the run's start."""

    def reached(self, at_s: float) -> float:
        """How many arrivals there are until then; rises with time."""

    def when(self, arrivals: float) -> float | None:
        """The time at which this number is reached, after any pause there; None if the rate never gets there."""


@dataclass(frozen=True, slots=True)
class ConstantRate:
    """The same rate from `since_s` on, when `before` arrivals had been reached."""

    per_s: float
    since_s: float = 0.0
    before: float = 0.0

    def reached(self, at_s: float) -> float:
        return self.before + max(0.0, at_s - self.since_s) * self.per_s

    def when(self, arrivals: float) -> float | None:
        if self.per_s <= 0:
            return None
        return self.since_s + max(0.0, arrivals - self.before) / self.per_s


class StagedRate:
    """Straight lines one after the other; after them the last one's rate stays."""

    def __init__(self, stages: Sequence[RateStage]) -> None:
        self._stages = tuple(stages)
        areas = [(stage.from_per_s + stage.to_per_s) / 2 * stage.seconds for stage in stages]
        self._starts_s = list(itertools.accumulate((stage.seconds for stage in stages), initial=0.0))
        self._befores = list(itertools.accumulate(areas, initial=0.0))
        self._tail = ConstantRate(stages[-1].to_per_s, self._starts_s[-1], self._befores[-1])

    def reached(self, at_s: float) -> float:
        if at_s >= self._starts_s[-1]:
            return self._tail.reached(at_s)
        if at_s <= 0:
            return 0.0
        number = bisect.bisect_right(self._starts_s, at_s) - 1
        stage, into_s = self._stages[number], at_s - self._starts_s[number]
        slope = (stage.to_per_s - stage.from_per_s) / stage.seconds
        return self._befores[number] + (stage.from_per_s + slope * into_s / 2) * into_s

    def when(self, arrivals: float) -> float | None:
        # The last stage that begins with no more: an arrival at the edge of a pause comes when the pause is over.
        number = max(0, bisect.bisect_right(self._befores, arrivals) - 1)
        if number == len(self._stages):
            return self._tail.when(arrivals)
        stage, area = self._stages[number], max(0.0, arrivals - self._befores[number])
        slope = (stage.to_per_s - stage.from_per_s) / stage.seconds
        # Of area = from * t + slope * t^2 / 2 the root in the form that does not cancel where the slope is small.
        root = math.sqrt(max(0.0, stage.from_per_s**2 + 2 * slope * area))
        if area == 0 or stage.from_per_s + root == 0:
            return self._starts_s[number]
        return self._starts_s[number] + min(stage.seconds, 2 * area / (stage.from_per_s + root))


class SineRate:
    """`mean_per_s` with a wave round it, which begins in its middle and rises first."""

    def __init__(self, mean_per_s: float, wave: Wave) -> None:
        self._mean = mean_per_s
        self._pulse = 2 * math.pi / wave.period_s
        self._height = wave.amplitude_per_s / self._pulse
        self._amplitude = wave.amplitude_per_s

    def reached(self, at_s: float) -> float:
        at_s = max(0.0, at_s)
        return self._mean * at_s + self._height * (1 - math.cos(self._pulse * at_s))

    def when(self, arrivals: float) -> float | None:
        if arrivals <= 0:
            return 0.0
        if self._mean <= 0:
            return None
        # The wave adds between 0 and 2 heights to the straight line, so the answer lies between these two.
        low, high = max(0.0, (arrivals - 2 * self._height) / self._mean), arrivals / self._mean
        at_s = high
        for _ in range(60):
            over = self.reached(at_s) - arrivals
            low, high = (low, at_s) if over > 0 else (at_s, high)
            rate = self._mean + self._amplitude * math.sin(self._pulse * at_s)
            after = at_s - over / rate if rate > 0 else low
            # Newton's step where it stays inside, else halving: a rate near 0 throws it far out.
            after = after if low <= after <= high else (low + high) / 2
            if abs(after - at_s) < 1e-10:
                return after
            at_s = after
        return at_s


class ReplayRate:
    """The recorded arrivals: the n-th (from 0) at its own time."""

    def __init__(self, trace: Sequence[float]) -> None:
        self._trace = trace

    def reached(self, at_s: float) -> float:
        return float(bisect.bisect_left(self._trace, at_s))

    def when(self, arrivals: float) -> float | None:
        number = math.ceil(arrivals)
        return self._trace[number] if number < len(self._trace) else None


def rate_curve(loop: OpenLoop) -> RateCurve:
    if loop.trace is not None:
        return ReplayRate(loop.trace)
    if loop.wave is not None:
        return SineRate(loop.rate_per_s, loop.wave)
    if loop.stages:
        return StagedRate(loop.stages)
    return ConstantRate(loop.rate_per_s)
