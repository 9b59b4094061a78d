from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import pytest
from fake_cloud import QUICK, World, fleet_runs, in_state, launch, make_fleet, until

from vmhost.base.errors import Conflict, InvalidInput, NotFound, Unsupported
from vmhost.control.requests import FleetRequest
from vmhost.control.timeouts import Backoff
from vmhost.drivers.fake import FakeSettings
from vmhost.model.fleet import FleetOverride, FleetState
from vmhost.model.guest import Death
from vmhost.model.instance import InstanceState


async def test_a_fleet_comes_up_spread_over_the_hosts_with_its_tags(world: World) -> None:
    async with world.up() as cloud:
        fleet = await make_fleet(cloud, 4, instance_tags={"shard": "1"})
        await until(fleet_runs(cloud, fleet, 4))
        members = cloud.fleet_instances(fleet.id)
        assert Counter(one.host_id for one in members) == {"host-a": 2, "host-b": 2}
        assert all(one.tags["aws:ec2:fleet-id"] == fleet.id for one in members)
        assert all(one.tags["role"] == "leaf" and one.tags["shard"] == "1" for one in members)


async def test_what_dies_is_replaced_at_once_on_the_host_that_lost_it(world: World) -> None:
    async with world.up() as cloud:
        fleet = await make_fleet(cloud, 2)
        await until(fleet_runs(cloud, fleet, 2))
        victim = cloud.fleet_instances(fleet.id)[0]
        await cloud.kill(victim.id)
        await until(lambda: victim.id not in {one.id for one in cloud.fleet_instances(fleet.id)}, within_s=0.9)
        await until(fleet_runs(cloud, fleet, 2), within_s=0.9)
        assert {one.host_id for one in cloud.fleet_instances(fleet.id)} == {"host-a", "host-b"}
        gone = cloud.instance(victim.id)
        assert gone.state is InstanceState.TERMINATED
        assert gone.reason is not None
        assert "SIGKILL" in gone.reason.message


async def test_terminated_and_stopped_members_are_replaced(world: World) -> None:
    async with world.up() as cloud:
        fleet = await make_fleet(cloud, 2)
        await until(fleet_runs(cloud, fleet, 2))
        first, second = cloud.fleet_instances(fleet.id)
        await cloud.terminate([first.id])
        await cloud.stop([second.id])
        old = {first.id, second.id}
        await until(lambda: not old & {one.id for one in cloud.fleet_instances(fleet.id)})
        await until(fleet_runs(cloud, fleet, 2))


async def test_a_fleet_grows_and_shrinks(world: World) -> None:
    async with world.up() as cloud:
        fleet = await make_fleet(cloud, 1)
        await cloud.modify_fleet(fleet.id, target=5)
        await until(fleet_runs(cloud, fleet, 5))
        await cloud.modify_fleet(fleet.id, target=2)
        await until(fleet_runs(cloud, fleet, 2))
        assert {one.host_id for one in cloud.fleet_instances(fleet.id)} == {"host-a", "host-b"}
        await cloud.modify_fleet(fleet.id, target=0, keep_excess=True)
        await asyncio.sleep(0.05)
        assert fleet_runs(cloud, fleet, 2)()


@pytest.mark.parametrize("terminate", [True, False])
async def test_a_deleted_fleet_launches_nothing_more(world: World, terminate: bool) -> None:
    async with world.up() as cloud:
        fleet = await make_fleet(cloud, 2)
        await until(fleet_runs(cloud, fleet, 2))
        (deleted,) = await cloud.delete_fleets([fleet.id], terminate_instances=terminate)
        assert deleted.state is (FleetState.DELETED_TERMINATING if terminate else FleetState.DELETED_RUNNING)
        if terminate:
            await until(lambda: world.engine.guests == {})
            await until(lambda: cloud.fleets()[0].state is FleetState.DELETED)
        else:
            victim = cloud.fleet_instances(fleet.id)[0]
            world.driver.die(victim.id, Death(exit_code=1))
            await until(in_state(cloud, victim.id, InstanceState.STOPPED))
            assert len(cloud.fleet_instances(fleet.id)) == 2
        with pytest.raises(Conflict):
            await cloud.modify_fleet(fleet.id, target=3)
        with pytest.raises(Conflict):
            await cloud.delete_fleets([fleet.id], terminate_instances=True)


