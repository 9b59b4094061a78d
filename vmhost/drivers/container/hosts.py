"""The hosts of the container driver: sets of the CPUs that the engine gives to containers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vmhost.base.cpus import physical_cores
from vmhost.base.errors import CloudError
from vmhost.base.logs import get_logger
from vmhost.drivers.container import container_config
from vmhost.drivers.container.engine_responses import Container
from vmhost.drivers.container.runtime import ContainerRuntime
from vmhost.drivers.logical_hosts import Capacity, split
from vmhost.drivers.scheduler_stats import core_seconds
from vmhost.model.host import Host

_PIDS_USUAL = 32_768
_log = get_logger("driver")


class ContainerHosts:
    """Divides the engine's computer into `count` hosts."""

    def __init__(self, runtime: ContainerRuntime, count: int) -> None:
        self._runtime = runtime
        self._count = count

    async def prepare(self) -> tuple[Host, ...]:
        hosts = split(self._capacity(), self._count)
        await self.set_limits(hosts)
        return hosts

    def _capacity(self) -> Capacity:
        session = self._runtime.session
        return Capacity(
            cpu_cores=float(len(session.cpus)),
            memory_mib=session.info.memory_mib,
            pids=_pids_max(),
            cores=physical_cores(session.cpus),
            weights_guests=session.hosts.holds_all,
        )

    async def set_limits(self, hosts: tuple[Host, ...]) -> None:
        """Set the limits of these hosts."""
        session = self._runtime.session
        session.cores.prepare(hosts)
        # Control groups version 1 refuse a quota for a host that is below a guest's, and starting a guest whose quota
        # is above its host's.
        cores = {host.id: host.cpu_cores for host in hosts if host.shared}
        for container in await session.guests():
            if container.cpu_quota_cores > (most := cores.get(container.host_id, container.cpu_quota_cores)):
                await self._reduce_quota(container, most)
        await session.hosts.prepare(hosts)

    async def _reduce_quota(self, container: Container, cores: float) -> None:
        try:
            await self._runtime.session.engine.update(container.id, container_config.ceiling(cores))
        except CloudError as error:
            _log.warning("guest_limit_not_reduced", id=container.instance_id, error=error.message)

    async def core_seconds(self) -> Mapping[int, float]:
        return core_seconds()


def _pids_max(proc: Path = Path("/proc")) -> int:
    try:
        return int((proc / "sys/kernel/pid_max").read_text())
    except (OSError, ValueError):
        return _PIDS_USUAL
