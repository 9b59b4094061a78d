"""A clock and ids that tests control."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections.abc import Callable

from vmhost.base.clock import Timer


class ManualClock:
    """A clock whose time moves only when `advance` is called."""

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


class SeededIds:
    """The same ids in the same order for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def new(self, prefix: str) -> str:
        return f"{prefix}-0{self._random.getrandbits(64):016x}"
