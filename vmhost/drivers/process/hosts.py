"""The hosts of the process driver: sets of this computer's CPUs."""

from __future__ import annotations

from collections.abc import Mapping

from vmhost.base.cpus import physical_cores
from vmhost.drivers.logical_hosts import Capacity, split
from vmhost.drivers.process import machine_capacity
from vmhost.drivers.process.runtime import ProcessRuntime
from vmhost.drivers.scheduler_stats import core_seconds
from vmhost.model.guest import Capability
from vmhost.model.host import Host


class ProcessHosts:
    """Divides this computer into `count` hosts."""

    def __init__(self, runtime: ProcessRuntime, count: int) -> None:
        self._runtime = runtime
        self._count = count
        self._cores = machine_capacity.pinned(())

    async def prepare(self) -> tuple[Host, ...]:
        hosts = split(self._capacity(), self._count)
        await self.set_limits(hosts)
        return hosts

    def _capacity(self) -> Capacity:
        return Capacity(
            cpu_cores=float(machine_capacity.cores()),
            cores=physical_cores(machine_capacity.cpus()),
            weights_guests=self._runtime.isolation.weights_guests,
            memory_mib=machine_capacity.memory_mib(),
            pids=machine_capacity.pids(),
        )

    async def set_limits(self, hosts: tuple[Host, ...]) -> None:
        """Set the limits of these hosts."""
        self._cores = machine_capacity.pinned(hosts)
        await self._runtime.isolation.prepare(hosts)

    async def core_seconds(self) -> Mapping[int, float]:
        return core_seconds()

    def capability(self) -> Capability:
        """Return whether each host has CPUs of its own."""
        return self._cores
