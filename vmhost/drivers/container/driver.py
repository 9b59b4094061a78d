"""The driver whose guests are containers of the local engine."""

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
from vmhost.drivers.base import Capacity, DriverContext
from vmhost.drivers.container import labels, settings
from vmhost.drivers.container.boots import Boots
from vmhost.drivers.container.health import Health
from vmhost.drivers.container.namespaces import Place
from vmhost.drivers.container.reading import Container, listed_status, promised_addresses, read_stats, status
from vmhost.drivers.container.site import Site, open_site, sweep
from vmhost.drivers.container.watch import GAP, Happening, Watch
from vmhost.drivers.feed import Feed
from vmhost.drivers.process.table import family
from vmhost.drivers.scheduler import core_seconds, wait_seconds
from vmhost.drivers.tasks import Tasks
from vmhost.model.guest import (
    Booted,
    Capabilities,
    Death,
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
_HAPPENINGS_MAX = 1024
_PIDS_USUAL = 32_768
_log = get_logger("driver")


class ContainerDriver:
    """Guests as containers. `helper` forces or forbids the helper container; None: where it is needed."""

    name = "container"

    def __init__(
        self, context: DriverContext, *, environment: Mapping[str, str] | None = None, helper: bool | None = None
    ) -> None:
        self._context = context
        self._environment = os.environ if environment is None else environment
        self._helper = helper
        self._site_open: Site | None = None
        self._boots_open: Boots | None = None
        self._health_open: Health | None = None
        self._watch: Watch | None = None
        self._tasks = Tasks()
        self._feed = Feed()
        self._happenings: asyncio.Queue[Happening] = asyncio.Queue(_HAPPENINGS_MAX)
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        self._addresses: dict[str, IPv4Address] = {}
        self._last_address: IPv4Address | None = None
        self._closing = False

    @property
    def _site(self) -> Site:
        if self._site_open is None:
            raise Internal("the container driver is not open; open comes first")
        return self._site_open

    @property
    def _boots(self) -> Boots:
        if self._boots_open is None:
            raise Internal("the container driver is not open; open comes first")
        return self._boots_open

    @property
    def _health(self) -> Health:
        if self._health_open is None:
            raise Internal("the container driver is not open; open comes first")
        return self._health_open

    def _impaired_or_not(self, instance_id: str) -> None:
        self._feed.publish(GuestEvent(instance_id=instance_id, phase=GuestPhase.RUNNING))

    async def open(self) -> None:
        site = await open_site(self._context, self._environment, helper=self._helper)
        self._site_open, self._boots_open = site, Boots(site, self._context.metadata)
        self._health_open = Health(self._boots_open.places, site.namespaces, self._impaired_or_not)
        await self._tasks.open()
        self._watch = Watch(site.engine, self._tell)
        await self._watch.open()
        self._addresses = promised_addresses(await site.guests())
        await self._boots.adopt()
        self._tasks.spawn(self._attend(), name="attend to the engine's events")
        self._tasks.spawn(self._health_open.run(), name="guests' health")
        self._tasks.spawn(self._boots.adopt_again(self._lock, self._impaired_or_not), name="adopt guests")

    async def close(self, *, remove: bool) -> None:
        if self._site_open is None:
            if remove:
                # Whoever could not open it knows already that no engine answers.
                with contextlib.suppress(Unavailable):
                    await sweep(self._context, self._environment)
            return
        self._closing = True
        if self._watch is not None:
            await self._watch.close()
        self._feed.close()
        await self._tasks.close()
        await self._boots.close()
        site, self._site_open, self._boots_open = self._site, None, None
        await site.close(remove=remove)

    def capabilities(self) -> Capabilities:
        return self._site.capabilities

    async def capacity(self) -> Capacity:
        site = self._site
        return Capacity(
            cpu_cores=float(len(site.cpus)),
            memory_mib=site.info.memory_mib,
            pids=_pids_max(),
            architecture=site.info.architecture,
            cores=physical_cores(site.cpus),
            secures_guests=site.hosts.holds_all,
        )

    async def prepare_hosts(self, hosts: Sequence[Host]) -> None:
        self._site.cores.prepare(hosts)
        # Version 1 of control groups refuses a host a quota below a guest's, and a guest that is started one above
        # its host's.
        cores = {host.id: host.cpu_cores for host in hosts if host.shared}
        for container in await self._site.guests():
            if container.cpu_quota_cores > (most := cores.get(container.host_id, container.cpu_quota_cores)):
                await self._cut(container, most)
        await self._site.hosts.prepare(hosts)

    async def _cut(self, container: Container, cores: float) -> None:
        try:
            await self._site.engine.update(container.id, settings.ceiling(cores))
        except CloudError as error:
            _log.warning("guest_not_cut_to_its_host", id=container.instance_id, error=error.message)

    async def create(self, spec: GuestSpec) -> None:
        if spec.boot.image is None:
            raise InvalidInput(f"the image of {spec.instance_id} names no container image; expected one to boot")
        await self._finish(self._create(spec), spec.instance_id)

    async def _create(self, spec: GuestSpec) -> None:
        async with self._lock(spec.instance_id):
            await self._make(spec)

    async def _make(self, spec: GuestSpec) -> None:
        site = self._site
        if await site.guest(spec.instance_id) is not None:
            return
        address = self._promise_address(spec.instance_id)
        parent = site.hosts.parent(spec.host_id)
        program = spec.boot.command or await site.engine.program(spec.boot.image or "")
        config = settings.container_config(spec, site.setting, program=program, address=address, cgroup_parent=parent)
        try:
            made = await site.engine.create(settings.container_name(site.cloud, spec.instance_id), config)
        except CloudError:
            self._addresses.pop(spec.instance_id, None)
            raise
        with contextlib.suppress(NotFound, Conflict):
            await site.engine.disconnect_network(made, site.network.name)

    def _promise_address(self, instance_id: str) -> IPv4Address:
        taken = set(self._addresses.values())
        address = self._addresses.get(instance_id) or self._site.network.plan.next_free(taken, self._last_address)
        self._addresses[instance_id] = self._last_address = address
        return address

    async def start(self, instance_id: str) -> Booted:
        return await self._finish(self._start(instance_id), instance_id)

    async def _start(self, instance_id: str) -> Booted:
        async with self._lock(instance_id):
            return await self._boots.boot(await self._known(instance_id))

    async def stop(self, instance_id: str, *, grace_s: float) -> None:
        async with self._lock(instance_id):
            # A boot that is under way is over now; while this one waits for the guest's end, `remove` may come in.
            container = await self._site.guest(instance_id)
        if container is not None and container.running:
            with contextlib.suppress(NotFound, Conflict):
                await self._site.engine.stop(container.id, grace_s)
        await self._boots.forget(instance_id, removed=False)

    async def kill(self, instance_id: str) -> None:
        container = await self._site.guest(instance_id)
        if container is not None and container.running:
            with contextlib.suppress(NotFound, Conflict):
                await self._site.engine.kill(container.id)

    async def remove(self, instance_id: str) -> None:
        await self._finish(self._remove(instance_id), instance_id)

    async def _remove(self, instance_id: str) -> None:
        async with self._lock(instance_id):
            await self._boots.forget(instance_id, removed=True)
            container = await self._site.guest(instance_id)
            if container is not None:
                with contextlib.suppress(NotFound):
                    await self._site.engine.remove(container.id)
            self._addresses.pop(instance_id, None)

    async def inspect(self, instance_id: str) -> GuestStatus | None:
        container = await self._site.guest(instance_id)
        if container is None:
            return None
        found = status(container, self._site.network.name, frozen=self._health.is_frozen(container.id))
        return self._boots.with_adoption(found)

    async def list_guests(self) -> tuple[GuestStatus, ...]:
        name, health = self._site.network.name, self._health
        found = [listed_status(one, name, frozen=health.is_frozen(one.id)) for one in await self._site.listed()]
        return tuple(self._boots.with_adoption(one) for one in found)

    def events(self) -> AsyncIterator[GuestEvent]:
        return self._feed.listen()

    async def resize(self, instance_id: str, limits: Limits) -> None:
        container = await self._known(instance_id)
        await self._site.engine.update(container.id, settings.resources(limits, self._site.info.conversion))
        await self._boots.change_rate(container, limits.network_mbps)
        self._site.cores.check(await self._known(instance_id))

    async def stats(self, instance_id: str) -> GuestStats | None:
        try:
            found = await self._site.engine.stats(settings.container_name(self._site.cloud, instance_id))
        except (NotFound, Conflict):
            return None
        return read_stats(instance_id, found)

    async def cpu(self, instance_id: str) -> GuestCpu | None:
        container, stats = await self._site.guest(instance_id), await self.stats(instance_id)
        if container is None or not container.running or stats is None:
            return None
        pids = [row.pid for row in family((container.pid,))]
        return GuestCpu(used=stats.cpu_seconds, throttled=stats.throttled_seconds, waited=wait_seconds(pids))

    async def core_seconds(self) -> Mapping[int, float]:
        return core_seconds()

    async def console(self, instance_id: str) -> str:
        container = await self._known(instance_id)
        return (await self._site.engine.logs(container.id, _CONSOLE_LINES))[-_CONSOLE_CHARACTERS:]

    async def execute(self, instance_id: str, command: Sequence[str], *, timeout_s: float) -> int:
        container = await self._known(instance_id)
        if not container.running:
            raise Conflict(f"instance {instance_id} does not run; a command in it needs it running")
        # Begun in the background, so that a program whose caller was cancelled meanwhile is ended, not lost.
        begun = asyncio.ensure_future(self._site.engine.execute(container.id, command))
        try:
            async with asyncio.timeout(timeout_s):
                return await self._ended(await asyncio.shield(begun))
        except TimeoutError:
            return _KILLED
        finally:
            await self._finish(self._end_program(container, begun), instance_id)

    async def _ended(self, program: str) -> int:
        pause_s = _POLL_FIRST_S
        while True:
            _, code = await self._site.engine.executed(program)
            if code is not None:
                return code
            await asyncio.sleep(pause_s)
            pause_s = min(_POLL_LAST_S, pause_s * 1.5)

    async def _end_program(self, container: Container, begun: asyncio.Future[str]) -> None:
        with contextlib.suppress(NotFound, Conflict):
            pid, code = await self._site.engine.executed(await begun)
            if code is None and pid:
                await self._site.namespaces.end_session(Place(pid=pid, container_id=container.id))

    async def _known(self, instance_id: str) -> Container:
        container = await self._site.guest(instance_id)
        if container is None:
            raise NotFound(f"there is no guest {instance_id}; expected one that create made")
        return container

    def _lock(self, instance_id: str) -> asyncio.Lock:
        return self._locks.setdefault(instance_id, asyncio.Lock())

    async def _finish(self, work: Coroutine[Any, Any, T], instance_id: str) -> T:
        """The work's result; also finished when the caller is cancelled, for the engine finishes what it was told."""
        return await self._tasks.finish(work, name=instance_id)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        if self._closing:
            work.close()
        else:
            self._tasks.spawn(work, name=name)

    def _tell(self, happening: Happening) -> None:
        if self._happenings.full():
            while not self._happenings.empty():
                self._happenings.get_nowait()
            happening = GAP
        self._happenings.put_nowait(happening)

    async def _attend(self) -> None:
        while True:
            happening = await self._happenings.get()
            try:
                await self._attend_to(happening)
            except Exception as error:
                # Whatever one event brought, the next one may be a death that somebody waits to hear of.
                _log.warning("event_not_attended", action=happening.action, error=str(error) or repr(error))

    async def _attend_to(self, happening: Happening) -> None:
        if happening.action == "gap":
            await self._catch_up()
        elif happening.network_id:
            if happening.network_id == self._site.network.id:
                self._health.look(happening.container_id)
        elif happening.labels.get(labels.JOIN) == self._site.cloud:
            if happening.action == "start":
                await self._site.network.join(await self._site.engine.inspect(happening.container_id))
        elif happening.labels.get(labels.CLOUD) == self._site.cloud and labels.INSTANCE in happening.labels:
            await self._guest_happening(happening)

    async def _catch_up(self) -> None:
        for container in await self._site.engine.find(f"{labels.JOIN}={self._site.cloud}"):
            await self._site.network.join(container)
        self._feed.publish(GuestEvent(instance_id="", phase=GuestPhase.STOPPED))

    async def _guest_happening(self, happening: Happening) -> None:
        instance_id = happening.labels[labels.INSTANCE]
        if happening.action == "die":
            await self._died(instance_id, happening)
        elif happening.action == "start":
            self._spawn(self._started(instance_id), f"started {instance_id}")
        elif happening.action in ("pause", "unpause"):
            self._feed.publish(GuestEvent(instance_id=instance_id, phase=GuestPhase.RUNNING))

    async def _died(self, instance_id: str, happening: Happening) -> None:
        container = await self._site.guest(instance_id)
        death = Death(exit_code=happening.exit_code)
        if container is not None and not container.running:
            death = Death(exit_code=container.exit_code, oom=container.oom, detail=container.error)
        self._feed.publish(GuestEvent(instance_id=instance_id, phase=GuestPhase.STOPPED, death=death))
        self._spawn(self._after_death(instance_id), f"after death {instance_id}")

    async def _after_death(self, instance_id: str) -> None:
        """Nobody listens for it, and were it started by somebody else, it would start without a network."""
        with contextlib.suppress(CloudError):
            async with self._lock(instance_id):
                container = await self._site.guest(instance_id)
                if container is None or not container.running:
                    await self._boots.forget(instance_id, removed=container is None)
                if container is not None and not container.running:
                    await self._boots.unplug(container)

    async def _started(self, instance_id: str) -> None:
        """Whoever started the guest, its boot gets finished before the event is told."""
        with contextlib.suppress(CloudError):
            async with self._lock(instance_id):
                container = await self._site.guest(instance_id)
                if container is not None and container.running:
                    await self._boots.finish(container)
        self._feed.publish(GuestEvent(instance_id=instance_id, phase=GuestPhase.RUNNING))


def _pids_max(proc: Path = Path("/proc")) -> int:
    try:
        return int((proc / "sys/kernel/pid_max").read_text())
    except (OSError, ValueError):
        return _PIDS_USUAL
