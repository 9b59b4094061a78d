"""Noticing that this program did not run for a while: the computer slept, or every program on it was stopped. Pure."""

from __future__ import annotations

STANDSTILL_S_MIN = 3.0
"""A shorter pause is a busy computer's."""


class Standstill:
    """Is told the time at each sign of life; `at` are epoch seconds, which go on while a computer sleeps."""

    __slots__ = ("_every_s", "_last")

    def __init__(self, at: float, *, every_s: float = 1.0) -> None:
        """`every_s`: a sign of life comes at least so often."""
        self._last = at
        self._every_s = every_s

    def alive(self, at: float) -> float:
        """Seconds for which the program did not run since the last sign of life; 0 where it ran."""
        missed_s = at - self._last - self._every_s
        self._last = at
        return missed_s if missed_s >= STANDSTILL_S_MIN else 0.0
