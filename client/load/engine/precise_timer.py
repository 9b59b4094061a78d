"""Timers that wake at an instant, as exactly as the system can without spinning.

The event loop's own timers are too coarse for sending: uvloop's have 1 ms and may fire early. Linux's timerfd wakes
within some 50 microseconds. Other systems use the loop's timers, and the report shows the lag that they cause.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import Protocol

_CLOCK_MONOTONIC = 1
_NONBLOCK_CLOEXEC = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)
_ABSOLUTE = 1
_NS_PER_S = 1_000_000_000
_COARSE_S = 0.001


class Timer(Protocol):
    """Calls back at the time that was set, or soon after. The callback must `set` or `unset` it, or is called again."""

    precise: bool

    def set(self, at_ns: int) -> None:
        """Call back at that time instead of the time set before."""

    def unset(self) -> None:
        """Do not call back until the timer is set again."""

    def close(self) -> None:
        """Never call back again."""


class LoopTimer:
    """The event loop's timer, never shorter than 1 ms: less would round to 0 and spin."""

    precise = False

    def __init__(self, on_timer: Callable[[], None]) -> None:
        self._on_timer = on_timer
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None

    def set(self, at_ns: int) -> None:
        self.unset()
        delay_s = max(_COARSE_S, (at_ns - time.monotonic_ns()) / _NS_PER_S)
        self._handle = self._loop.call_later(delay_s, self._on_timer)

    def unset(self) -> None:
        if self._handle is not None:
            self._handle.cancel()

    def close(self) -> None:
        self.unset()


class _Timerspec(ctypes.Structure):
    _fields_ = [(name, ctypes.c_long) for name in ("interval_s", "interval_ns", "at_s", "at_ns")]


class TimerfdTimer:
    """Linux's timer as a file, on CLOCK_MONOTONIC, which is Python's monotonic clock. Raises OSError elsewhere."""

    precise = True

    def __init__(self, on_timer: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        # Python has os.timerfd_create from 3.13 only.
        libc = ctypes.CDLL(None, use_errno=True)
        try:
            self._settime = libc.timerfd_settime
            self._fd: int = libc.timerfd_create(_CLOCK_MONOTONIC, _NONBLOCK_CLOEXEC)
        except AttributeError as error:
            raise OSError("the C library has no timerfd") from error
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "no timerfd")
        self._spec = _Timerspec()
        self._spec_ref = ctypes.byref(self._spec)
        # Setting it anew also makes it unreadable, so its content need not be read.
        self._loop.add_reader(self._fd, on_timer)

    def set(self, at_ns: int) -> None:
        # Zero would disarm it.
        self._spec.at_s, self._spec.at_ns = divmod(max(1, at_ns), _NS_PER_S)
        self._settime(self._fd, _ABSOLUTE, self._spec_ref, None)

    def unset(self) -> None:
        self._spec.at_s = self._spec.at_ns = 0
        self._settime(self._fd, _ABSOLUTE, self._spec_ref, None)

    def close(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1


def best_timer(on_timer: Callable[[], None]) -> Timer:
    """A timerfd if the system has it, else the loop's timer."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return TimerfdTimer(on_timer)
    return LoopTimer(on_timer)
