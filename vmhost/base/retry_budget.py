"""Limits extra attempts to a share of the ordinary ones, so that a service in trouble does not get twice the load."""

from __future__ import annotations


class RetryBudget:
    """Allows `share` extra attempts per request. Unused ones are saved up to `burst`; it starts with `start`."""

    __slots__ = ("_burst", "_share", "_tokens")

    def __init__(self, *, share: float, burst: float, start: float = 1.0) -> None:
        self._share = share
        self._burst = burst
        self._tokens = start

    def earn(self) -> None:
        """Record that a first attempt was sent."""
        tokens = self._tokens + self._share
        self._tokens = tokens if tokens < self._burst else self._burst

    def spend(self) -> bool:
        """Take one extra attempt from the budget; False if none is left."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
