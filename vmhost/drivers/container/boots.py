"""From a made container to a guest that can be reached: start, rules, metadata, network, rate, in this order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace

from vmhost.base.errors import CloudError, Conflict, NotFound, Unavailable
from vmhost.base.logs import get_logger
from vmhost.drivers.base import MetadataServer
from vmhost.drivers.container import settings
from vmhost.drivers.container.namespaces import Place
from vmhost.drivers.container.reading import Container
from vmhost.drivers.container.site import Site
from vmhost.model.guest import Booted, GuestPhase, GuestStatus

_log = get_logger("driver")
_ADOPT_FIRST_S, _ADOPT_LAST_S = 0.5, 15.0


class Boots:
    """Knows which boot of each guest has its rules and metadata; forgets nothing that it cannot lay again."""

    def __init__(self, site: Site, metadata: MetadataServer) -> None:
        self._site = site
        self._metadata = metadata
        self._furnished: dict[str, str] = {}
        self._places: dict[str, Place] = {}
        self._mbps: dict[str, int] = {}
        self.unadopted: dict[str, str] = {}
        """Running guests of an earlier run without rules or metadata of ours, and why."""

    def places(self) -> Mapping[str, Place]:
        """The guests that run as far as is known here, by instance id."""
        return self._places

    async def boot(self, container: Container) -> Booted:
        """Starts a stopped guest without a network and finishes its boot; a running one's boot is finished only.

        Raises Conflict when the guest's program ended meanwhile."""
        if not container.running:
            await self.unplug(container)
            await self._site.engine.start(container.id)
            container = await self._site.engine.inspect(container.id)
        return await self.finish(container)

    async def finish(self, container: Container) -> Booted:
        """Does what is missing of a running guest's boot and tells where it is.

        Raises Unavailable when the engine does not give it its address."""
        name = self._site.network.name
        try:
            attached = bool(container.addresses.get(name))
            fresh = self._furnished.get(container.instance_id) != container.started_at
            if fresh or not attached:
                # Before it is on the network; also again where it has lost its place there.
                await self._furnish(container)
            if not attached:
                container = await self._plug(container)
            elif fresh:
                # Whoever plugged it may have ended before it was held to its rate.
                await self._site.namespaces.shape(_place(container), self._rate(container))
        except NotFound as error:
            raise await self._ended(container) from error
        if not container.running:
            raise await self._ended(container)
        return Booted(address=container.addresses[name])

    async def _furnish(self, container: Container) -> None:
        rules = self._site.guest_network(self._rate(container))
        # One listener fits; an earlier one goes first.
        await self._metadata.detach(container.instance_id)
        listener = await self._site.namespaces.furnish(_place(container), rules)
        await self._metadata.attach(container.instance_id, listener)
        self._furnished[container.instance_id] = container.started_at
        self._places[container.instance_id] = _place(container)
        self._site.cores.check(container)
        self._site.users.check(container)
        self._site.output.check(container)
        self.unadopted.pop(container.instance_id, None)

    async def _plug(self, container: Container) -> Container:
        """The container with its address on the network, held to its rate."""
        name, wanted = self._site.network.name, container.wanted_address
        refusal = ""
        try:
            try:
                await self._site.engine.connect_network(container.id, self._site.network.id, wanted)
            except Conflict as error:
                # One that is attached already is fine.
                refusal = error.message
            plugged = await self._site.engine.inspect(container.id)
            if plugged.running and not plugged.addresses.get(name):
                why = refusal or "it tells none"
                raise Unavailable(f"the engine gave {container.instance_id} no address on network {name}: {why}")
            await self._site.namespaces.shape(_place(plugged), self._rate(plugged))
        except BaseException:
            # Attached and not held to its rate: the next try does it all again.
            self._furnished.pop(container.instance_id, None)
            raise
        return plugged

    async def _ended(self, container: Container) -> Conflict:
        with contextlib.suppress(NotFound):
            container = await self._site.engine.inspect(container.id)
        said = f"ended with exit code {container.exit_code} while it booted" if not container.running else "vanished"
        return Conflict(f"the program of {container.instance_id} {said}; expected it to keep running")

    async def unplug(self, container: Container) -> None:
        """Takes a stopped guest off its networks, so that its next boot begins without."""
        for name in container.addresses:
            with contextlib.suppress(NotFound, Conflict):
                await self._site.engine.disconnect_network(container.id, name)

    async def adopt(self) -> None:
        """Gives the running guests of an earlier run their rules and metadata again; those had ended with it."""
        for container in await self._site.guests():
            if container.running:
                await self.adopt_one(container)

    async def adopt_one(self, container: Container) -> None:
        """Adopts a running guest, or keeps in `unadopted` why not, so that it is tried again."""
        try:
            await self.finish(container)
        except CloudError as error:
            if self.unadopted.get(container.instance_id) != error.message:
                _log.warning("adoption_failed", id=container.instance_id, error=error.message)
            self.unadopted[container.instance_id] = error.message

    async def adopt_again(self, lock: Callable[[str], asyncio.Lock], tell: Callable[[str], None]) -> None:
        """Tries again what could not be adopted, such as a guest whose own program holds its metadata ports.

        `tell` is called with the id of each that is adopted now."""
        pause_s = _ADOPT_FIRST_S
        while unadopted := tuple(self.unadopted):
            await asyncio.sleep(pause_s)
            pause_s = min(_ADOPT_LAST_S, pause_s * 2)
            for instance_id in unadopted:
                with contextlib.suppress(CloudError):
                    async with lock(instance_id):
                        await self._adopt_if_it_runs(instance_id)
                if instance_id not in self.unadopted:
                    tell(instance_id)

    async def _adopt_if_it_runs(self, instance_id: str) -> None:
        container = await self._site.guest(instance_id)
        if container is None or not container.running:
            await self.forget(instance_id, removed=container is None)
        else:
            await self.adopt_one(container)

    def with_adoption(self, status: GuestStatus) -> GuestStatus:
        """The guest's status, impaired while it could not be adopted."""
        why = self.unadopted.get(status.instance_id)
        if why is None or status.impaired or status.phase is not GuestPhase.RUNNING:
            return status
        return replace(status, impaired=f"the platform could not take it over again: {why}")

    async def change_rate(self, container: Container, mbps: int) -> None:
        """Holds the guest to another rate, now if it runs and at its later boots."""
        furnished = self._furnished.get(container.instance_id) == container.started_at
        held = furnished and mbps == self._rate(container)
        self._mbps[container.instance_id] = mbps
        if container.running and not held:
            self._furnished.pop(container.instance_id, None)
            await self._furnish(container)
            await self._site.namespaces.shape(_place(container), mbps)

    async def forget(self, instance_id: str, *, removed: bool) -> None:
        """The guest runs no more: nobody listens for its metadata."""
        self._furnished.pop(instance_id, None)
        self._places.pop(instance_id, None)
        self.unadopted.pop(instance_id, None)
        if removed:
            self._site.cores.forget(instance_id)
            self._site.users.forget(instance_id)
            self._site.output.forget(instance_id)
            self._mbps.pop(instance_id, None)
        await self._metadata.detach(instance_id)

    async def close(self) -> None:
        async with asyncio.TaskGroup() as group:
            for instance_id in self._furnished:
                group.create_task(self._metadata.detach(instance_id))

    def _rate(self, container: Container) -> int:
        return self._mbps.get(container.instance_id) or settings.rate_of(container.labels)


def _place(container: Container) -> Place:
    return Place(pid=container.pid, container_id=container.id)
