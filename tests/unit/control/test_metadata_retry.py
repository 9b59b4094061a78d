"""An update of an instance's metadata that fails is repeated until it succeeds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from tests.fakes import ManualClock
from tests.unit.store.test_store import INSTANCE
from vmhost.base.errors import Unavailable
from vmhost.control.cloud import KINDS
from vmhost.control.instances.metadata_publisher import MetadataPublisher
from vmhost.control.instances.record import INSTANCES, InstanceState
from vmhost.control.resources import Resources
from vmhost.control.timeouts import Timeouts
from vmhost.drivers.fake.driver import FakeNetworks
from vmhost.metadata.instance_facts import InstanceFacts
from vmhost.store import Store

ONE, OTHER = "i-01", "i-02"
TIMEOUTS = Timeouts(measure_s=5.0, resync_s=60.0)


class UnreliableNetworks(FakeNetworks):
    """Refuses to update instances in `refused`, and never responds for those in `silent`."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: set[str] = set()
        self.silent: set[str] = set()
        self.tried: list[str] = []

    async def set_metadata(self, instance_id: str, facts: InstanceFacts) -> None:
        await self._try(instance_id)
        await super().set_metadata(instance_id, facts)

    async def drop_metadata(self, instance_id: str) -> None:
        await self._try(instance_id)
        await super().drop_metadata(instance_id)

    async def _try(self, instance_id: str) -> None:
        self.tried.append(instance_id)
        if instance_id in self.silent:
            await asyncio.Event().wait()
        if instance_id in self.refused:
            raise Unavailable("the guest does not respond")


class Published:
    """Two instances, whose metadata a publisher keeps up to date."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.networks = UnreliableNetworks()
        self.resources = Resources(Store(":memory:"), KINDS, self.clock)
        self.instances = self.resources.table(INSTANCES)
        self.publisher = MetadataPublisher(self.networks, self.instances, {}, timeouts=TIMEOUTS, clock=self.clock)

    async def change(self, instance_id: str, **fields: object) -> None:
        self.resources.commit([self.instances.changed(instance_id, **fields)])
        await settle()

    async def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await settle()

    def tags(self, instance_id: str) -> object:
        """Return the tags that the instance can read; None if it can read nothing."""
        facts = self.networks.facts.get(instance_id)
        return None if facts is None else facts.tags


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@asynccontextmanager
async def published() -> AsyncIterator[Published]:
    state = Published()
    state.resources.commit([replace(INSTANCE, id=each, tags={}) for each in (ONE, OTHER)])
    running = asyncio.create_task(state.publisher.run())
    await settle()
    state.networks.tried.clear()
    try:
        yield state
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_failed_update_is_repeated_after_the_interval() -> None:
    async with published() as state:
        state.networks.refused.add(ONE)
        await state.change(ONE, tags={"Name": "web"})
        await state.advance(TIMEOUTS.resync_s - 1)
        assert (state.networks.tried, state.tags(ONE)) == ([ONE], {})
        await state.advance(1)
        assert (state.networks.tried, state.tags(ONE)) == ([ONE, ONE], {})
        state.networks.refused.clear()
        await state.advance(TIMEOUTS.resync_s)
        assert (state.networks.tried, state.tags(ONE)) == ([ONE] * 3, {"Name": "web"})
        await state.advance(2 * TIMEOUTS.resync_s)
        assert state.networks.tried == [ONE] * 3


async def test_update_that_never_ends_is_given_up_and_repeated() -> None:
    async with published() as state:
        state.networks.silent.add(ONE)
        await state.change(ONE, tags={"Name": "web"})
        await state.change(OTHER, tags={"Name": "db"})
        assert state.tags(OTHER) == {}
        # The update of the silent instance may be tried again before the other's.
        await state.advance(TIMEOUTS.measure_s)
        await state.advance(TIMEOUTS.measure_s)
        assert (state.tags(ONE), state.tags(OTHER)) == ({}, {"Name": "db"})
        state.networks.silent.clear()
        await state.advance(TIMEOUTS.resync_s)
        assert state.tags(ONE) == {"Name": "web"}


async def test_next_change_repeats_a_failed_update_at_once() -> None:
    async with published() as state:
        state.networks.refused.add(ONE)
        await state.change(ONE, tags={"Name": "web"})
        state.networks.refused.clear()
        await state.change(OTHER, tags={"Name": "db"})
        assert (state.tags(ONE), state.tags(OTHER)) == ({"Name": "web"}, {"Name": "db"})


async def test_repeated_update_has_the_newest_state() -> None:
    async with published() as state:
        state.networks.refused.add(ONE)
        await state.change(ONE, tags={"Name": "web"})
        await state.change(ONE, state=InstanceState.TERMINATED)
        state.networks.refused.clear()
        await state.advance(TIMEOUTS.resync_s)
        assert state.tags(ONE) is None
