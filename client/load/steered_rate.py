"""The rate of an open loop with the changes made by hand: its present value, and the number of arrivals due. Pure."""

from __future__ import annotations

from client.load.plan.model import OpenLoop
from client.load.rates import ConstantRate, RateCurve, rate_curve
from client.load.schedule import NS_PER_S, Part, Schedule


class SteeredRate:
    """A loop's rate with the changes made to it. Times are nanoseconds, or seconds, from the run's start."""

    def __init__(self, loop: OpenLoop, seed: int) -> None:
        self._loop = loop
        self._seed = seed
        self._curve: RateCurve = rate_curve(loop)
        self._changes: list[tuple[int, float]] = []

    @property
    def changed(self) -> bool:
        """Whether it was changed by hand."""
        return bool(self._changes)

    def change(self, rate_per_s: float, at_ns: int) -> None:
        """Continue at this constant rate from then on."""
        self._changes.append((at_ns, rate_per_s))
        at_s = at_ns / NS_PER_S
        self._curve = ConstantRate(rate_per_s, at_s, self._curve.reached(at_s))

    def now(self, now_s: float) -> float:
        """The rate at that moment: of one that varies, the mean of the half second around it."""
        if isinstance(self._curve, ConstantRate):
            return self._curve.per_s
        return round((self._curve.reached(now_s + 0.25) - self._curve.reached(max(0.0, now_s - 0.25))) / 0.5, 1)

    def due(self, part: Part, until_s: float) -> int:
        """How many arrivals of that part were due until then."""
        schedule = Schedule(self._loop, seed=self._seed, start_ns=0, part=part)
        due = 0
        for at_ns, rate_per_s in self._changes:
            due += schedule.count_before(at_ns)
            schedule.change_rate(rate_per_s, at_ns)
        return due + schedule.count_before(round(until_s * NS_PER_S))
