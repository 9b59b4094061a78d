"""Times in which the generator's computer slept, or its process was stopped: what counts as one. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

STANDSTILL_S_MIN = 1.0
"""A shorter pause is a busy computer's."""
CPU_SHARE_MAX = 0.1
"""A process that used more of a core in that time was busy itself: its requests are late, and that counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standstill:
    """One, from `at` (epoch seconds) on; `schedule_s` of its seconds belong to the run's schedule.

    The schedule's clock does not go on while a computer sleeps, but it does while a process is stopped."""

    at: float
    seconds: float
    schedule_s: float = 0.0


def standstill_s(*, passed_s: float, asleep_s: float, cpu_s: float) -> float:
    """How long the process did not run, 0 where it ran.

    Since its last sign of life `passed_s` went by on a clock that stops while the computer sleeps, it slept `asleep_s`
    beside that, and the process used `cpu_s` of a core."""
    if asleep_s >= STANDSTILL_S_MIN:
        return passed_s + asleep_s
    return passed_s if passed_s >= STANDSTILL_S_MIN and cpu_s <= CPU_SHARE_MAX * passed_s else 0.0


def merge_standstills(parts: Iterable[Standstill]) -> tuple[Standstill, ...]:
    """The standstills of all processes; those that overlap are one, the longest of them."""
    result: list[Standstill] = []
    for part in sorted(parts, key=lambda each: each.at):
        if result and part.at < result[-1].at + result[-1].seconds:
            result[-1] = max(result[-1], part, key=lambda each: each.seconds)
        else:
            result.append(part)
    return tuple(result)


def describe_standstills(standstills: tuple[Standstill, ...]) -> str:
    """What is said of them; empty where there was none."""
    if not standstills:
        return ""
    longest = max(standstills, key=lambda each: each.seconds)
    at = time.strftime("%H:%M:%S", time.localtime(longest.at))
    if len(standstills) == 1:
        return f"this computer stood still for {longest.seconds:.1f} s at {at}; that time is left out"
    total_s = sum(each.seconds for each in standstills)
    return (
        f"this computer stood still {len(standstills)} times for {total_s:.1f} s in all, the longest time"
        f" {longest.seconds:.1f} s at {at}; that time is left out"
    )
