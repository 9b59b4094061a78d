"""The driver whose guests are containers of the local Docker engine, with its ports for hosts and for commands."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from vmhost.base.errors import CloudError, Conflict, NotFound, Unavailable
from vmhost.base.logs import get_logger
from vmhost.base.units import physical_cores
from vmhost.drivers.container import container_config
from vmhost.drivers.container.engine_events import EngineEventWatcher
from vmhost.drivers.container.engine_responses import Container
from vmhost.drivers.container.engine_session import open_session, sweep
from vmhost.drivers.container.event_handler import EventHandler
from vmhost.drivers.container.instances import ContainerInstances
from vmhost.drivers.container.netns import ContainerProcess
from vmhost.drivers.container.runtime import ContainerRuntime
from vmhost.drivers.context import DriverContext
from vmhost.drivers.guest_networks import GuestNetworks
from vmhost.drivers.logical_hosts import Capacity, split
from vmhost.drivers.scheduler_stats import core_seconds
from vmhost.model.guest import Capabilities
from vmhost.model.host import Host

_PIDS_USUAL = 32_768
_KILLED = 137
_CONSOLE_LINES, _CONSOLE_CHARACTERS = 4000, 64 * 1024
_POLL_FIRST_S, _POLL_LAST_S = 0.02, 0.25
_log = get_logger("driver")


class ContainerHosts:
    """Divides the engine's computer, or its part of it, into hosts."""

    def __init__(self, runtime: ContainerRuntime, context: DriverContext) -> None:
        self._runtime = runtime
        self._context = context

    async def prepare(self) -> tuple[Host, ...]:
        context = self._context
        hosts = split(self._capacity(), context.hosts, driver="container", part=context.part, parts=context.parts)
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


class ContainerShell:
    """Reads the engine's logs and runs commands with its exec calls."""

    def __init__(self, runtime: ContainerRuntime) -> None:
        self._runtime = runtime

    async def console(self, instance_id: str) -> str:
        container = await self._runtime.container(instance_id)
        return (await self._runtime.session.engine.logs(container.id, _CONSOLE_LINES))[-_CONSOLE_CHARACTERS:]

    async def execute(self, instance_id: str, command: Sequence[str], *, timeout_s: float) -> int:
        container = await self._runtime.container(instance_id)
        if not container.running:
            raise Conflict(f"instance {instance_id} is not running; start it to run a command in it")
        # Started in the background, so that the program can be killed even if the caller is cancelled meanwhile.
        started = asyncio.ensure_future(self._runtime.session.engine.execute(container.id, command))
        try:
            async with asyncio.timeout(timeout_s):
                return await self._exit_code(await asyncio.shield(started))
        except TimeoutError:
            return _KILLED
        finally:
            await self._runtime.finish(self._kill(container, started), instance_id)

    async def _exit_code(self, program: str) -> int:
        pause_s = _POLL_FIRST_S
        while True:
            _, code = await self._runtime.session.engine.executed(program)
            if code is not None:
                return code
            await asyncio.sleep(pause_s)
            pause_s = min(_POLL_LAST_S, pause_s * 1.5)

    async def _kill(self, container: Container, started: asyncio.Future[str]) -> None:
        """Kill the program, if it still runs."""
        session = self._runtime.session
        with contextlib.suppress(NotFound, Conflict):
            pid, code = await session.engine.executed(await started)
            if code is None and pid:
                await session.namespaces.end_session(ContainerProcess(pid=pid, container_id=container.id))


class ContainerDriver:
    """Runs guests as containers. `helper` forces or forbids the helper container; None uses it where needed."""

    name = "container"

    def __init__(
        self, context: DriverContext, *, environment: Mapping[str, str] | None = None, helper: bool | None = None
    ) -> None:
        self._context = context
        self._environment = os.environ if environment is None else environment
        self._helper = helper
        self._runtime = ContainerRuntime()
        self._handler = EventHandler(self._runtime)
        self._watcher: EngineEventWatcher | None = None
        self.hosts = ContainerHosts(self._runtime, context)
        self.instances = ContainerInstances(self._runtime)
        self.networks = GuestNetworks()
        self.shell = ContainerShell(self._runtime)

    async def open(self) -> None:
        runtime = self._runtime
        session = await open_session(self._context, self._environment, helper=self._helper)
        await runtime.open(session, self.networks.server)
        self._watcher = EngineEventWatcher(session.engine, self._handler.put)
        await self._watcher.open()
        await self.instances.find_addresses()
        await runtime.boot.adopt()
        runtime.tasks.spawn(self._handler.run, "handle engine events")
        runtime.tasks.spawn(runtime.health.run, "check health")
        runtime.tasks.spawn(runtime.adopt_again, "adopt guests")

    async def close(self, *, remove: bool) -> None:
        runtime = self._runtime
        if not runtime.is_open:
            if remove:
                # The error of `open` has already said that no engine answers.
                with contextlib.suppress(Unavailable):
                    await sweep(self._context, self._environment)
            return
        if self._watcher is not None:
            await self._watcher.close()
        session = await runtime.close()
        await self.networks.server.close()
        await session.close(remove=remove)

    def capabilities(self) -> Capabilities:
        return self._runtime.session.capabilities


def _pids_max(proc: Path = Path("/proc")) -> int:
    try:
        return int((proc / "sys/kernel/pid_max").read_text())
    except (OSError, ValueError):
        return _PIDS_USUAL
