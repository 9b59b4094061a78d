"""Hedging: when a slow request is sent a second time, and how often at most.

The policy of Dean and Barroso, "The Tail at Scale" (CACM 56:2, 2013): a second request after the time in which most
responses come, within a budget.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from client.load.engine.precise_timer import Timer, best_timer
from client.load.histogram import Histogram
from client.load.plan.model import Hedge
from client.load.schedule import NS_PER_S
from vmhost.base.retry_budget import RetryBudget

_SAVED_MAX = 10.0
"""The most hedges that can be saved up for a bad moment."""
_QUANTUM_NS = 100_000


class Hedgeable(Protocol):
    """A request that can be sent twice; `over` once it has ended."""

    over: bool


class Hedging:
    """Calls `send` for each request that has no response after the delay, as far as the budget goes.

    Without a fixed delay it is a percentile of the service times of the last second or two; until there are enough of
    them, nothing is hedged."""

    def __init__(
        self,
        hedge: Hedge,
        *,
        send: Callable[[Hedgeable], None],
        timer: Callable[[Callable[[], None]], Timer] = best_timer,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._send = send
        self._make_timer = timer
        self._timer: Timer | None = None
        self._now_ns = clock_ns
        self._percentile = hedge.after_percentile
        self._fixed = hedge.after_ms is not None
        self._delay_ns: int | None = None if hedge.after_ms is None else round(hedge.after_ms * 1e6)
        self._budget = RetryBudget(share=hedge.budget, burst=_SAVED_MAX)
        self._pending: deque[tuple[int, Hedgeable]] = deque()
        self._answers, self._before = Histogram(), Histogram()
        self._learn_at_ns = 0

    def start(self) -> None:
        """Start the timer, which needs a running event loop."""
        self._timer = self._make_timer(self._on_timer)

    def close(self) -> None:
        """Send no further hedge."""
        if self._timer is not None:
            self._timer.close()
        self._pending.clear()

    def sent(self, request: Hedgeable, now_ns: int) -> None:
        """Note that a request was sent for the first time."""
        self._budget.earn()
        if self._delay_ns is None:
            return
        self._pending.append((now_ns, request))
        if len(self._pending) == 1:
            self._wake(now_ns)

    def answered(self, service_us: int) -> None:
        """Note the service time of a good response."""
        if not self._fixed:
            self._answers.record(service_us)
            if self._now_ns() >= self._learn_at_ns:
                self._learn()

    def _learn(self) -> None:
        self._learn_at_ns = self._now_ns() + NS_PER_S
        recent = self._before
        recent.add(self._answers)
        value_us = recent.percentile_us(self._percentile)
        self._delay_ns = None if value_us is None else value_us * 1000
        self._before, self._answers = self._answers, Histogram()

    def _wake(self, now_ns: int) -> None:
        if self._timer is None:
            return
        if not self._pending or self._delay_ns is None:
            self._timer.unset()
        else:
            self._timer.set(max(self._pending[0][0] + self._delay_ns, now_ns + _QUANTUM_NS))

    def _on_timer(self) -> None:
        now_ns = self._now_ns()
        while self._pending and self._delay_ns is not None:
            sent_ns, request = self._pending[0]
            if not request.over and sent_ns + self._delay_ns > now_ns:
                break
            self._pending.popleft()
            if not request.over and self._budget.spend():
                self._send(request)
        self._wake(now_ns)
