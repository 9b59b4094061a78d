"""A time limit on the injected clock, which a new request can end early."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from vmhost.base.clock import Clock
from vmhost.base.errors import DeadlineExceeded


class Interrupted(Exception):
    """A new request ended what was awaited."""


class Limited:
    """A body that runs under a time limit."""

    def __init__(self) -> None:
        self._timeout = asyncio.timeout(None)
        self._is_over = False
        self.was_interrupted = False

    def interrupt(self) -> None:
        """Cancel it and raise Interrupted there. Does nothing once it has ended."""
        if not self._is_over:
            self.was_interrupted = True
            self._cancel()

    def _cancel(self) -> None:
        # A timeout that has expired already is ending by itself and must not be rescheduled.
        if not self._is_over and not self._timeout.expired():
            self._timeout.reschedule(asyncio.get_running_loop().time())


@contextlib.asynccontextmanager
async def deadline(clock: Clock, seconds: float, subject: str) -> AsyncIterator[Limited]:
    """Cancel the body after `seconds` and raise DeadlineExceeded, which names the subject.

    Raises Interrupted if the yielded object is interrupted before."""
    limited = Limited()
    timer = clock.call_later(seconds, limited._cancel)
    try:
        async with limited._timeout:
            yield limited
    except TimeoutError:
        if not limited._timeout.expired():
            raise
        if limited.was_interrupted:
            raise Interrupted(subject) from None
        raise DeadlineExceeded(f"{subject} did not end within {seconds:g} s") from None
    finally:
        limited._is_over = True
        timer.cancel()
