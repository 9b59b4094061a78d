"""A budget of extra attempts, a share of the ordinary ones: a service in trouble must not get twice the load."""

from __future__ import annotations


class Budget:
    """At most `share` extra per request, saved up to `burst`; it starts with `start`."""

    __slots__ = ("_burst", "_share", "_tokens")

    def __init__(self, *, share: float, burst: float, start: float = 1.0) -> None:
        self._share = share
        self._burst = burst
        self._tokens = start

    def earn(self) -> None:
        """A first attempt was sent."""
        tokens = self._tokens + self._share
        self._tokens = tokens if tokens < self._burst else self._burst

    def spend(self) -> bool:
        """Whether one extra attempt may be sent now; if so it is paid."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
