from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import pytest
from fake_cloud import QUICK, World, fleet_runs, in_state, launch, make_fleet, until

from vmhost.base.errors import Conflict, InvalidInput, NotFound, Unsupported
from vmhost.control.fleets.record import FleetOverride, FleetState
from vmhost.control.fleets.service import FleetRequest
from vmhost.control.instances.record import InstanceState
from vmhost.control.timeouts import Backoff
from vmhost.drivers.fake import FakeSettings
from vmhost.faults.kill import Kill
from vmhost.model.guest import Death


async def test_fleet_is_spread_over_hosts_and_tagged(world: World) -> None:
    async with world.up() as cloud:
        fleet = await make_fleet(cloud, 4, instance_tags={"shard": "1"})
        await until(fleet_runs(cloud, fleet, 4))
        members = cloud.fleets.members(fleet.id)
        assert Counter(one.host_id for one in members) == {"host-a": 2, "host-b": 2}
        assert all(one.tags["aws:ec2:fleet-id"] == fleet.id for one in members)
        assert all(one.tags["role"] == "leaf" and one.tags["shard"] == "1" for one in members)


async def test_killed_member_is_replaced_on_its_host(world: World) -> None:
    async with world.up() as cloud:
        fleet = await make_fleet(cloud, 2)
        await until(fleet_runs(cloud, fleet, 2))
        victim = cloud.fleets.members(fleet.id)[0]
        await cloud.faults.inject(victim.id, Kill())
        await until(lambda: victim.id not in {one.id for one in cloud.fleets.members(fleet.id)}, within_s=0.9)
        await until(fleet_runs(cloud, fleet, 2), within_s=0.9)
        assert {one.host_id for one in cloud.fleets.members(fleet.id)} == {"host-a", "host-b"}
        gone = cloud.instances.get(victim.id)
        assert gone.state is InstanceState.TERMINATED
        assert gone.reason is not None
        assert "SIGKILL" in gone.reason.message


async def test_terminated_and_stopped_members_are_replaced(world: World) -> None:
    async with world.up() as cloud:
        fleet = await make_fleet(cloud, 2)
        await until(fleet_runs(cloud, fleet, 2))
        first, second = cloud.fleets.members(fleet.id)
        cloud.instances.terminate([first.id])
        cloud.instances.stop([second.id])
        old = {first.id, second.id}
        await until(lambda: not old & {one.id for one in cloud.fleets.members(fleet.id)})
        await until(fleet_runs(cloud, fleet, 2))


async def test_fleet_grows_and_shrinks(world: World) -> None:
    async with world.up() as cloud:
        fleet = await make_fleet(cloud, 1)
        cloud.fleets.modify(fleet.id, target=5)
        await until(fleet_runs(cloud, fleet, 5))
        cloud.fleets.modify(fleet.id, target=2)
        await until(fleet_runs(cloud, fleet, 2))
        assert {one.host_id for one in cloud.fleets.members(fleet.id)} == {"host-a", "host-b"}
        cloud.fleets.modify(fleet.id, target=0, keep_excess=True)
        await asyncio.sleep(0.05)
        assert fleet_runs(cloud, fleet, 2)()


@pytest.mark.parametrize("terminate", [True, False])
async def test_deleted_fleet_launches_nothing(world: World, terminate: bool) -> None:
    async with world.up() as cloud:
        fleet = await make_fleet(cloud, 2)
        await until(fleet_runs(cloud, fleet, 2))
        (deleted,) = cloud.fleets.delete([fleet.id], terminate_instances=terminate)
        assert deleted.state is (FleetState.DELETED_TERMINATING if terminate else FleetState.DELETED_RUNNING)
        if terminate:
            await until(lambda: world.engine.guests == {})
            await until(lambda: cloud.fleets.all()[0].state is FleetState.DELETED)
        else:
            victim = cloud.fleets.members(fleet.id)[0]
            world.driver.instances.die(victim.id, Death(exit_code=1))
            await until(in_state(cloud, victim.id, InstanceState.STOPPED))
            assert len(cloud.fleets.members(fleet.id)) == 2
        with pytest.raises(Conflict):
            cloud.fleets.modify(fleet.id, target=3)
        with pytest.raises(Conflict):
            cloud.fleets.delete([fleet.id], terminate_instances=True)


