"""Instances that run and cannot answer, what they printed after they are gone, and a disk that is full."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from fake_cloud import QUICK, World, fleet_runs, in_state, launch, make_fleet, until

from tests.fakes import ManualClock
from vmhost.base.errors import Conflict, Unavailable
from vmhost.control.cloud import Cloud
from vmhost.control.instances.console import ConsoleArchive
from vmhost.control.instances.record import InstanceState
from vmhost.ec2.actions.instance_details import instance_status, system_status
from vmhost.model.guest import Death


async def test_unresponsive_guest_is_impaired_until_it_answers(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        world.driver.instances.impair(one.id, "its container is paused")
        await until(lambda: cloud.instances.get(one.id).impaired == "its container is paused")
        assert instance_status(cloud.instances.get(one.id)) == "impaired"
        assert system_status(cloud.instances.get(one.id)) == "ok", "the failure of a program is not its host's"
        assert cloud.instances.get(one.id).state is InstanceState.RUNNING
        assert cloud.instances.get(one.id).generation > one.generation
        world.driver.instances.impair(one.id, "")
        await until(lambda: instance_status(cloud.instances.get(one.id)) == "ok")


async def test_impairment_with_lost_event_is_found(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        world.engine.guests[one.id].impaired = "its container is paused"
        await until(lambda: cloud.instances.get(one.id).impaired != "")


async def test_stop_ends_the_impairment(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        world.driver.instances.impair(one.id, "its container is paused")
        await until(lambda: cloud.instances.get(one.id).impaired != "")
        cloud.instances.stop([one.id])
        await until(in_state(cloud, one.id, InstanceState.STOPPED))
        assert cloud.instances.get(one.id).impaired == ""


async def test_lost_network_is_attached_again(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        with cloud.hub.subscribe() as reader:
            world.driver.instances.detach(one.id)
            reasons = [(await anext(reader)).data.impaired for _ in range(2)]
        assert reasons == ["it is not connected to the instance network", ""]
        assert world.engine.guests[one.id].attached
        assert world.engine.guests[one.id].boots == 1


async def test_fleet_with_health_checks_replaces_impaired(world: World) -> None:
    async with world.up() as cloud:
        fleet = await make_fleet(cloud, 2, replace_unhealthy=True)
        await until(fleet_runs(cloud, fleet, 2))
        ill, well = cloud.fleets.members(fleet.id)
        world.driver.instances.impair(ill.id, "its container is paused")
        await until(in_state(cloud, ill.id, InstanceState.TERMINATED))
        await until(fleet_runs(cloud, fleet, 2))
        assert well.id in {one.id for one in cloud.fleets.members(fleet.id)}


async def test_briefly_impaired_or_unchecked_instances_are_kept(world: World) -> None:
    clock = world.clock = ManualClock()
    world.timeouts = replace(QUICK, unhealthy_s=60)
    async with world.up() as cloud:
        checked = await make_fleet(cloud, 1, replace_unhealthy=True)
        unchecked = await make_fleet(cloud, 1, replace_unhealthy=False)
        for fleet in (checked, unchecked):
            await until(fleet_runs(cloud, fleet, 1))
        (one,), (other,) = cloud.fleets.members(checked.id), cloud.fleets.members(unchecked.id)
        for each in (one, other):
            world.driver.instances.impair(each.id, "its container is paused")
            await until(lambda each=each: cloud.instances.get(each.id).impaired != "")  # type: ignore[misc]
        clock.advance(30)
        world.driver.instances.impair(one.id, "its container is paused again")
        await until(lambda: cloud.instances.get(one.id).impaired.endswith("again"))
        assert cloud.instances.get(one.id).state is InstanceState.RUNNING
        clock.advance(600)
        world.driver.instances.impair(other.id, "its container is paused again")
        await until(lambda: cloud.instances.get(other.id).impaired.endswith("again"))
        assert cloud.instances.get(other.id).state is InstanceState.RUNNING


async def test_console_of_a_terminated_instance_is_kept(
    world: World,
) -> None:
    async with world.up(remove=False) as cloud:
        one = await launch(cloud)
        printed = await cloud.instances.console(one.id)
        cloud.instances.terminate([one.id])
        await until(in_state(cloud, one.id, InstanceState.TERMINATED))
        assert await cloud.instances.console(one.id) == printed != ""
    async with world.up() as cloud:
        assert await cloud.instances.console(one.id) == printed


async def test_console_is_forgotten_with_its_instance(world: World) -> None:
    world.timeouts = replace(QUICK, keep_terminated_s=0.0)
    async with world.up() as cloud:
        one = await launch(cloud)
        cloud.instances.terminate([one.id])
        await until(lambda: not cloud.instances.all())
        assert ConsoleArchive(cloud._store).read(one.id) is None


async def test_last_hundred_consoles_are_kept(world: World) -> None:
    async with world.up() as cloud:
        console = ConsoleArchive(cloud._store)
        for number in range(103):
            console.keep(f"i-{number}", "text")
        assert [console.read(f"i-{number}") for number in (2, 3, 102)] == [None, "text", "text"]
        console.keep("i-102", "and again")
        assert console.read("i-102") == "and again"


@contextmanager
def full_disk(cloud: Cloud) -> Iterator[None]:
    """No page can be added to the database while it lasts."""
    connection = cloud._store._connection
    # One page's free space may be used; after that there is no more.
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    connection.execute("PRAGMA query_only = ON")
    try:
        yield
    finally:
        connection.execute("PRAGMA query_only = OFF")
        connection.execute("PRAGMA max_page_count = 1000000")


async def test_deaths_are_visible_while_disk_is_full(world: World) -> None:
    async with world.up(remove=False) as cloud:
        one, two = await launch(cloud), await launch(cloud)
        with full_disk(cloud):
            world.driver.instances.die(one.id, Death(exit_code=137))
            await until(in_state(cloud, one.id, InstanceState.STOPPED))
            with pytest.raises(Unavailable):
                cloud.instances.stop([two.id])
            assert cloud.instances.get(two.id).state is InstanceState.RUNNING
        await until(lambda: not cloud._resources._unsaved)
        before = cloud.instances.get(one.id)
    async with world.up() as cloud:
        assert cloud.instances.get(one.id) == before


async def test_missing_console_says_so(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        world.driver.instances.vanish(one.id)
        cloud.instances.terminate([one.id])
        await until(in_state(cloud, one.id, InstanceState.TERMINATED))
        with pytest.raises(Conflict, match="its console output was not kept"):
            await cloud.instances.console(one.id)
