from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from vmhost.base.errors import InvalidInput, NotFound, Unavailable
from vmhost.drivers.fake import FakeDriver, FakeInstances, FakeSettings, FakeWorld
from vmhost.drivers.routing import RoutingDriver, joined
from vmhost.model.guest import Capabilities, Capability, GuestEvent, GuestSpec
from vmhost.model.image import Boot
from vmhost.model.limits import Limits

LIMITS = Limits(
    cpu_guaranteed_cores=0.1, cpu_quota_cores=1, cpu_weight=50, memory_mib=64, pids=64, disk_gib=1, network_mbps=10
)
ISOLATED = Capabilities(
    driver="box",
    stands_for="boxes",
    items=(Capability(name="cpu", enforced=True, why="by the kernel"),),
    network="a lan",
)
OPEN = Capabilities(
    driver="field", stands_for="fields", not_kept="it ends", network="a meadow", shares_host_network=True,
    items=(Capability(name="cpu", enforced=False, why="not limited"), Capability(name="crash", enforced=True)),
)  # fmt: skip


class Two:
    """Two worlds with three and two hosts, and drivers on them."""

    def __init__(self) -> None:
        self.first, self.second = FakeWorld(), FakeWorld()

    def drivers(self) -> tuple[FakeDriver, FakeDriver]:
        return (
            FakeDriver(FakeSettings(hosts=3), self.first, name="first"),
            FakeDriver(FakeSettings(hosts=2), self.second, name="second"),
        )

    def driver(self) -> RoutingDriver:
        return RoutingDriver(self.drivers())


def spec(instance_id: str, host_id: str) -> GuestSpec:
    return GuestSpec(instance_id=instance_id, host_id=host_id, boot=Boot(), limits=LIMITS)


async def test_hosts_of_all_drivers_have_different_names() -> None:
    hosts = await Two().driver().hosts.prepare()
    assert [host.id for host in hosts] == ["first-a", "first-b", "first-c", "second-a", "second-b"]
    assert [host.driver for host in hosts] == ["first"] * 3 + ["second"] * 2


async def test_guest_goes_to_the_driver_of_its_host() -> None:
    two = Two()
    driver = two.driver()
    await driver.instances.create(spec("i-1", "first-c"))
    await driver.instances.create(spec("i-2", "second-a"))
    assert {key: guest.spec.host_id for key, guest in two.first.guests.items()} == {"i-1": "host-c"}
    assert {key: guest.spec.host_id for key, guest in two.second.guests.items()} == {"i-2": "host-a"}
    with pytest.raises(InvalidInput, match="host third-a belongs to no driver of this cloud; there are first, second"):
        await driver.instances.create(spec("i-3", "third-a"))


async def test_guests_are_found_again_after_a_restart() -> None:
    two = Two()
    before = two.driver()
    await before.instances.create(spec("i-1", "first-a"))
    await before.instances.create(spec("i-2", "second-a"))
    after = two.driver()
    await after.open()
    await after.instances.start("i-2")
    assert two.second.guests["i-2"].running
    assert [(guest.instance_id, guest.driver) for guest in await after.instances.list()] == [
        ("i-1", "first"),
        ("i-2", "second"),
    ]
    await after.close(remove=False)


async def test_unknown_guest_is_removed_from_every_driver() -> None:
    """A crash in the middle of a create may leave something with any of them."""
    two = Two()
    driver = two.driver()
    await two.drivers()[1].instances.create(spec("i-1", "host-a"))
    await driver.instances.remove("i-1")
    assert not two.second.guests


async def test_removed_guest_is_unknown() -> None:
    driver = Two().driver()
    await driver.instances.create(spec("i-1", "first-a"))
    await driver.instances.remove("i-1")
    assert await driver.instances.inspect("i-1") is None
    with pytest.raises(NotFound, match="i-1"):
        await driver.instances.start("i-1")


async def test_driver_that_is_down_does_not_stop_the_other() -> None:
    two = Two()
    driver = two.driver()
    two.second.down = True
    assert await driver.instances.inspect("i-1") is None
    await driver.instances.create(spec("i-1", "first-a"))
    await driver.instances.start("i-1")
    assert two.first.guests["i-1"].running


async def test_all_drivers_are_closed_if_one_fails() -> None:
    two = Two()
    first, second = two.drivers()
    driver = RoutingDriver([first, second])
    await driver.open()
    await driver.instances.create(spec("i-1", "first-a"))
    await driver.instances.create(spec("i-2", "second-a"))
    two.first.down = True
    with pytest.raises(Unavailable):
        await driver.close(remove=True)
    assert list(two.first.guests) == ["i-1"]
    assert not two.second.guests


async def test_open_fails_if_one_driver_does() -> None:
    two = Two()
    driver = two.driver()
    two.second.down = True
    with pytest.raises(Unavailable):
        await driver.open()
    await driver.close(remove=False)


async def test_events_of_all_drivers_arrive() -> None:
    driver = Two().driver()
    await driver.open()
    events = driver.instances.events()
    for instance_id, host in (("i-1", "first-a"), ("i-2", "second-a")):
        await driver.instances.create(spec(instance_id, host))
        await driver.instances.start(instance_id)
        assert (await anext(events)).instance_id == instance_id
    await driver.close(remove=True)


def test_limit_is_enforced_only_if_every_driver_enforces_it() -> None:
    both = joined([ISOLATED, OPEN])
    assert (both.driver, both.stands_for) == ("box,field", "boxes; fields")
    assert both.of("cpu") == Capability(
        name="cpu", enforced=False, why="box: enforced (by the kernel); field: not limited"
    )
    assert not both.of("crash").enforced
    assert both.by_driver == {"box": ISOLATED, "field": OPEN}
    assert both.not_kept == "field: it ends"
    assert joined([OPEN, OPEN]).items == OPEN.items


def test_instances_that_cannot_reach_each_other_are_named() -> None:
    assert joined([ISOLATED, OPEN]).notes == ("box instances cannot reach field instances, which are on a meadow",)
    hidden = replace(ISOLATED, addresses_reachable=False)
    assert "field instances cannot reach box instances, which are on a lan" in joined([hidden, OPEN]).notes


class _Breaking(FakeInstances):
    """Loses its events once."""

    broken = False

    async def events(self) -> AsyncIterator[GuestEvent]:
        if not self.broken:
            self.broken = True
            await asyncio.sleep(0)
            raise Unavailable("the engine went away")
        async for event in super().events():
            yield event


async def test_lost_events_are_a_gap_and_then_go_on() -> None:
    two = Two()
    first, second = two.drivers()
    first.instances = _Breaking(FakeSettings(), two.first)
    driver = RoutingDriver([first, second], restart_after_s=0)
    events = driver.instances.events()
    await driver.open()
    assert (await anext(events)).instance_id == ""
    await driver.instances.create(spec("i-1", "first-a"))
    async with asyncio.timeout(5):
        while not first.instances.broken or not first.instances._feed._queues:
            await asyncio.sleep(0)
    await driver.instances.start("i-1")
    assert (await anext(events)).instance_id == "i-1"
    await driver.close(remove=True)
