"""When a slow attempt gets a second one beside it, and how many of those there may be. Pure.

Source: Dean and Barroso, "The Tail at Scale" (CACM 2013): the second copy leaves after the observed 95th percentile,
which bounds the extra load to about five per cent; a budget makes that a promise also when everything is slow.
"""

from __future__ import annotations

from server.frontend.latency import LatencyWindow
from vmhost.base.budget import Budget

QUANTILE = 0.95
SHARE = 0.05
DELAY_UNKNOWN_MS = 50.0
DELAY_MIN_MS = 1.0
_BURST = 10.0
_SAMPLES_MIN = 40
_RENEW_S = 0.25


class Hedging:
    """One shard's delay and budget. `now` is monotonic seconds."""

    __slots__ = ("_budget", "_delay_ms", "_renew_at", "_window", "p95_ms", "sent")

    def __init__(self, *, share: float = SHARE) -> None:
        self._window = LatencyWindow()
        self._budget = Budget(share=share, burst=_BURST if share else 0.0, start=1.0 if share else 0.0)
        self._renew_at = float("-inf")
        self._delay_ms = DELAY_UNKNOWN_MS
        self.p95_ms: float | None = None
        self.sent = 0
        """Hedges sent."""

    def answered(self, latency_ms: float, now: float) -> None:
        """An attempt ended, won or lost, after that time."""
        self._window.record(latency_ms, now)

    def delay_ms(self, now: float) -> float:
        """How long a first attempt may take before it is hedged; also tells the budget that one is being sent."""
        self._budget.earn()
        if now >= self._renew_at:
            self._renew_at = now + _RENEW_S
            (self.p95_ms,) = self._window.quantiles((QUANTILE,), now, samples_min=_SAMPLES_MIN)
            self._delay_ms = DELAY_UNKNOWN_MS if self.p95_ms is None else max(self.p95_ms, DELAY_MIN_MS)
        return self._delay_ms

    def allow(self) -> bool:
        """Whether a hedge may be sent now; if so it counts."""
        if not self._budget.spend():
            return False
        self.sent += 1
        return True
