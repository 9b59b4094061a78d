"""Many timers on one timer of the event loop.

Almost every request sets a timer and cancels it before it fires. Here that costs a push on a heap; a timer of the event
loop would cost two calls into it for every search.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

GRAIN_S = 0.0005


class Timer:
    """One scheduled call. A cancelled timer holds no reference to its callback."""

    __slots__ = ("_callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    @property
    def cancelled(self) -> bool:
        """Whether it was cancelled or has fired."""
        return self._callback is None

    def cancel(self) -> None:
        """Makes sure that the callback is not called."""
        self._callback = None

    def fire(self) -> None:
        """Calls the callback, unless the timer was cancelled."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class Timers:
    """All timers of one event loop; a timer may fire up to `GRAIN_S` early, as the loop's own timers do."""

    __slots__ = ("_handle", "_handle_due", "_heap", "_loop", "_order", "now")

    def __init__(self, loop: asyncio.AbstractEventLoop, monotonic: Callable[[], float]) -> None:
        self._loop = loop
        self.now = monotonic
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = count()
        self._handle: asyncio.TimerHandle | None = None
        self._handle_due = float("inf")

    def call_at(self, due: float, callback: Callable[[], None]) -> Timer:
        """Call back at that time, in monotonic seconds."""
        timer = Timer(callback)
        heappush(self._heap, (due, next(self._order), timer))
        if due < self._handle_due:
            self._set_handle(due)
        return timer

    def _set_handle(self, due: float) -> None:
        self._clear_handle()
        self._handle_due = due
        self._handle = self._loop.call_later(max(due - self.now(), 0.0), self._fire)

    def _clear_handle(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._handle_due = float("inf")

    def _fire(self) -> None:
        self._clear_handle()
        heap = self._heap
        until = self.now() + GRAIN_S
        try:
            while heap and (heap[0][0] <= until or heap[0][2].cancelled):
                heappop(heap)[2].fire()
        finally:
            if heap:
                self._set_handle(heap[0][0])
