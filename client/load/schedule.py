"""When each arrival is due, decided before any request is sent and the same in all processes with the same seed. Pure.

All of a run's processes walk the same schedule; the i-th of N takes every N-th arrival. So a run can be repeated, split
and put together again, and how the server answers never bends it.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from client.load.plan.model import OpenLoop, Spacing
from client.load.rates import ConstantRate, RateCurve, rate_curve

NS_PER_S = 1_000_000_000
COUNTED_MAX = 2_000_000
"""This number of arrivals is counted one by one; the rest is taken from the area under the rate."""


@dataclass(frozen=True, slots=True)
class Part:
    """The arrivals `index`, `index + of`, … of a schedule."""

    index: int = 0
    of: int = 1


WHOLE = Part()


class Schedule:
    """The arrivals of one part, in order. `number` and `due_ns` are the next one's; `due_ns` None: none for now."""

    __slots__ = ("_of", "_position", "_random", "_rate", "_start_ns", "due_ns", "number")

    def __init__(self, loop: OpenLoop, *, seed: int, start_ns: int, part: Part = WHOLE) -> None:
        self._rate: RateCurve = rate_curve(loop)
        # Another stream than the one that draws the requests, or a busy moment would choose its own words.
        self._random = random.Random(f"arrivals {seed}").random if loop.spacing is Spacing.POISSON else None
        self._start_ns = start_ns
        self._of = part.of
        self.number = 0
        self._position = 0.0 if self._random is None else self._gap()
        self._go_on(part.index)

    def advance(self) -> None:
        self._go_on(self._of)

    def change_rate(self, rate_per_s: float, at_ns: int) -> None:
        """Continue at this constant rate from `at_ns`, before which every arrival must have been taken: no burst and no
        gap, because the part of the way to the next arrival that has already passed counts."""
        at_s = (at_ns - self._start_ns) / NS_PER_S
        self._rate = ConstantRate(rate_per_s, at_s, self._rate.reached(at_s))
        self.due_ns = self._due_ns(self._position)

    def left_before(self, number: int) -> int:
        """How many arrivals of this part come before that one of the whole."""
        return max(0, -(-(number - self.number) // self._of))

    def count_before(self, end_ns: int) -> int:
        """Take all arrivals that are due before `end_ns` and return their number.

        Exact for even spacing. Of independent users the first two million are counted, the rest is their mean, and the
        schedule cannot continue."""
        count = 0
        if self._random is None:
            count = self._count_even(end_ns)
            self._go_on(count * self._of)
            return count
        while self.due_ns is not None and self.due_ns < end_ns:
            if count == COUNTED_MAX:
                rest = self._rate.reached((end_ns - self._start_ns) / NS_PER_S) - self._position
                return count + round(rest / self._of)
            self.advance()
            count += 1
        return count

    def _go_on(self, count: int) -> None:
        """Pass this number of arrivals of the whole schedule."""
        self.number += count
        if self._random is None:
            self._position = float(self.number)
        else:
            for _ in range(count):
                self._position += self._gap()
        self.due_ns = self._due_ns(self._position)

    def _gap(self) -> float:
        assert self._random is not None
        return -math.log(1.0 - self._random())

    def _due_ns(self, position: float) -> int | None:
        at_s = self._rate.when(position)
        return None if at_s is None else self._start_ns + round(at_s * NS_PER_S)

    def _count_even(self, end_ns: int) -> int:
        def due(offset: int) -> bool:
            due_ns = self._due_ns(float(self.number + offset * self._of))
            return due_ns is not None and due_ns < end_ns

        if not due(0):
            return 0
        beyond = 1
        while due(beyond):
            beyond *= 2
        known = beyond // 2
        while beyond - known > 1:
            middle = (known + beyond) // 2
            known, beyond = (middle, beyond) if due(middle) else (known, middle)
        return beyond


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
