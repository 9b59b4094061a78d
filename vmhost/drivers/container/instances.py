"""The life of guests that are containers."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from ipaddress import IPv4Address

from vmhost.base.errors import CloudError, Conflict, InvalidInput, NotFound
from vmhost.drivers.container import container_config
from vmhost.drivers.container.engine_responses import read_stats, status
from vmhost.drivers.container.runtime import ContainerRuntime
from vmhost.drivers.processes import descendants
from vmhost.drivers.scheduler_stats import wait_seconds
from vmhost.model.guest import Endpoint, GuestCpu, GuestEvent, GuestSpec, GuestStats, GuestStatus
from vmhost.model.limits import Limits


class ContainerInstances:
    """Creates, boots, stops and removes containers."""

    def __init__(self, runtime: ContainerRuntime) -> None:
        self._runtime = runtime
        self._addresses: dict[str, IPv4Address] = {}
        self._last_address: IPv4Address | None = None

    async def find_addresses(self) -> None:
        """Read the addresses that are reserved for existing guests."""
        guests = await self._runtime.session.guests()
        self._addresses = {one.instance_id: IPv4Address(one.wanted_address) for one in guests if one.wanted_address}

    async def create(self, spec: GuestSpec) -> None:
        if spec.boot.image is None:
            raise InvalidInput(f"the image of {spec.instance_id} has no [image.boot.container] image; add one")
        await self._runtime.finish(self._create(spec), spec.instance_id)

    async def _create(self, spec: GuestSpec) -> None:
        async with self._runtime.lock(spec.instance_id):
            if await self._runtime.session.guest(spec.instance_id) is None:
                await self._make(spec)

    async def _make(self, spec: GuestSpec) -> None:
        session = self._runtime.session
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
        plan, taken = self._runtime.session.network.plan, set(self._addresses.values())
        address = self._addresses.get(instance_id) or plan.next_free(taken, self._last_address)
        self._addresses[instance_id] = self._last_address = address
        return address

    async def start(self, instance_id: str) -> Endpoint:
        return await self._runtime.finish(self._start(instance_id), instance_id)

    async def _start(self, instance_id: str) -> Endpoint:
        async with self._runtime.lock(instance_id):
            return await self._runtime.boot.boot(await self._runtime.container(instance_id))

    async def stop(self, instance_id: str, *, grace_s: float) -> None:
        session = self._runtime.session
        async with self._runtime.lock(instance_id):
            # This waits for a boot in progress. While the guest is stopping, the lock is free for `remove`.
            container = await session.guest(instance_id)
        if container is not None and container.running:
            with contextlib.suppress(NotFound, Conflict):
                await session.engine.stop(container.id, grace_s)
        await self._runtime.boot.forget(instance_id, removed=False)

    async def kill(self, instance_id: str) -> None:
        container = await self._runtime.session.guest(instance_id)
        if container is not None and container.running:
            with contextlib.suppress(NotFound, Conflict):
                await self._runtime.session.engine.kill(container.id)

    async def remove(self, instance_id: str) -> None:
        await self._runtime.finish(self._remove(instance_id), instance_id)

    async def _remove(self, instance_id: str) -> None:
        async with self._runtime.lock(instance_id):
            await self._runtime.boot.forget(instance_id, removed=True)
            container = await self._runtime.session.guest(instance_id)
            if container is not None:
                with contextlib.suppress(NotFound):
                    await self._runtime.session.engine.remove(container.id)
            self._addresses.pop(instance_id, None)

    async def inspect(self, instance_id: str) -> GuestStatus | None:
        runtime = self._runtime
        container = await runtime.session.guest(instance_id)
        if container is None:
            return None
        found = status(container, runtime.session.network.name, frozen=runtime.health.is_frozen(container.id))
        return runtime.boot.with_adoption_state(found)

    async def list(self) -> tuple[GuestStatus, ...]:
        session, health = self._runtime.session, self._runtime.health
        name = session.network.name
        found = [status(one, name, frozen=health.is_frozen(one.id)) for one in await session.listed()]
        return tuple(self._runtime.boot.with_adoption_state(one) for one in found)

    def events(self) -> AsyncIterator[GuestEvent]:
        return self._runtime.feed.listen()

    async def resize(self, instance_id: str, limits: Limits) -> None:
        session = self._runtime.session
        container = await self._runtime.container(instance_id)
        await session.engine.update(container.id, container_config.resources(limits, session.info.conversion))
        await self._runtime.boot.change_rate(container, limits.network_mbps)
        session.cores.check(await self._runtime.container(instance_id))

    async def stats(self, instance_id: str) -> GuestStats | None:
        session = self._runtime.session
        try:
            found = await session.engine.stats(container_config.container_name(session.cloud, instance_id))
        except (NotFound, Conflict):
            return None
        return read_stats(instance_id, found)

    async def cpu(self, instance_id: str) -> GuestCpu | None:
        container, stats = await self._runtime.session.guest(instance_id), await self.stats(instance_id)
        if container is None or not container.running or stats is None:
            return None
        pids = [process.pid for process in descendants((container.pid,))]
        return GuestCpu(used=stats.cpu_seconds, throttled=stats.throttled_seconds, waited=wait_seconds(pids))
