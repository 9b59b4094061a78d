"""What the running instances use now, measured only while someone wants to know."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from vmhost.api.views import StatsView, UseView
from vmhost.base.clock import Clock
from vmhost.base.errors import CloudError
from vmhost.drivers.base import Driver
from vmhost.model.guest import GuestStats

_AT_ONCE = 16
_MIN_BETWEEN_S = 0.05


class Meter:
    """Reads the driver's counters and turns two readings into rates."""

    def __init__(self, driver: Driver, clock: Clock, *, timeout_s: float) -> None:
        self._driver = driver
        self._clock = clock
        self._timeout_s = timeout_s
        self._before: dict[str, tuple[float, GuestStats]] = {}

    async def read(self, ids: Sequence[str]) -> StatsView:
        """The use of these instances; one that does not answer in time or does not run is left out."""
        limit = asyncio.Semaphore(_AT_ONCE)
        found: dict[str, UseView] = {}

        async def one(instance_id: str) -> None:
            async with limit:
                view = await self._one(instance_id)
            if view is not None:
                found[instance_id] = view

        async with asyncio.TaskGroup() as group:
            for instance_id in ids:
                group.create_task(one(instance_id))
        self._before = {key: value for key, value in self._before.items() if key in found}
        return StatsView(at=self._clock.now(), instances=tuple(found[key] for key in ids if key in found))

    async def _one(self, instance_id: str) -> UseView | None:
        try:
            async with asyncio.timeout(self._timeout_s):
                stats = await self._driver.stats(instance_id)
        except (CloudError, TimeoutError):
            return None
        if stats is None:
            return None
        now, before = self._clock.monotonic(), self._before.get(instance_id)
        if before is None or now - before[0] >= _MIN_BETWEEN_S:
            self._before[instance_id] = (now, stats)
        return use(stats, before[1] if before else None, now - before[0] if before else 0.0)


def use(now: GuestStats, before: GuestStats | None, seconds: float) -> UseView:
    """Rates from two readings so many seconds apart; None where there is no earlier one. Pure.

    A counter that went back belongs to a new life of the guest and gives no rate."""
    cores = throttled = None
    if before is not None and seconds >= _MIN_BETWEEN_S and now.cpu_seconds >= before.cpu_seconds:
        cores = round((now.cpu_seconds - before.cpu_seconds) / seconds, 4)
        if now.throttled_seconds is not None and before.throttled_seconds is not None:
            held = max(0.0, now.throttled_seconds - before.throttled_seconds)
            throttled = round(min(100.0, held / seconds * 100), 1)
    return UseView(
        id=now.instance_id,
        cpu_cores=cores,
        memory_mib=round(now.memory_mib, 1),
        pids=now.pids,
        throttled_percent=throttled,
    )
