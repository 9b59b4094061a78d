"""The driver whose guests are records."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from vmhost.base.errors import Conflict
from vmhost.drivers.context import DriverContext
from vmhost.drivers.fake.instances import FakeInstances
from vmhost.drivers.fake.world import FakeSettings, FakeWorld
from vmhost.drivers.logical_hosts import Capacity, split
from vmhost.metadata.instance_facts import InstanceFacts
from vmhost.model.guest import Capabilities, Capability
from vmhost.model.host import Host

_PIDS = 4_194_304


class FakeHosts:
    """Any number of hosts, without limits."""

    def __init__(self, settings: FakeSettings, world: FakeWorld, driver: str) -> None:
        self._settings = settings
        self._world = world
        self._driver = driver

    async def prepare(self) -> tuple[Host, ...]:
        self._world.check_up()
        settings = self._settings
        capacity = Capacity(
            cpu_cores=settings.cpu_cores, memory_mib=settings.memory_mib, pids=_PIDS, weights_guests=True
        )
        return split(capacity, settings.hosts, driver=self._driver, most=max(1, settings.hosts))

    async def core_seconds(self) -> Mapping[int, float]:
        return self._world.core_seconds


class FakeNetworks:
    """Keeps guests' metadata without serving it."""

    def __init__(self) -> None:
        self.facts: dict[str, InstanceFacts] = {}

    async def set_metadata(self, instance_id: str, facts: InstanceFacts) -> None:
        self.facts[instance_id] = facts

    async def drop_metadata(self, instance_id: str) -> None:
        self.facts.pop(instance_id, None)


class FakeShell:
    """Records commands instead of running them."""

    def __init__(self, settings: FakeSettings, world: FakeWorld) -> None:
        self._settings = settings
        self._world = world

    async def console(self, instance_id: str) -> str:
        guest = self._world.guest(instance_id)
        return f"boot {guest.boots} of {instance_id}\n" if guest.boots else ""

    async def execute(self, instance_id: str, command: Sequence[str], *, timeout_s: float) -> int:
        guest = self._world.guest(instance_id)
        if not guest.running:
            raise Conflict(f"instance {instance_id} is not running; start it to run a command in it")
        guest.commands.append(tuple(command))
        guest.inside += 1
        try:
            async with asyncio.timeout(min(self._settings.execute_s, timeout_s)):
                await guest.ended.wait()
            return 137
        except TimeoutError:
            return 0 if self._settings.execute_s <= timeout_s else 137
        finally:
            guest.inside -= 1


class FakeDriver:
    """Implements all ports without running anything."""

    def __init__(
        self, settings: FakeSettings | None = None, world: FakeWorld | None = None, *, name: str = "fake"
    ) -> None:
        """`name`: another name, beside another fake driver."""
        self.name = name
        self.settings = settings or FakeSettings()
        self.world = world or FakeWorld()
        self.hosts = FakeHosts(self.settings, self.world, name)
        self.instances = FakeInstances(self.settings, self.world)
        self.networks = FakeNetworks()
        self.shell = FakeShell(self.settings, self.world)

    async def open(self) -> None:
        self.world.check_up()

    async def close(self, *, remove: bool) -> None:
        if remove:
            for instance_id in tuple(self.world.guests):
                await self.instances.remove(instance_id)
        self.instances.close()

    def capabilities(self) -> Capabilities:
        why = "the fake driver runs nothing"
        names = ("crash", "cpu", "memory", "pids", "disk", "network", "host", "cores")
        return Capabilities(
            driver=self.name,
            stands_for="records: nothing runs",
            one="record, no kernel",
            network="no network",
            items=tuple(Capability(name=name, enforced=False, why=why) for name in names),
        )


def make_driver(context: DriverContext) -> FakeDriver:
    """Return a fake driver with a world of its own."""
    return FakeDriver(FakeSettings(hosts=context.hosts))
