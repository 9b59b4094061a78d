"""Detects in a sending process that it did not run for a while, before requests are judged by the time that passed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from client.load.schedule import NS_PER_S
from client.load.standstill import STANDSTILL_S_MIN, Standstill, standstill_s

_NEVER = 1 << 62


class StandstillDetector:
    """Finds standstills between calls of `check`, which is called regularly, and by code that sees `check_at_ns` pass.

    `leave_out` is called with the time after each standstill. Before `start` nothing is detected. `beats` counts how
    often another thread has run: it also runs while a script blocks the event loop, which is not a standstill."""

    __slots__ = (
        "_asleep_ns", "_beats", "_beats_before", "_cpu_s", "_last_ns", "_leave_out", "_start_ns", "check_at_ns",
        "end_ns", "standstills",
    )  # fmt: skip

    def __init__(
        self, leave_out: Callable[[int], None], *, start_ns: int = 0, end_ns: int | None = None,
        beats: Callable[[], int] = lambda: 0,
    ) -> None:  # fmt: skip
        self._leave_out = leave_out
        self._start_ns = start_ns
        self._beats = beats
        self.end_ns = _NEVER if end_ns is None else end_ns
        """The end of the schedule: only the time before it is taken from the schedule."""
        self.check_at_ns = _NEVER
        self.standstills: list[Standstill] = []

    def start(self, now_ns: int) -> None:
        """Note that the process runs now."""
        self._last_ns, self._cpu_s, self._asleep_ns = now_ns, time.process_time(), _asleep_ns()
        self._beats_before = self._beats()
        self.check_at_ns = now_ns + round(STANDSTILL_S_MIN * NS_PER_S)

    def check(self, now_ns: int) -> None:
        """Note that the process runs now, and a standstill if it did not run since the last call."""
        last_ns, cpu_s, asleep_ns, beats = self._last_ns, self._cpu_s, self._asleep_ns, self._beats_before
        self.start(now_ns)
        seconds = standstill_s(
            passed_s=(now_ns - last_ns) / NS_PER_S,
            asleep_s=(self._asleep_ns - asleep_ns) / NS_PER_S,
            cpu_s=self._cpu_s - cpu_s,
            beats=self._beats_before - beats,
        )
        if seconds:
            lost_ns = min(now_ns, self.end_ns) - max(last_ns, self._start_ns)
            self.standstills.append(
                Standstill(
                    at=round(time.time() - seconds, 3),
                    seconds=round(seconds, 3),
                    schedule_s=max(0, lost_ns) / NS_PER_S,
                )
            )
            self._leave_out(now_ns)


def _asleep_ns() -> int:
    """How long this computer has slept since it was started, if the system knows."""
    if sys.platform != "linux":
        return 0
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
