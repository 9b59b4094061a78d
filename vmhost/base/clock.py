"""Injected clocks: wall-clock time for people and records, monotonic time for measuring."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from typing import Protocol


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


class ManualClock:
    """A clock for tests: time moves only when `advance` is called."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self._now = now
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    @property
    def sleeping(self) -> int:
        """Return how many tasks are sleeping."""
        return sum(not wake.done() for _, _, wake in self._sleepers)

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        await self._wake_in(seconds)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        wake = self._wake_in(seconds)
        wake.add_done_callback(lambda _: wake.cancelled() or callback())
        return wake

    def advance(self, seconds: float) -> None:
        """Move time forward and wake, in order, the sleepers that are due."""
        self._now += seconds
        while self._sleepers and self._sleepers[0][0] <= self._now:
            _, _, wake = heapq.heappop(self._sleepers)
            if not wake.done():
                wake.set_result(None)

    def _wake_in(self, seconds: float) -> asyncio.Future[None]:
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if seconds <= 0:
            wake.set_result(None)
        else:
            heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), wake))
        return wake
