"""Times in which the load generator's computer slept, or its process was stopped: what counts as one, how it is found.

A sending process looks for one before it judges requests by the time that passed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from client.load.schedule import NS_PER_S

STANDSTILL_S_MIN = 1.0
"""A shorter pause is a busy computer's."""
CPU_SHARE_MAX = 0.1
"""A process that used more of a core in that time was busy itself: its requests are late, and that counts."""
BEATS_PER_S_MAX = 10
"""If another thread of the process ran more often than this, only the event loop was blocked. Ten times rarer than the
thread runs otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standstill:
    """A standstill from `at` (epoch seconds) on; `schedule_s` of its seconds belong to the run's schedule.

    The schedule's clock stops while a computer sleeps, but it goes on while a process is stopped."""

    at: float
    seconds: float
    schedule_s: float = 0.0


def standstill_s(*, passed_s: float, asleep_s: float, cpu_s: float, beats: int = 0) -> float:
    """How long the process did not run; 0 if it ran.

    Since the last check `passed_s` went by on a clock that stops while the computer sleeps, the computer slept for
    `asleep_s` beside that, the process used `cpu_s` of a core, and another thread of it ran `beats` times."""
    if asleep_s >= STANDSTILL_S_MIN:
        return passed_s + asleep_s
    ran = cpu_s > CPU_SHARE_MAX * passed_s or beats > BEATS_PER_S_MAX * passed_s
    return passed_s if passed_s >= STANDSTILL_S_MIN and not ran else 0.0


def merge_standstills(parts: Iterable[Standstill]) -> tuple[Standstill, ...]:
    """The standstills of all processes; of those that overlap, the longest."""
    result: list[Standstill] = []
    for part in sorted(parts, key=lambda each: each.at):
        if result and part.at < result[-1].at + result[-1].seconds:
            result[-1] = max(result[-1], part, key=lambda each: each.seconds)
        else:
            result.append(part)
    return tuple(result)


def describe_standstills(standstills: tuple[Standstill, ...]) -> str:
    """A sentence about them for a verdict's reason; empty if there were none."""
    if not standstills:
        return ""
    longest = max(standstills, key=lambda each: each.seconds)
    at = time.strftime("%H:%M:%S", time.localtime(longest.at))
    if len(standstills) == 1:
        return f"this computer stood still for {longest.seconds:.1f} s at {at}; that time is left out"
    total_s = sum(each.seconds for each in standstills)
    return (
        f"this computer stood still {len(standstills)} times, {total_s:.1f} s in total, at most {longest.seconds:.1f} s"
        f" (at {at}); that time is left out"
    )


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
