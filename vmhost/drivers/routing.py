"""The driver of a cloud with several drivers: each call goes to the driver of the guest's host.

The name of a host has its driver's name, such as "process-a"; within the driver it stays "host-a". Which driver has a
guest is remembered at `create` and learned from the drivers' lists, of which `open` reads the first. So nothing can be
lost: a guest that no list had and that was not created since does not exist.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from vmhost.base.background_tasks import BackgroundTasks
from vmhost.base.errors import CloudError, InvalidInput, NotFound
from vmhost.drivers.event_feed import EventFeed
from vmhost.drivers.ports import Driver
from vmhost.metadata.instance_facts import InstanceFacts
from vmhost.model.guest import (
    Capabilities,
    Capability,
    Endpoint,
    GuestCpu,
    GuestEvent,
    GuestSpec,
    GuestStats,
    GuestStatus,
)
from vmhost.model.host import Host
from vmhost.model.limits import Limits

T = TypeVar("T")
_LOCAL = "host-"
"""The start of a host's name within its driver."""


class Routes:
    """The drivers, and which of them has each guest."""

    def __init__(self, drivers: Sequence[Driver]) -> None:
        self.drivers = tuple(drivers)
        self._by_guest: dict[str, Driver] = {}

    def find(self, instance_id: str) -> Driver | None:
        """Return the driver that has the guest; None if it does not exist."""
        return self._by_guest.get(instance_id)

    def get(self, instance_id: str) -> Driver:
        """Return the driver that has the guest. Raises NotFound."""
        if (driver := self.find(instance_id)) is None:
            raise NotFound(f"guest {instance_id} does not exist")
        return driver

    def candidates(self, instance_id: str) -> tuple[Driver, ...]:
        """Return the driver that has the guest; every driver if it is unknown which one may have something of it."""
        driver = self.find(instance_id)
        return self.drivers if driver is None else (driver,)

    def remember(self, instance_id: str, driver: Driver) -> None:
        """Send calls about the guest to this driver from now on."""
        self._by_guest[instance_id] = driver

    def forget(self, instance_id: str) -> None:
        """Forget a guest that was removed."""
        self._by_guest.pop(instance_id, None)

    def host(self, host_id: str) -> tuple[Driver, str]:
        """Return the driver of the host and its name there. Raises InvalidInput if no driver has such a host."""
        name, _, letters = host_id.partition("-")
        for driver in self.drivers:
            if driver.name == name:
                return driver, _LOCAL + letters
        names = ", ".join(driver.name for driver in self.drivers)
        raise InvalidInput(f"host {host_id} belongs to no driver of this cloud; there are {names}")


class RoutingHosts:
    """The hosts of all drivers."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes

    async def prepare(self) -> tuple[Host, ...]:
        hosts: list[Host] = []
        for driver in self._routes.drivers:
            for host in await driver.hosts.prepare():
                hosts.append(replace(host, id=f"{driver.name}-{host.id.removeprefix(_LOCAL)}"))
        return tuple(hosts)

    async def core_seconds(self) -> Mapping[int, float]:
        # The drivers divide the same computer; one that does not know its CPUs returns nothing.
        cores: dict[int, float] = {}
        for driver in self._routes.drivers:
            cores |= await driver.hosts.core_seconds()
        return cores


class RoutingInstances:
    """The guests of all drivers."""

    def __init__(self, routes: Routes, feed: EventFeed) -> None:
        self._routes = routes
        self._feed = feed

    async def create(self, spec: GuestSpec) -> None:
        driver, local_host = self._routes.host(spec.host_id)
        self._routes.remember(spec.instance_id, driver)
        await driver.instances.create(replace(spec, host_id=local_host))

    async def start(self, instance_id: str) -> Endpoint:
        return await self._routes.get(instance_id).instances.start(instance_id)

    async def stop(self, instance_id: str, *, grace_s: float) -> None:
        if driver := self._routes.find(instance_id):
            await driver.instances.stop(instance_id, grace_s=grace_s)

    async def kill(self, instance_id: str) -> None:
        if driver := self._routes.find(instance_id):
            await driver.instances.kill(instance_id)

    async def remove(self, instance_id: str) -> None:
        # A create that was interrupted by a crash may have left something that no list shows.
        for driver in self._routes.candidates(instance_id):
            await driver.instances.remove(instance_id)
        self._routes.forget(instance_id)

    async def inspect(self, instance_id: str) -> GuestStatus | None:
        driver = self._routes.find(instance_id)
        return None if driver is None else await driver.instances.inspect(instance_id)

    async def list(self) -> tuple[GuestStatus, ...]:
        guests: list[GuestStatus] = []
        for driver in self._routes.drivers:
            for guest in await driver.instances.list():
                self._routes.remember(guest.instance_id, driver)
                guests.append(replace(guest, driver=driver.name))
        return tuple(guests)

    def events(self) -> AsyncIterator[GuestEvent]:
        return self._feed.listen()

    async def resize(self, instance_id: str, limits: Limits) -> None:
        await self._routes.get(instance_id).instances.resize(instance_id, limits)

    async def stats(self, instance_id: str) -> GuestStats | None:
        driver = self._routes.find(instance_id)
        return None if driver is None else await driver.instances.stats(instance_id)

    async def cpu(self, instance_id: str) -> GuestCpu | None:
        driver = self._routes.find(instance_id)
        return None if driver is None else await driver.instances.cpu(instance_id)


class RoutingNetworks:
    """The metadata of all guests. A driver serves it only to guests that it has."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes

    async def set_metadata(self, instance_id: str, facts: InstanceFacts) -> None:
        for driver in self._routes.candidates(instance_id):
            await driver.networks.set_metadata(instance_id, facts)

    async def drop_metadata(self, instance_id: str) -> None:
        # Every driver got the metadata of a guest that did not exist yet.
        for driver in self._routes.drivers:
            await driver.networks.drop_metadata(instance_id)


