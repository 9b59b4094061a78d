"""Carries out a schedule: calls back for each arrival when it is due, or at once if that time has passed."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from client.load.engine.precise_timer import Timer, best_timer
from client.load.schedule import NS_PER_S, Schedule
from client.load.standstill import StandstillDetector

_BATCH_MAX = 128
_QUANTUM_NS = 75_000
"""To wake less than 0.075 ms after the last time would cost a core at high rates and gain nothing."""
_CATCH_UP_NS = NS_PER_S // 10
"""For this time after the schedule's end its last arrivals are still started; the rest is missed."""
_CATCH_UP_MAX = 20_000

OnArrival = Callable[[int, int, int], None]
"""Called with an arrival's number, when it was due and the time now, in monotonic nanoseconds."""


class ArrivalScheduler:
    """Calls `on_arrival` for each arrival of a schedule, until `end_ns`, `stop` or the arrival number `count`."""

    def __init__(
        self,
        schedule: Schedule,
        *,
        end_ns: int | None,
        on_arrival: OnArrival,
        count: int | None = None,
        timer: Callable[[Callable[[], None]], Timer] = best_timer,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        detector: StandstillDetector | None = None,
    ) -> None:
        self.missed = 0
        self._detector = detector or StandstillDetector(self.skip)
        self._schedule = schedule
        self._end_ns = end_ns
        self._on_arrival = on_arrival
        self._count = count
        self._now_ns = clock_ns
        self._make_timer = timer
        self._timer: Timer | None = None
        self._changes: deque[tuple[int, float]] = deque()
        self._over = asyncio.Event()

    @property
    def over(self) -> bool:
        """Whether no arrival comes any more."""
        return self._over.is_set()

    @property
    def precise(self) -> bool:
        """Whether it wakes to within microseconds."""
        return self._timer is not None and self._timer.precise

    def start(self) -> None:
        """Start what is due now, and set the timer for the next arrival."""
        self._timer = self._make_timer(self._take_due)
        self._take_due()

    async def finished(self) -> int:
        """Returns when the schedule is over: the time of its end."""
        await self._over.wait()
        now_ns = self._now_ns()
        return now_ns if self._end_ns is None else min(now_ns, self._end_ns)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.close()

    def stop(self) -> None:
        """End the schedule now; arrivals that are due by now are started first."""
        if not self.over:
            self.catch_up()
            self._end(self._now_ns())

    def change_rate(self, rate_per_s: float, at_ns: int) -> None:
        """Continue at another rate from `at_ns` on, in the order of the calls; 0 pauses."""
        self._changes.append((at_ns, rate_per_s))
        self._take_due()

    def catch_up(self) -> int:
        """Start all arrivals that are due by now; return the time at which that was done."""
        for _ in range(_CATCH_UP_MAX):
            now_ns = self._now_ns()
            if now_ns >= self._detector.check_at_ns:
                self._detector.check(now_ns)
            due_ns = self._next_due_ns()
            if due_ns is None or due_ns > now_ns or self.over or self.exhausted:
                break
            self._take(due_ns, now_ns)
        return self._now_ns()

    def skip(self, until_ns: int) -> None:
        """Pass over the arrivals that were due before that time: they are neither started nor missed."""
        while not self.over and (due_ns := self._next_due_ns()) is not None and due_ns < until_ns:
            # Not beyond the next change of the rate, which takes effect when the schedule gets there.
            self._schedule.count_before(min(until_ns, self._changes[0][0]) if self._changes else until_ns)

    def _take_due(self) -> None:
        if self._timer is None:
            return
        if self.over:
            self._timer.unset()
            return
        end_ns = self._end_ns
        for _ in range(_BATCH_MAX):
            now_ns = self._now_ns()
            if now_ns >= self._detector.check_at_ns:
                self._detector.check(now_ns)
            if self.exhausted:
                self._end(now_ns)
                return
            due_ns = self._next_due_ns()
            if due_ns is None or due_ns > now_ns:
                break
            if end_ns is not None and now_ns > end_ns + _CATCH_UP_NS:
                self._end(now_ns)
                return
            self._take(due_ns, now_ns)
        if due_ns is None:
            if end_ns is not None and now_ns >= end_ns:
                self._end(now_ns)
                return
            comings = [at_ns for at_ns in (self._changes[0][0] if self._changes else None, end_ns) if at_ns is not None]
            wake_ns = min(comings, default=None)
        else:
            wake_ns = due_ns
        if wake_ns is None:
            self._timer.unset()
        else:
            self._timer.set(max(wake_ns, now_ns + _QUANTUM_NS))

    @property
    def exhausted(self) -> bool:
        """Whether all arrivals before number `count` have been started."""
        return self._count is not None and self._schedule.number >= self._count

    def _take(self, due_ns: int, now_ns: int) -> None:
        number = self._schedule.number
        self._schedule.advance()
        self._on_arrival(number, due_ns, now_ns)

    def _next_due_ns(self) -> int | None:
        schedule = self._schedule
        while self._changes and (schedule.due_ns is None or schedule.due_ns >= self._changes[0][0]):
            at_ns, rate_per_s = self._changes[0]
            if schedule.due_ns is None and self._now_ns() < at_ns:
                break
            self._changes.popleft()
            schedule.change_rate(rate_per_s, at_ns)
        due_ns = schedule.due_ns
        return None if due_ns is None or (self._end_ns is not None and due_ns >= self._end_ns) else due_ns

    def _end(self, now_ns: int) -> None:
        end_ns = now_ns if self._end_ns is None else min(now_ns, self._end_ns)
        left = None if self._count is None else self._schedule.left_before(self._count)
        missed = 0 if left == 0 else self._schedule.count_before(end_ns)
        self.missed = missed if left is None else min(missed, left)
        self._over.set()
        if self._timer is not None:
            self._timer.unset()
