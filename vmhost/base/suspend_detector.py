"""Detects that the program did not run for a while: the computer slept, or the process was stopped. Pure."""

from __future__ import annotations

SUSPEND_S_MIN = 3.0
"""A shorter gap is normal on a busy computer."""


class SuspendDetector:
    """Compares the times of regular checks. Times are epoch seconds, which go on while a computer sleeps."""

    __slots__ = ("_every_s", "_last")

    def __init__(self, at: float, *, every_s: float = 1.0) -> None:
        """`every_s`: the longest normal interval between two checks."""
        self._last = at
        self._every_s = every_s

    def check(self, at: float) -> float:
        """Return the seconds for which the program did not run since the last check; 0 if it ran."""
        missed_s = at - self._last - self._every_s
        self._last = at
        return missed_s if missed_s >= SUSPEND_S_MIN else 0.0
