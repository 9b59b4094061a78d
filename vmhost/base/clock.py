"""The injected clock: wall-clock time for people and records, monotonic time for measuring. And a detector of sleep."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

SUSPEND_S_MIN = 3.0
"""A shorter gap is normal on a busy computer."""


class Timer(Protocol):
    """A call that was scheduled."""

    def cancel(self) -> object:
        """Prevent the call; once it was made, do nothing."""


class Clock(Protocol):
    """Source of time for a program."""

    def now(self) -> float:
        """Return seconds since the epoch; may jump."""

    def monotonic(self) -> float:
        """Return seconds that never go back; only differences have a meaning."""

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Call back `seconds` later, from the event loop."""


class SystemClock:
    """The operating system's clocks."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        return asyncio.get_running_loop().call_later(seconds, callback)


class SuspendDetector:
    """Detects that the program did not run: the computer slept, or the process was stopped.

    It compares the times of regular checks. Times are epoch seconds, which go on while a computer sleeps."""

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
