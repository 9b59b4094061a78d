"""Instances that run and cannot answer, what they printed after they are gone, and a disk that is full."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from fake_cloud import QUICK, World, fleet_runs, in_state, launch, make_fleet, until

from vmhost.base.clock import ManualClock
from vmhost.base.errors import Conflict, Unavailable
from vmhost.control.cloud import Cloud
from vmhost.ec2.actions.status import verdict
from vmhost.model.guest import Death
from vmhost.model.instance import InstanceState


async def test_a_guest_that_cannot_answer_is_impaired_with_its_reason_until_it_can(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        world.driver.impair(one.id, "its container is paused")
        await until(lambda: cloud.instance(one.id).impaired == "its container is paused")
        assert verdict(cloud.instance(one.id)) == "impaired"
        assert cloud.instance(one.id).state is InstanceState.RUNNING
        assert cloud.instance(one.id).generation > one.generation
        world.driver.impair(one.id, "")
        await until(lambda: verdict(cloud.instance(one.id)) == "ok")


async def test_an_impairment_whose_event_was_lost_is_seen_by_the_next_look_at_all(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        world.engine.guests[one.id].impaired = "its container is paused"
        await until(lambda: cloud.instance(one.id).impaired != "")


async def test_a_stop_ends_the_impairment(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        world.driver.impair(one.id, "its container is paused")
        await until(lambda: cloud.instance(one.id).impaired != "")
        await cloud.stop([one.id])
        await until(in_state(cloud, one.id, InstanceState.STOPPED))
        assert cloud.instance(one.id).impaired == ""


async def test_a_lost_network_is_attached_again(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        with cloud.hub.subscribe() as reader:
            world.driver.detach(one.id)
            told = [(await anext(reader)).data["impaired"] for _ in range(2)]
        assert told == ["it is not connected to the instance network", ""]
        assert world.engine.guests[one.id].attached
        assert world.engine.guests[one.id].boots == 1


async def test_a_fleet_with_health_checks_replaces_what_stays_impaired(world: World) -> None:
    async with world.up() as cloud:
        fleet = await make_fleet(cloud, 2, replace_unhealthy=True)
        await until(fleet_runs(cloud, fleet, 2))
        ill, well = cloud.fleet_instances(fleet.id)
        world.driver.impair(ill.id, "its container is paused")
        await until(in_state(cloud, ill.id, InstanceState.TERMINATED))
        await until(fleet_runs(cloud, fleet, 2))
        assert well.id in {one.id for one in cloud.fleet_instances(fleet.id)}


async def test_a_fleet_leaves_alone_what_is_impaired_for_a_moment_or_when_it_has_no_health_checks(world: World) -> None:
    clock = world.clock = ManualClock()
    world.timeouts = replace(QUICK, unhealthy_s=60)
    async with world.up() as cloud:
        checked = await make_fleet(cloud, 1, replace_unhealthy=True)
        unchecked = await make_fleet(cloud, 1, replace_unhealthy=False)
        for fleet in (checked, unchecked):
            await until(fleet_runs(cloud, fleet, 1))
        (one,), (other,) = cloud.fleet_instances(checked.id), cloud.fleet_instances(unchecked.id)
        for each in (one, other):
            world.driver.impair(each.id, "its container is paused")
            await until(lambda each=each: cloud.instance(each.id).impaired != "")  # type: ignore[misc]
        clock.advance(30)
        world.driver.impair(one.id, "its container is paused again")
        await until(lambda: cloud.instance(one.id).impaired.endswith("again"))
        assert cloud.instance(one.id).state is InstanceState.RUNNING
        clock.advance(600)
        world.driver.impair(other.id, "its container is paused again")
        await until(lambda: cloud.instance(other.id).impaired.endswith("again"))
        assert cloud.instance(other.id).state is InstanceState.RUNNING


async def test_what_an_instance_printed_can_be_read_after_it_is_terminated_also_by_the_next_platform(
    world: World,
) -> None:
    async with world.up(remove=False) as cloud:
        one = await launch(cloud)
        printed = await cloud.console(one.id)
        await cloud.terminate([one.id])
        await until(in_state(cloud, one.id, InstanceState.TERMINATED))
        assert await cloud.console(one.id) == printed != ""
    async with world.up() as cloud:
        assert await cloud.console(one.id) == printed


async def test_console_output_goes_with_the_terminated_instance(world: World) -> None:
    world.timeouts = replace(QUICK, keep_terminated_s=0.0)
    async with world.up() as cloud:
        one = await launch(cloud)
        await cloud.terminate([one.id])
        await until(lambda: not cloud.instances())
        assert cloud._records.console(one.id) is None


async def test_the_console_output_of_the_last_hundred_is_kept(world: World) -> None:
    async with world.up() as cloud:
        for number in range(103):
            cloud._records.keep_console(f"i-{number}", "text")
        assert [cloud._records.console(f"i-{number}") for number in (2, 3, 102)] == [None, "text", "text"]
        one = await launch(cloud)
        cloud._records.keep_console(one.id, "again")
        cloud._records.keep_console(one.id, "and again")
        assert cloud._records.console(one.id) == "and again"


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


async def test_deaths_are_shown_while_the_disk_is_full_and_saved_when_there_is_room(world: World) -> None:
    async with world.up(remove=False) as cloud:
        one, two = await launch(cloud), await launch(cloud)
        with full_disk(cloud):
            world.driver.die(one.id, Death(exit_code=137))
            await until(in_state(cloud, one.id, InstanceState.STOPPED))
            with pytest.raises(Unavailable):
                await cloud.stop([two.id])
            assert cloud.instance(two.id).state is InstanceState.RUNNING
        await until(lambda: not cloud._records._unsaved)
        before = cloud.instance(one.id)
    async with world.up() as cloud:
        assert cloud.instance(one.id) == before


async def test_a_console_that_was_not_kept_is_told_as_such(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        world.driver.vanish(one.id)
        await cloud.terminate([one.id])
        await until(in_state(cloud, one.id, InstanceState.TERMINATED))
        with pytest.raises(Conflict, match="its console output was not kept"):
            await cloud.console(one.id)
