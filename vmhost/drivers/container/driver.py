"""The driver whose guests are containers of the local Docker engine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import weakref
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, TypeVar

from vmhost.base.cpus import physical_cores
from vmhost.base.errors import CloudError, Conflict, Internal, InvalidInput, NotFound, Unavailable
from vmhost.base.logs import get_logger
from vmhost.drivers.background_tasks import BackgroundTasks
from vmhost.drivers.base import Capacity, DriverContext
from vmhost.drivers.container import container_config, labels
from vmhost.drivers.container.boot import BootSequence
from vmhost.drivers.container.engine_events import GAP, EngineEvent, EngineEventWatcher
from vmhost.drivers.container.engine_responses import Container, listed_status, read_stats, reserved_addresses, status
from vmhost.drivers.container.engine_session import EngineSession, open_session, sweep
from vmhost.drivers.container.guest_health import GuestHealth
from vmhost.drivers.container.namespaces import ContainerProcess
from vmhost.drivers.event_feed import EventFeed
from vmhost.drivers.process.process_table import family
from vmhost.drivers.scheduler_stats import core_seconds, wait_seconds
from vmhost.model.guest import (
    Capabilities,
    Death,
    Endpoint,
    GuestCpu,
    GuestEvent,
    GuestPhase,
    GuestSpec,
    GuestStats,
    GuestStatus,
)
from vmhost.model.host import Host
from vmhost.model.limits import Limits

T = TypeVar("T")

_KILLED = 137
_CONSOLE_LINES, _CONSOLE_CHARACTERS = 4000, 64 * 1024
_POLL_FIRST_S, _POLL_LAST_S = 0.02, 0.25
_EVENTS_MAX = 1024
_PIDS_USUAL = 32_768
_log = get_logger("driver")


class ContainerDriver:
    """Runs guests as containers. `helper` forces or forbids the helper container; None uses it where needed."""

    name = "container"

    def __init__(
        self, context: DriverContext, *, environment: Mapping[str, str] | None = None, helper: bool | None = None
    ) -> None:
        self._context = context
        self._environment = os.environ if environment is None else environment
        self._helper = helper
        self._session_opened: EngineSession | None = None
        self._boot_opened: BootSequence | None = None
        self._health_opened: GuestHealth | None = None
        self._watch: EngineEventWatcher | None = None
        self._tasks = BackgroundTasks()
        self._feed = EventFeed()
        self._engine_events: asyncio.Queue[EngineEvent] = asyncio.Queue(_EVENTS_MAX)
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        self._addresses: dict[str, IPv4Address] = {}
        self._last_address: IPv4Address | None = None
        self._closing = False

    @property
    def _session(self) -> EngineSession:
        if self._session_opened is None:
            raise Internal("the container driver is not open; open comes first")
        return self._session_opened

    @property
    def _boot(self) -> BootSequence:
        if self._boot_opened is None:
            raise Internal("the container driver is not open; open comes first")
        return self._boot_opened

    @property
    def _health(self) -> GuestHealth:
        if self._health_opened is None:
            raise Internal("the container driver is not open; open comes first")
        return self._health_opened

    def _publish_running(self, instance_id: str) -> None:
        self._feed.publish(GuestEvent(instance_id=instance_id, phase=GuestPhase.RUNNING))

    async def open(self) -> None:
        session = await open_session(self._context, self._environment, helper=self._helper)
        self._session_opened, self._boot_opened = session, BootSequence(session, self._context.metadata)
        self._health_opened = GuestHealth(self._boot_opened.running, session.namespaces, self._publish_running)
        await self._tasks.open()
        self._watch = EngineEventWatcher(session.engine, self._on_event)
        await self._watch.open()
        self._addresses = reserved_addresses(await session.guests())
        await self._boot.adopt()
        self._tasks.spawn(self._handle_events(), name="handle engine events")
        self._tasks.spawn(self._health_opened.run(), name="check health")
        self._tasks.spawn(self._boot.adopt_again(self._lock, self._publish_running), name="adopt guests")

    async def close(self, *, remove: bool) -> None:
        if self._session_opened is None:
            if remove:
                # The error of `open` has already said that no engine answers.
                with contextlib.suppress(Unavailable):
                    await sweep(self._context, self._environment)
            return
        self._closing = True
        if self._watch is not None:
            await self._watch.close()
        self._feed.close()
        await self._tasks.close()
        await self._boot.close()
        session, self._session_opened, self._boot_opened = self._session, None, None
        await session.close(remove=remove)

    def capabilities(self) -> Capabilities:
        return self._session.capabilities

    async def capacity(self) -> Capacity:
        session = self._session
        return Capacity(
            cpu_cores=float(len(session.cpus)),
            memory_mib=session.info.memory_mib,
            pids=_pids_max(),
            architecture=session.info.architecture,
            cores=physical_cores(session.cpus),
            weights_guests=session.hosts.holds_all,
        )

    async def prepare_hosts(self, hosts: Sequence[Host]) -> None:
        self._session.cores.prepare(hosts)
        # Control groups version 1 refuse a quota for a host that is below a guest's, and starting a guest whose quota
        # is above its host's.
        cores = {host.id: host.cpu_cores for host in hosts if host.shared}
        for container in await self._session.guests():
            if container.cpu_quota_cores > (most := cores.get(container.host_id, container.cpu_quota_cores)):
                await self._reduce_quota(container, most)
        await self._session.hosts.prepare(hosts)

    async def _reduce_quota(self, container: Container, cores: float) -> None:
        try:
            await self._session.engine.update(container.id, container_config.ceiling(cores))
        except CloudError as error:
            _log.warning("guest_limit_not_reduced", id=container.instance_id, error=error.message)

    async def create(self, spec: GuestSpec) -> None:
        if spec.boot.image is None:
            raise InvalidInput(f"the image of {spec.instance_id} has no [image.boot.container] image; add one")
        await self._finish(self._create(spec), spec.instance_id)

    async def _create(self, spec: GuestSpec) -> None:
        async with self._lock(spec.instance_id):
            await self._make(spec)

    async def _make(self, spec: GuestSpec) -> None:
        session = self._session
        if await session.guest(spec.instance_id) is not None:
            return
        address = self._reserve_address(spec.instance_id)
        parent = session.hosts.parent(spec.host_id)
        program = spec.boot.command or await session.engine.program(spec.boot.image or "")
        config = container_config.container_config(
            spec, session.setting, program=program, address=address, cgroup_parent=parent
        )
        try:
            made = await session.engine.create(container_config.container_name(session.cloud, spec.instance_id), config)
        except CloudError:
            self._addresses.pop(spec.instance_id, None)
            raise
        with contextlib.suppress(NotFound, Conflict):
            await session.engine.disconnect_network(made, session.network.name)

    def _reserve_address(self, instance_id: str) -> IPv4Address:
        taken = set(self._addresses.values())
        address = self._addresses.get(instance_id) or self._session.network.plan.next_free(taken, self._last_address)
        self._addresses[instance_id] = self._last_address = address
        return address

    async def start(self, instance_id: str) -> Endpoint:
        return await self._finish(self._start(instance_id), instance_id)

    async def _start(self, instance_id: str) -> Endpoint:
        async with self._lock(instance_id):
            return await self._boot.boot(await self._known(instance_id))

    async def stop(self, instance_id: str, *, grace_s: float) -> None:
        async with self._lock(instance_id):
            # This waits for a boot in progress. While the guest is stopping, the lock is free for `remove`.
            container = await self._session.guest(instance_id)
        if container is not None and container.running:
            with contextlib.suppress(NotFound, Conflict):
                await self._session.engine.stop(container.id, grace_s)
        await self._boot.forget(instance_id, removed=False)

    async def kill(self, instance_id: str) -> None:
        container = await self._session.guest(instance_id)
        if container is not None and container.running:
            with contextlib.suppress(NotFound, Conflict):
                await self._session.engine.kill(container.id)

    async def remove(self, instance_id: str) -> None:
        await self._finish(self._remove(instance_id), instance_id)

    async def _remove(self, instance_id: str) -> None:
        async with self._lock(instance_id):
            await self._boot.forget(instance_id, removed=True)
            container = await self._session.guest(instance_id)
            if container is not None:
                with contextlib.suppress(NotFound):
                    await self._session.engine.remove(container.id)
            self._addresses.pop(instance_id, None)

    async def inspect(self, instance_id: str) -> GuestStatus | None:
        container = await self._session.guest(instance_id)
        if container is None:
            return None
        found = status(container, self._session.network.name, frozen=self._health.is_frozen(container.id))
        return self._boot.with_adoption_state(found)

    async def list_guests(self) -> tuple[GuestStatus, ...]:
        name, health = self._session.network.name, self._health
        found = [listed_status(one, name, frozen=health.is_frozen(one.id)) for one in await self._session.listed()]
        return tuple(self._boot.with_adoption_state(one) for one in found)

    def events(self) -> AsyncIterator[GuestEvent]:
        return self._feed.listen()

    async def resize(self, instance_id: str, limits: Limits) -> None:
        container = await self._known(instance_id)
        await self._session.engine.update(
            container.id, container_config.resources(limits, self._session.info.conversion)
        )
        await self._boot.change_rate(container, limits.network_mbps)
        self._session.cores.check(await self._known(instance_id))

    async def stats(self, instance_id: str) -> GuestStats | None:
        try:
            found = await self._session.engine.stats(container_config.container_name(self._session.cloud, instance_id))
        except (NotFound, Conflict):
            return None
        return read_stats(instance_id, found)

    async def cpu(self, instance_id: str) -> GuestCpu | None:
        container, stats = await self._session.guest(instance_id), await self.stats(instance_id)
        if container is None or not container.running or stats is None:
            return None
        pids = [row.pid for row in family((container.pid,))]
        return GuestCpu(used=stats.cpu_seconds, throttled=stats.throttled_seconds, waited=wait_seconds(pids))

    async def core_seconds(self) -> Mapping[int, float]:
        return core_seconds()

    async def console(self, instance_id: str) -> str:
        container = await self._known(instance_id)
        return (await self._session.engine.logs(container.id, _CONSOLE_LINES))[-_CONSOLE_CHARACTERS:]

    async def execute(self, instance_id: str, command: Sequence[str], *, timeout_s: float) -> int:
        container = await self._known(instance_id)
        if not container.running:
            raise Conflict(f"instance {instance_id} is not running; start it to run a command in it")
        # Started in the background, so that the program can be killed even if the caller is cancelled meanwhile.
        started = asyncio.ensure_future(self._session.engine.execute(container.id, command))
        try:
            async with asyncio.timeout(timeout_s):
                return await self._exit_code(await asyncio.shield(started))
        except TimeoutError:
            return _KILLED
        finally:
            await self._finish(self._end_program(container, started), instance_id)

    async def _exit_code(self, program: str) -> int:
        pause_s = _POLL_FIRST_S
        while True:
            _, code = await self._session.engine.executed(program)
            if code is not None:
                return code
            await asyncio.sleep(pause_s)
            pause_s = min(_POLL_LAST_S, pause_s * 1.5)

    async def _end_program(self, container: Container, started: asyncio.Future[str]) -> None:
        with contextlib.suppress(NotFound, Conflict):
            pid, code = await self._session.engine.executed(await started)
            if code is None and pid:
                await self._session.namespaces.end_session(ContainerProcess(pid=pid, container_id=container.id))

    async def _known(self, instance_id: str) -> Container:
        container = await self._session.guest(instance_id)
        if container is None:
            raise NotFound(f"instance {instance_id} has no container")
        return container

    def _lock(self, instance_id: str) -> asyncio.Lock:
        return self._locks.setdefault(instance_id, asyncio.Lock())

    async def _finish(self, work: Coroutine[Any, Any, T], instance_id: str) -> T:
        """Return the work's result. The work goes on if the caller is cancelled, as it does in the engine."""
        return await self._tasks.finish(work, name=instance_id)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        if self._closing:
            work.close()
        else:
            self._tasks.spawn(work, name=name)

    def _on_event(self, event: EngineEvent) -> None:
        if self._engine_events.full():
            while not self._engine_events.empty():
                self._engine_events.get_nowait()
            event = GAP
        self._engine_events.put_nowait(event)

    async def _handle_events(self) -> None:
        while True:
            event = await self._engine_events.get()
            try:
                await self._handle_event(event)
            except Exception as error:
                # A failure with one event must not keep the next one, perhaps a death, from being published.
                _log.warning("engine_event_failed", action=event.action, error=str(error) or repr(error))

    async def _handle_event(self, event: EngineEvent) -> None:
        if event.action == "gap":
            await self._catch_up()
        elif event.network_id:
            if event.network_id == self._session.network.id:
                self._health.look(event.container_id)
        elif event.labels.get(labels.JOIN) == self._session.cloud:
            if event.action == "start":
                await self._session.network.join(await self._session.engine.inspect(event.container_id))
        elif event.labels.get(labels.CLOUD) == self._session.cloud and labels.INSTANCE in event.labels:
            await self._handle_guest_event(event)

    async def _catch_up(self) -> None:
        for container in await self._session.engine.find(f"{labels.JOIN}={self._session.cloud}"):
            await self._session.network.join(container)
        self._feed.publish(GuestEvent(instance_id="", phase=GuestPhase.STOPPED))

    async def _handle_guest_event(self, event: EngineEvent) -> None:
        instance_id = event.labels[labels.INSTANCE]
        if event.action == "die":
            await self._died(instance_id, event)
        elif event.action == "start":
            self._spawn(self._started(instance_id), f"started {instance_id}")
        elif event.action in ("pause", "unpause"):
            self._feed.publish(GuestEvent(instance_id=instance_id, phase=GuestPhase.RUNNING))

    async def _died(self, instance_id: str, event: EngineEvent) -> None:
        container = await self._session.guest(instance_id)
        death = Death(exit_code=event.exit_code)
        if container is not None and not container.running:
            death = Death(exit_code=container.exit_code, oom=container.oom, detail=container.error)
        self._feed.publish(GuestEvent(instance_id=instance_id, phase=GuestPhase.STOPPED, death=death))
        self._spawn(self._after_death(instance_id), f"after death {instance_id}")

    async def _after_death(self, instance_id: str) -> None:
        """Close a dead guest's metadata service and disconnect it, so that its next boot starts without a network."""
        with contextlib.suppress(CloudError):
            async with self._lock(instance_id):
                container = await self._session.guest(instance_id)
                if container is None or not container.running:
                    await self._boot.forget(instance_id, removed=container is None)
                if container is not None and not container.running:
                    await self._boot.disconnect(container)

    async def _started(self, instance_id: str) -> None:
        """Finish the boot of a guest, also of one that someone else started, before the event is published."""
        with contextlib.suppress(CloudError):
            async with self._lock(instance_id):
                container = await self._session.guest(instance_id)
                if container is not None and container.running:
                    await self._boot.finish(container)
        self._feed.publish(GuestEvent(instance_id=instance_id, phase=GuestPhase.RUNNING))


def _pids_max(proc: Path = Path("/proc")) -> int:
    try:
        return int((proc / "sys/kernel/pid_max").read_text())
    except (OSError, ValueError):
        return _PIDS_USUAL
