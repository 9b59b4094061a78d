"""The resource usage of running instances, measured only on request."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from vmhost.api.views import CpuView, GuestCpuView, StatsView, UseView
from vmhost.base.clock import Clock
from vmhost.base.errors import CloudError
from vmhost.control.deadline import deadline
from vmhost.control.instances.record import Instance, InstanceState
from vmhost.control.resources import Table
from vmhost.drivers.ports import Driver
from vmhost.model.guest import GuestCpu, GuestStats

T = TypeVar("T")

_AT_ONCE = 16
_MIN_BETWEEN_S = 0.05


class UsageMeter:
    """Reads the driver's counters and computes rates from two readings."""

    def __init__(self, driver: Driver, instances: Table[Instance], clock: Clock, *, timeout_s: float) -> None:
        self._driver = driver
        self._instances = instances
        self._clock = clock
        self._timeout_s = timeout_s
        self._before: dict[str, tuple[float, GuestStats]] = {}

    async def read(self) -> StatsView:
        """Return the usage of the running instances, without those that do not answer in time."""
        ids = tuple(self._running())
        found = await self._measure(ids, self._driver.instances.stats)
        uses = {instance_id: self._rates(at, stats) for instance_id, (at, stats) in found.items()}
        self._before = {key: value for key, value in self._before.items() if key in uses}
        return StatsView(at=self._clock.now(), instances=tuple(uses[key] for key in ids if key in uses))

    async def cpu(self) -> CpuView:
        """Return the CPU counters of the running instances and of the cores, without those that do not answer."""
        hosts = self._running()
        at = self._clock.monotonic()
        async with deadline(self._clock, self._timeout_s, "reading the counters of the cores"):
            cores = await self._driver.hosts.core_seconds()
        found = await self._measure(tuple(hosts), self._driver.instances.cpu)
        return CpuView(
            at=at,
            cores={str(core): seconds for core, seconds in cores.items()},
            instances=tuple(_cpu_view(each, hosts[each], *found[each]) for each in hosts if each in found),
        )

    def _running(self) -> dict[str, str]:
        """Return the running instances with their hosts."""
        return {each.id: each.host_id for each in self._instances if each.api_state is InstanceState.RUNNING}

    async def _measure(
        self, ids: Sequence[str], read: Callable[[str], Awaitable[T | None]]
    ) -> dict[str, tuple[float, T]]:
        """Return what could be measured of each instance, and when (monotonic)."""
        limit = asyncio.Semaphore(_AT_ONCE)
        found: dict[str, tuple[float, T]] = {}

        async def one(instance_id: str) -> None:
            async with limit:
                with contextlib.suppress(CloudError):
                    async with deadline(self._clock, self._timeout_s, f"measuring {instance_id}"):
                        measured = await read(instance_id)
                    if measured is not None:
                        found[instance_id] = (self._clock.monotonic(), measured)

        async with asyncio.TaskGroup() as group:
            for instance_id in ids:
                group.create_task(one(instance_id))
        return found

    def _rates(self, now: float, stats: GuestStats) -> UseView:
        before = self._before.get(stats.instance_id)
        if before is None or now - before[0] >= _MIN_BETWEEN_S:
            self._before[stats.instance_id] = (now, stats)
        return use(stats, before[1] if before else None, now - before[0] if before else 0.0)


def _cpu_view(instance_id: str, host: str, at: float, cpu: GuestCpu) -> GuestCpuView:
    return GuestCpuView(id=instance_id, host=host, at=at, used=cpu.used, throttled=cpu.throttled, waited=cpu.waited)


def use(now: GuestStats, before: GuestStats | None, seconds: float) -> UseView:
    """Return rates from two readings that are `seconds` apart; None without an earlier reading. Pure.

    A counter that went back belongs to a restarted guest and gives no rate."""
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
