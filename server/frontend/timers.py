"""Many timers that rarely fire, on one of the event loop's: almost every request's timer is cancelled unfired."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

GRAIN_S = 0.0005


class Timer:
    """One wish to be called; a cancelled one holds on to nothing."""

    __slots__ = ("_callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    @property
    def cancelled(self) -> bool:
        """Whether nobody will be called any more."""
        return self._callback is None

    def cancel(self) -> None:
        """It will not be called."""
        self._callback = None

    def fire(self) -> None:
        """Calls, unless it was cancelled."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class Timers:
    """All timers of one event loop; one may fire `GRAIN_S` early, as the loop's own do."""

    __slots__ = ("_armed", "_armed_for", "_loop", "_order", "_waiting", "now")

    def __init__(self, loop: asyncio.AbstractEventLoop, monotonic: Callable[[], float]) -> None:
        self._loop = loop
        self.now = monotonic
        self._waiting: list[tuple[float, int, Timer]] = []
        self._order = count()
        self._armed: asyncio.TimerHandle | None = None
        self._armed_for = float("inf")

    def call_at(self, due: float, callback: Callable[[], None]) -> Timer:
        """Calls back once that time has come, in monotonic seconds."""
        timer = Timer(callback)
        heappush(self._waiting, (due, next(self._order), timer))
        if due < self._armed_for:
            self._arm(due)
        return timer

    def _arm(self, due: float) -> None:
        self._disarm()
        self._armed_for = due
        self._armed = self._loop.call_later(max(due - self.now(), 0.0), self._fire)

    def _disarm(self) -> None:
        if self._armed is not None:
            self._armed.cancel()
            self._armed = None
        self._armed_for = float("inf")

    def _fire(self) -> None:
        self._disarm()
        waiting = self._waiting
        until = self.now() + GRAIN_S
        try:
            while waiting and (waiting[0][0] <= until or waiting[0][2].cancelled):
                heappop(waiting)[2].fire()
        finally:
            if waiting:
                self._arm(waiting[0][0])
