"""A cloud on fake guests that outlive it, so that tests can kill the control plane and start another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from vmhost.base.clock import Clock, SystemClock
from vmhost.catalogue.type_catalogue import load_types
from vmhost.control.cloud import Cloud, CloudSettings
from vmhost.control.fleets.record import Fleet
from vmhost.control.fleets.service import FleetRequest
from vmhost.control.instances.launcher import LaunchRequest
from vmhost.control.instances.record import Instance, InstanceState
from vmhost.control.templates.service import TemplateRequest
from vmhost.control.timeouts import Backoff, Timeouts
from vmhost.drivers.fake import FakeDriver, FakeSettings, FakeWorld
from vmhost.model.image import Boot, Image
from vmhost.store import Store

IMAGE = "ami-0fa4e0000"
_IMAGES = (
    Image(
        id=IMAGE,
        name="nothing",
        description="boots in make-believe",
        architecture="x86_64",
        root_gib=1,
        created="2026-01-01T00:00:00Z",
        boots={"fake": Boot()},
    ),
)
QUICK = Timeouts(
    measure_s=1.0,
    create_s=1.0,
    start_s=1.0,
    remove_s=1.0,
    stop_grace_s=0.2,
    stop_s=1.0,
    retry=Backoff(first_s=0.005, most_s=0.05),
    fleet=Backoff(first_s=0.02, most_s=0.1),
    early_death_s=0.0,
    unhealthy_s=0.1,
    resync_s=0.05,
    stats_s=0.02,
)


@dataclass(slots=True, kw_only=True)
class World:
    """What outlives a control plane: its store's file and the guests."""

    path: Path
    engine: FakeWorld = field(default_factory=FakeWorld)
    settings: FakeSettings = field(default_factory=FakeSettings)
    cloud_settings: CloudSettings = field(default_factory=CloudSettings)
    timeouts: Timeouts = QUICK
    clock: Clock = field(default_factory=SystemClock)
    driver: FakeDriver = field(init=False)

    def cloud(self, *, adopt: bool = False) -> Cloud:
        """Return a new control plane that is not open."""
        self.driver = FakeDriver(self.settings, self.engine)
        return Cloud(
            driver=self.driver,
            store=Store(self.path),
            types=load_types(),
            images=_IMAGES,
            settings=self.cloud_settings,
            clock=self.clock,
            timeouts=self.timeouts,
            adopt=adopt,
        )

    @asynccontextmanager
    async def up(self, *, remove: bool = True, adopt: bool = False) -> AsyncIterator[Cloud]:
        """Run a control plane while the context lasts."""
        cloud = self.cloud(adopt=adopt)
        try:
            await cloud.open()
            yield cloud
        finally:
            await cloud.close(remove=remove)

    def running(self) -> set[str]:
        """Return the ids of the running guests."""
        return {key for key, guest in self.engine.guests.items() if guest.running}


async def until(holds: Callable[[], bool], *, within_s: float = 3.0) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.002)


def states(cloud: Cloud) -> list[str]:
    """Return the states of all instances, sorted."""
    return sorted(one.state.value for one in cloud.instances.all())


def in_state(cloud: Cloud, instance_id: str, state: InstanceState) -> Callable[[], bool]:
    """Return a condition: the instance is in the state."""
    return lambda: cloud.instances.get(instance_id).state is state


async def launch(cloud: Cloud, **wishes: object) -> Instance:
    """Launch one t3.nano and wait until it runs."""
    (one,) = cloud.instances.run(LaunchRequest(image_id=IMAGE, type_name="t3.nano", **wishes))  # type: ignore[arg-type]
    await until(in_state(cloud, one.id, InstanceState.RUNNING))
    return cloud.instances.get(one.id)


async def make_fleet(cloud: Cloud, target: int, **wishes: object) -> Fleet:
    """Create a fleet of t3.nano, without waiting for its instances."""
    if not cloud.templates.all():
        cloud.templates.create(
            TemplateRequest(name="nano", image_id=IMAGE, type_name="t3.nano", instance_tags={"role": "leaf"})
        )
    return cloud.fleets.create(FleetRequest(template="nano", target=target, **wishes))  # type: ignore[arg-type]


def fleet_runs(cloud: Cloud, fleet: Fleet, count: int) -> Callable[[], bool]:
    """Return a condition: the fleet has exactly `count` instances and all run."""
    return lambda: [one.state for one in cloud.fleets.members(fleet.id)] == [InstanceState.RUNNING] * count