async def test_fleet_without_room_completes_later(world: World) -> None:
    world.settings = FakeSettings(cpu_cores=2, memory_mib=3584)
    world.timeouts = replace(QUICK, fleet=Backoff(first_s=30, most_s=30))
    async with world.up() as cloud:
        loners = [await launch(cloud) for _ in range(3)]
        fleet = await make_fleet(cloud, 2)
        await until(fleet_runs(cloud, fleet, 1))
        await until(lambda: "--overcommit" in cloud.fleets.launch_error(fleet.id))
        cloud.instances.terminate([loners[0].id])
        await until(fleet_runs(cloud, fleet, 2), within_s=1)
        assert cloud.fleets.launch_error(fleet.id) == ""


async def test_failing_launches_back_off(world: World) -> None:
    world.settings = FakeSettings(dies_after_s=0.0)
    world.timeouts = replace(QUICK, early_death_s=3.0, fleet=Backoff(first_s=0.05, most_s=10))
    async with world.up() as cloud:
        fleet = await make_fleet(cloud, 1)
        await asyncio.sleep(0.5)
        assert 2 <= world.engine.starts <= 7
        assert "exit code 1" in cloud.fleets.launch_error(fleet.id)


async def test_overrides_are_used_in_turn(world: World) -> None:
    world.settings = FakeSettings(cpu_cores=2, memory_mib=3584)
    ways = (FleetOverride(zone="us-east-1a"), FleetOverride(type_name="t3.micro", zone="us-east-1b"))
    async with world.up() as cloud:
        fleet = await make_fleet(cloud, 3, overrides=ways)
        await until(fleet_runs(cloud, fleet, 3))
        kinds = Counter((one.type_name, one.host_id) for one in cloud.fleets.members(fleet.id))
        assert kinds == {("t3.nano", "host-a"): 2, ("t3.micro", "host-b"): 1}


async def test_same_token_makes_one_fleet(world: World) -> None:
    async with world.up(remove=False) as cloud:
        fleet = await make_fleet(cloud, 1, client_token="shard-0")
        assert (await make_fleet(cloud, 1, client_token="shard-0")).id == fleet.id
        with pytest.raises(InvalidInput) as refused:
            await make_fleet(cloud, 2, client_token="shard-0")
        assert refused.value.code == "IdempotentParameterMismatch"
    async with world.up() as cloud:
        assert (await make_fleet(cloud, 1, client_token="shard-0")).id == fleet.id
        assert len(cloud.fleets.all()) == 1


async def test_invalid_fleets_are_refused(world: World) -> None:
    async with world.up() as cloud:
        with pytest.raises(NotFound):
            cloud.fleets.create(FleetRequest(template="none", target=1))
        with pytest.raises(InvalidInput):
            await make_fleet(cloud, -1)
        with pytest.raises(Unsupported):
            await make_fleet(cloud, 1, type="instant")
        with pytest.raises(InvalidInput):
            await make_fleet(cloud, 1, overrides=(FleetOverride(type_name="t9.huge"),))
        with pytest.raises(NotFound):
            cloud.fleets.modify("fleet-0", target=1)
        assert cloud.fleets.all() == ()


async def test_two_hundred_instances_come_up_and_go(world: World) -> None:
    world.settings = FakeSettings(create_s=0.01, boot_s=0.02)
    async with world.up() as cloud:
        fleet = await make_fleet(cloud, 200)
        await until(fleet_runs(cloud, fleet, 200), within_s=10)
        assert Counter(one.host_id for one in cloud.fleets.members(fleet.id)) == {"host-a": 100, "host-b": 100}
        assert len(world.running()) == 200
        cloud.fleets.delete([fleet.id], terminate_instances=True)
        await until(lambda: world.engine.guests == {}, within_s=10)