async def test_a_fleet_without_room_says_so_and_completes_when_there_is_room(world: World) -> None:
    world.settings = FakeSettings(cpu_cores=2, memory_mib=3584)
    world.timeouts = replace(QUICK, fleet=Backoff(first_s=30, most_s=30))
    async with world.up() as cloud:
        loners = [await launch(cloud) for _ in range(3)]
        fleet = await make_fleet(cloud, 2)
        await until(fleet_runs(cloud, fleet, 1))
        await until(lambda: "--overcommit" in cloud.fleet_trouble(fleet.id))
        await cloud.terminate([loners[0].id])
        await until(fleet_runs(cloud, fleet, 2), within_s=1)
        assert cloud.fleet_trouble(fleet.id) == ""


async def test_launches_that_keep_failing_are_tried_ever_more_slowly(world: World) -> None:
    world.settings = FakeSettings(dies_after_s=0.0)
    world.timeouts = replace(QUICK, early_death_s=3.0, fleet=Backoff(first_s=0.05, most_s=10))
    async with world.up() as cloud:
        fleet = await make_fleet(cloud, 1)
        await asyncio.sleep(0.5)
        assert 2 <= world.engine.starts <= 7
        assert "exit code 1" in cloud.fleet_trouble(fleet.id)


async def test_overrides_are_used_in_turn_and_the_next_where_one_has_no_room(world: World) -> None:
    world.settings = FakeSettings(cpu_cores=2, memory_mib=3584)
    ways = (FleetOverride(zone="us-east-1a"), FleetOverride(type_name="t3.micro", zone="us-east-1b"))
    async with world.up() as cloud:
        fleet = await make_fleet(cloud, 3, overrides=ways)
        await until(fleet_runs(cloud, fleet, 3))
        kinds = Counter((one.type_name, one.host_id) for one in cloud.fleet_instances(fleet.id))
        assert kinds == {("t3.nano", "host-a"): 2, ("t3.micro", "host-b"): 1}


async def test_the_same_token_makes_one_fleet(world: World) -> None:
    async with world.up(remove=False) as cloud:
        fleet = await make_fleet(cloud, 1, client_token="shard-0")
        assert (await make_fleet(cloud, 1, client_token="shard-0")).id == fleet.id
        with pytest.raises(InvalidInput) as refused:
            await make_fleet(cloud, 2, client_token="shard-0")
        assert refused.value.code == "IdempotentParameterMismatch"
    async with world.up() as cloud:
        assert (await make_fleet(cloud, 1, client_token="shard-0")).id == fleet.id
        assert len(cloud.fleets()) == 1


async def test_fleets_that_make_no_sense_are_refused(world: World) -> None:
    async with world.up() as cloud:
        with pytest.raises(NotFound):
            await cloud.create_fleet(FleetRequest(template="none", target=1))
        with pytest.raises(InvalidInput):
            await make_fleet(cloud, -1)
        with pytest.raises(Unsupported):
            await make_fleet(cloud, 1, type="instant")
        with pytest.raises(InvalidInput):
            await make_fleet(cloud, 1, overrides=(FleetOverride(type_name="t9.huge"),))
        with pytest.raises(NotFound):
            await cloud.modify_fleet("fleet-0", target=1)
        assert cloud.fleets() == ()


async def test_two_hundred_instances_come_up_and_go(world: World) -> None:
    world.settings = FakeSettings(create_s=0.01, boot_s=0.02)
    async with world.up() as cloud:
        fleet = await make_fleet(cloud, 200)
        await until(fleet_runs(cloud, fleet, 200), within_s=10)
        assert Counter(one.host_id for one in cloud.fleet_instances(fleet.id)) == {"host-a": 100, "host-b": 100}
        assert len(world.running()) == 200
        await cloud.delete_fleets([fleet.id], terminate_instances=True)
        await until(lambda: world.engine.guests == {}, within_s=10)
