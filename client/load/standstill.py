"""Times in which the load generator's computer slept, or its process was stopped: what counts as one. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

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
