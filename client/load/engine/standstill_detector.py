"""Notices in a sending process that it did not run for a while, before anything is judged by the time that passed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from client.load.schedule import NS_PER_S
from client.load.standstill import STANDSTILL_S_MIN, Standstill, standstill_s

_NEVER = 1 << 62


class StandstillDetector:
    """`look` is called as a regular sign of life, and by whoever sees that `check_at_ns` has passed.

    `leave_out` is called after each standstill with the time now. Before `begin` nothing is noticed."""

    __slots__ = ("_asleep_ns", "_cpu_s", "_last_ns", "_leave_out", "_start_ns", "check_at_ns", "end_ns", "standstills")

    def __init__(self, leave_out: Callable[[int], None], *, start_ns: int = 0, end_ns: int | None = None) -> None:
        self._leave_out = leave_out
        self._start_ns = start_ns
        self.end_ns = _NEVER if end_ns is None else end_ns
        """The end of the schedule, of which a standstill takes time until then only."""
        self.check_at_ns = _NEVER
        self.standstills: list[Standstill] = []

    def start(self, now_ns: int) -> None:
        """The first sign of life."""
        self._last_ns, self._cpu_s, self._asleep_ns = now_ns, time.process_time(), _asleep_ns()
        self.check_at_ns = now_ns + round(STANDSTILL_S_MIN * NS_PER_S)

    def check(self, now_ns: int) -> None:
        """A sign of life: notes a standstill that ends now."""
        last_ns, cpu_s, asleep_ns = self._last_ns, self._cpu_s, self._asleep_ns
        self.start(now_ns)
        seconds = standstill_s(
            passed_s=(now_ns - last_ns) / NS_PER_S,
            asleep_s=(self._asleep_ns - asleep_ns) / NS_PER_S,
            cpu_s=self._cpu_s - cpu_s,
        )
        if seconds:
            taken_ns = min(now_ns, self.end_ns) - max(last_ns, self._start_ns)
            self.standstills.append(
                Standstill(
                    at=round(time.time() - seconds, 3),
                    seconds=round(seconds, 3),
                    schedule_s=max(0, taken_ns) / NS_PER_S,
                )
            )
            self._leave_out(now_ns)


def _asleep_ns() -> int:
    """How long this computer has slept since it was started, where the system tells."""
    if sys.platform != "linux":
        return 0
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