class RoutingShell:
    """Output of all guests, and commands inside them."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes

    async def console(self, instance_id: str) -> str:
        return await self._routes.get(instance_id).shell.console(instance_id)

    async def execute(self, instance_id: str, command: Sequence[str], *, timeout_s: float) -> int:
        return await self._routes.get(instance_id).shell.execute(instance_id, command, timeout_s=timeout_s)


class RoutingDriver:
    """Several drivers as one. Their names must differ; an image that several can boot is for the first of them."""

    def __init__(self, drivers: Sequence[Driver], *, restart_after_s: float = 1.0) -> None:
        """`restart_after_s`: when the events of a driver are followed again after an error."""
        self.name = ",".join(driver.name for driver in drivers)
        self._drivers = tuple(drivers)
        self._feed = EventFeed()
        self._tasks = BackgroundTasks(restart_after_s=restart_after_s)
        routes = Routes(drivers)
        self.hosts = RoutingHosts(routes)
        self.instances = RoutingInstances(routes, self._feed)
        self.networks = RoutingNetworks(routes)
        self.shell = RoutingShell(routes)

    async def open(self) -> None:
        for driver in self._drivers:
            await driver.open()
        await self._tasks.open()
        for driver in self._drivers:
            self._tasks.spawn(partial(self._forward, driver), f"events of {driver.name}", restart=True)
        # Follow the events before listing the guests, so that nothing is missed in between.
        await asyncio.sleep(0)
        await self.instances.list()

    async def _forward(self, driver: Driver) -> None:
        try:
            async for event in driver.instances.events():
                self._feed.publish(event)
        except CloudError:
            self._feed.publish_gap()
            raise

    async def close(self, *, remove: bool) -> None:
        """Close every driver, also if one fails; then raise its error."""
        await self._tasks.close()
        self._feed.close()
        await _for_all([partial(driver.close, remove=remove) for driver in self._drivers])

    def capabilities(self) -> Capabilities:
        return joined([driver.capabilities() for driver in self._drivers])


async def _for_all(calls: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """Make all the calls at the same time and wait for all of them; then raise the first error."""
    ended = await asyncio.gather(*(call() for call in calls), return_exceptions=True)
    for error in ended:
        if error is not None:
            raise error


def joined(parts: Sequence[Capabilities]) -> Capabilities:
    """Return what is true of all drivers together: a limit is enforced only if every one of them enforces it. Pure."""
    names = dict.fromkeys(item.name for part in parts for item in part.items)
    not_kept = "; ".join(f"{part.driver}: {part.not_kept}" for part in parts if part.not_kept)
    return Capabilities(
        driver=",".join(part.driver for part in parts),
        stands_for="; ".join(part.stands_for for part in parts),
        one="; ".join(part.one for part in parts),
        items=tuple(_joined_item(name, parts) for name in names),
        addresses_reachable=all(part.addresses_reachable for part in parts),
        not_kept=not_kept,
        notes=_network_notes(parts),
        parts=tuple(parts),
    )


def _joined_item(name: str, parts: Sequence[Capabilities]) -> Capability:
    items = [part.of(name) for part in parts]
    if len({(item.enforced, item.why) for item in items}) == 1:
        return items[0]
    return Capability(
        name=name,
        enforced=all(item.enforced for item in items),
        why="; ".join(f"{part.driver}: {_words(part.driver, item)}" for part, item in zip(parts, items, strict=True)),
    )


def _words(driver: str, item: Capability) -> str:
    if item.enforced:
        return f"enforced ({item.why})" if item.why else "enforced"
    return item.why.removeprefix(f"the {driver} driver ")


def _network_notes(parts: Sequence[Capabilities]) -> tuple[str, ...]:
    """Name the instances that cannot reach those of another driver."""
    return tuple(
        f"{one.driver} instances cannot reach {other.driver} instances, which are on {other.network}"
        for one in parts
        for other in parts
        if one is not other and not (one.shares_host_network and other.addresses_reachable)
    )
