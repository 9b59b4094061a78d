"""A token bucket, which limits the requests and connections of an instance."""

from __future__ import annotations

from vmhost.base.clock import Clock


class TokenBucket:
    """Holds up to `burst` tokens and gains `rate_per_s` a second."""

    def __init__(self, clock: Clock, *, rate_per_s: float, burst: int) -> None:
        self._clock = clock
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = float(burst)
        self._filled_at = clock.monotonic()

    def take(self) -> bool:
        """Take a token; False if the bucket is empty."""
        self._fill()
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    async def wait(self) -> None:
        """Take a token as soon as there is one."""
        while not self.take():
            await self._clock.sleep((1 - self._tokens) / self._rate_per_s)

    def _fill(self) -> None:
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate_per_s)
        self._filled_at = now
