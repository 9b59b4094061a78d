"""The boot of a guest: start the container, then set up rules, metadata, network and rate, in this order."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from vmhost.base.errors import CloudError, Conflict, NotFound, Unavailable
from vmhost.base.logs import get_logger
from vmhost.drivers.container import container_config
from vmhost.drivers.container.engine_responses import Container
from vmhost.drivers.container.engine_session import EngineSession
from vmhost.drivers.container.netns import ContainerProcess
from vmhost.metadata.metadata_server import InstanceMetadata
from vmhost.model.guest import Endpoint, GuestPhase, GuestStatus

_log = get_logger("driver")


class BootSequence:
    """Boots guests, and remembers for which boot of each guest rules and metadata are set up."""

    def __init__(self, session: EngineSession, metadata: InstanceMetadata) -> None:
        self._session = session
        self._metadata = metadata
        self._configured: dict[str, str] = {}
        self.running: dict[str, ContainerProcess] = {}
        """The guests that are known to run, by instance id."""
        self._mbps: dict[str, int] = {}
        self.not_adopted: dict[str, str] = {}
        """Running guests of an earlier run that have no rules or metadata of ours yet, and why."""

    async def boot(self, container: Container) -> Endpoint:
        """Start a stopped guest without a network and finish its boot, or finish the boot of a running one.

        Raises Conflict when the guest's program ended meanwhile."""
        if not container.running:
            await self.disconnect(container)
            await self._session.engine.start(container.id)
            container = await self._session.engine.inspect(container.id)
        return await self.finish(container)

    async def finish(self, container: Container) -> Endpoint:
        """Do what is missing of a running guest's boot, and return its endpoint.

        Raises Unavailable when the engine does not give it its address."""
        name = self._session.network.name
        try:
            attached = bool(container.addresses.get(name))
            fresh = self._configured.get(container.instance_id) != container.started_at
            if fresh or not attached:
                # Before it is on the network, and again after it was disconnected.
                await self._configure_network(container)
            if not attached:
                container = await self._connect(container)
            elif fresh:
                # The platform may have ended between connecting it and setting its rate.
                await self._session.namespaces.shape(_process_of(container), self._rate(container))
        except NotFound as error:
            raise await self._ended(container) from error
        if not container.running:
            raise await self._ended(container)
        return Endpoint(address=container.addresses[name])

    async def _configure_network(self, container: Container) -> None:
        rules = self._session.guest_network(self._rate(container))
        # Only one listener can have the port, so an earlier one is closed first.
        await self._metadata.detach(container.instance_id)
        listener = await self._session.namespaces.configure_network(_process_of(container), rules)
        await self._metadata.attach(container.instance_id, listener)
        self._configured[container.instance_id] = container.started_at
        self.running[container.instance_id] = _process_of(container)
        for one in self._session.checks:
            one.check(container)
        self.not_adopted.pop(container.instance_id, None)

    async def _connect(self, container: Container) -> Container:
        """Connect the container to the network and set its rate."""
        name, wanted = self._session.network.name, container.wanted_address
        refusal = ""
        try:
            try:
                await self._session.engine.connect_network(container.id, self._session.network.id, wanted)
            except Conflict as error:
                # It may be connected already.
                refusal = error.message
            connected = await self._session.engine.inspect(container.id)
            if connected.running and not connected.addresses.get(name):
                why = refusal or "the engine reports none"
                raise Unavailable(f"instance {container.instance_id} got no address on network {name}: {why}")
            await self._session.namespaces.shape(_process_of(connected), self._rate(connected))
        except BaseException:
            # It may be connected without a rate: the next try does everything again.
            self._configured.pop(container.instance_id, None)
            raise
        return connected

    async def _ended(self, container: Container) -> Conflict:
        with contextlib.suppress(NotFound):
            container = await self._session.engine.inspect(container.id)
        how = f"ended with exit code {container.exit_code} while it booted" if not container.running else "vanished"
        return Conflict(f"the program of {container.instance_id} {how}; see its console output")

    async def disconnect(self, container: Container) -> None:
        """Take a stopped guest off its networks, so that its next boot starts without one."""
        for name in container.addresses:
            with contextlib.suppress(NotFound, Conflict):
                await self._session.engine.disconnect_network(container.id, name)

    async def adopt(self) -> None:
        """Set up rules and metadata again for running guests of an earlier run."""
        for container in await self._session.guests():
            if container.running:
                await self.adopt_one(container)

    async def adopt_one(self, container: Container) -> None:
        """Adopt a running guest, or record in `not_adopted` why it failed, so that it is tried again."""
        try:
            await self.finish(container)
        except CloudError as error:
            if self.not_adopted.get(container.instance_id) != error.message:
                _log.warning("adoption_failed", id=container.instance_id, error=error.message)
            self.not_adopted[container.instance_id] = error.message

    async def adopt_if_running(self, instance_id: str) -> None:
        """Try again to adopt a guest, unless it has ended."""
        container = await self._session.guest(instance_id)
        if container is None or not container.running:
            await self.forget(instance_id, removed=container is None)
        else:
            await self.adopt_one(container)

    def with_adoption_state(self, status: GuestStatus) -> GuestStatus:
        """Return the guest's status, impaired if it could not be adopted."""
        why = self.not_adopted.get(status.instance_id)
        if why is None or status.impaired or status.phase is not GuestPhase.RUNNING:
            return status
        return replace(status, impaired=f"the restarted platform could not take it over: {why}")

    async def change_rate(self, container: Container, mbps: int) -> None:
        """Set the guest's rate, now if it runs, and for its later boots."""
        configured = self._configured.get(container.instance_id) == container.started_at
        held = configured and mbps == self._rate(container)
        self._mbps[container.instance_id] = mbps
        if container.running and not held:
            self._configured.pop(container.instance_id, None)
            await self._configure_network(container)
            await self._session.namespaces.shape(_process_of(container), mbps)

    async def forget(self, instance_id: str, *, removed: bool) -> None:
        """Forget a guest that has stopped, and close its metadata service."""
        self._configured.pop(instance_id, None)
        self.running.pop(instance_id, None)
        self.not_adopted.pop(instance_id, None)
        if removed:
            for one in self._session.checks:
                one.forget(instance_id)
            self._mbps.pop(instance_id, None)
        await self._metadata.detach(instance_id)

    def _rate(self, container: Container) -> int:
        return self._mbps.get(container.instance_id) or container_config.rate_of(container.labels)


def _process_of(container: Container) -> ContainerProcess:
    return ContainerProcess(pid=container.pid, container_id=container.id)
