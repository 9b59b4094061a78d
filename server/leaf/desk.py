"""The leaf's one queue: a search at a time, first come, first served, and nothing that cannot be done in time.

A search keeps one core busy and does not wait, so two at once would only make both late. Whoever cannot be served in
time is told so at once, while the front end can still ask another replica.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from vmhost.base.errors import DeadlineExceeded, Unavailable

_T = TypeVar("_T")
WAITING_MAX = 64
_WEIGHT = 0.05
"""Of the newest job in the running mean of how long a job takes."""


class Desk:
    """Runs short jobs in turn. `monotonic` gives seconds, in the same time as the deadlines."""

    def __init__(self, monotonic: Callable[[], float], *, waiting_max: int = WAITING_MAX) -> None:
        self._now = monotonic
        self._waiting_max = waiting_max
        self._turn = asyncio.Lock()
        self._mean_s = 0.0
        self.waiting = 0
        """How many jobs are here and not yet done."""

    async def run(self, job: Callable[[], _T], deadline: float) -> _T:
        """The job's result, once it was its turn.

        Raises Unavailable, at once, when too many wait or those before it would take until after the deadline;
        DeadlineExceeded when its turn came too late after all. Then the job did not run."""
        if self.waiting >= self._waiting_max:
            raise Unavailable(f"{self.waiting} requests wait here already; ask another replica")
        if self._now() + self.waiting * self._mean_s >= deadline:
            raise Unavailable("this cannot be done within the deadline; ask another replica, or give more time")
        self.waiting += 1
        try:
            async with self._turn:
                # Without this step back the loop would run all that arrived as one, and nobody would ever be waiting.
                await asyncio.sleep(0)
                began = self._now()
                if began >= deadline:
                    raise DeadlineExceeded("the deadline passed while this waited; expected its turn earlier")
                result = job()
                self._mean_s += _WEIGHT * (self._now() - began - self._mean_s)
                return result
        finally:
            self.waiting -= 1
