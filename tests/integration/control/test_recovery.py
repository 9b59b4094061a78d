from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from fake_cloud import IMAGE, World, fleet_runs, in_state, launch, make_fleet, states, until

from vmhost.base.errors import CloudError, Conflict, Unavailable
from vmhost.control.cloud import Cloud
from vmhost.control.instances.launcher import LaunchRequest
from vmhost.control.instances.record import INSTANCES, InstanceState
from vmhost.drivers.fake import FakeInstances, FakeSettings
from vmhost.model.guest import Endpoint
from vmhost.store import Key, Row, Store


async def crash(cloud: Cloud) -> None:
    """Ends the control plane between two instructions: its tasks are gone, nothing is tidied up."""
    await cloud._tasks.close()
    cloud._store.close()


async def test_running_instances_are_adopted_and_keep_running(world: World) -> None:
    async with world.up(remove=False) as cloud:
        one = await launch(cloud)
        boots = world.engine.guests[one.id].boots
    async with world.up() as cloud:
        assert cloud.instances.get(one.id) == one
        await asyncio.sleep(0.02)
        assert world.engine.guests[one.id].boots == boots


@pytest.mark.parametrize("cores", [4.5, 1.5])
async def test_adopted_instances_get_limits_of_resized_hosts(world: World, cores: float) -> None:
    world.settings = FakeSettings(cpu_cores=2.5)
    async with world.up(remove=False) as cloud:
        one = await launch(cloud)
        cloud.instances.stop([one.id])
        await until(in_state(cloud, one.id, InstanceState.STOPPED))
        two = await launch(cloud)
        before = cloud.instances.limits(one)
        assert world.engine.guests[one.id].spec.limits == before
    world.settings = FakeSettings(cpu_cores=cores)
    async with world.up() as cloud:
        for each in (one, two):
            assert cloud.instances.limits(each) != before
            assert world.engine.guests[each.id].spec.limits == cloud.instances.limits(each)


async def test_instances_that_died_meanwhile_are_replaced(world: World) -> None:
    async with world.up(remove=False) as cloud:
        fleet = await make_fleet(cloud, 2)
        await until(fleet_runs(cloud, fleet, 2))
        loner = await launch(cloud)
    world.engine.guests.clear()
    async with world.up() as cloud:
        await until(in_state(cloud, loner.id, InstanceState.STOPPED))
        assert "gone" in str(cloud.instances.get(loner.id).reason)
        await until(lambda: len(world.running()) == 2)
        await until(fleet_runs(cloud, fleet, 2))


async def test_guest_without_record_is_removed_at_start(world: World) -> None:
    async with world.up(remove=False) as cloud:
        known, forgotten = await launch(cloud), await launch(cloud)
    with Store(world.path) as store:
        store.write(forget=[Key(INSTANCES.table, forgotten.id)])
    async with world.up() as cloud:
        await until(lambda: set(world.engine.guests) == {known.id})
        assert [one.id for one in cloud.instances.all()] == [known.id]


async def test_emptied_store_with_guests_refuses_to_start(world: World, tmp_path: Path) -> None:
    async with world.up(remove=False) as cloud:
        await launch(cloud)
        await launch(cloud)
    running = world.running()
    world.path = tmp_path / "another.sqlite"
    with pytest.raises(Conflict, match=r"2 instances exist, but no instance is on record.*--adopt.*--sweep"):
        async with world.up(remove=True):
            pass
    assert world.running() == running


async def test_emptied_store_adopts_guests_on_request(world: World, tmp_path: Path) -> None:
    async with world.up(remove=False) as cloud:
        await make_fleet(cloud, 1)
        tagged = await launch(cloud, tags={"team": "red"}, user_data=b"shard 3")
        stopped = await launch(cloud)
        cloud.instances.stop([stopped.id])
        await until(in_state(cloud, stopped.id, InstanceState.STOPPED))
        await until(lambda: states(cloud) == ["running", "running", "stopped"])
        before = {one.id: one for one in cloud.instances.all()}
    boots = {key: guest.boots for key, guest in world.engine.guests.items()}
    world.path = tmp_path / "another.sqlite"
    async with world.up(adopt=True) as cloud:
        assert {one.id: (one.state, one.address, one.tags) for one in cloud.instances.all()} == {
            key: (one.state, one.address, one.tags) for key, one in before.items()
        }
        assert cloud.instances.get(tagged.id).user_data == b"shard 3"
        assert {one.fleet_id for one in cloud.instances.all()} == {None}
        assert {key: guest.boots for key, guest in world.engine.guests.items()} == boots


async def test_guest_without_launch_record_is_left_alone(world: World, tmp_path: Path) -> None:
    async with world.up(remove=False) as cloud:
        one = await launch(cloud)
    guest = world.engine.guests[one.id]
    guest.spec = replace(guest.spec, record="")
    world.path = tmp_path / "another.sqlite"
    with pytest.raises(Conflict, match=f"{one.id} carries no record of its launch"):
        async with world.up(adopt=True):
            pass
    assert world.running() == {one.id}


async def test_close_with_remove_leaves_nothing(world: World) -> None:
    world.settings = FakeSettings(create_s=0.05, boot_s=0.05)
    async with world.up() as cloud:
        await make_fleet(cloud, 20)
        await until(lambda: len(world.engine.guests) > 3)
        start = time.monotonic()
    assert time.monotonic() - start < 5
    assert world.engine.guests == {}
    async with world.up() as cloud:
        assert (cloud.instances.all(), cloud.fleets.all(), cloud.templates.all()) == ((), (), ())


async def test_next_start_removes_leftovers_of_close(world: World) -> None:
    async with world.up() as cloud:
        await make_fleet(cloud, 3)
        await until(lambda: len(world.running()) == 3)
        world.engine.down = True
    assert len(world.engine.guests) == 3
    world.engine.down = False
    async with world.up() as cloud:
        await until(lambda: world.engine.guests == {})
        await until(lambda: states(cloud) == ["terminated"] * 3)


async def test_unanswering_driver_stops_the_start(world: World) -> None:
    world.engine.down = True
    cloud = world.cloud()
    with pytest.raises(Unavailable, match="engine is down"):
        await cloud.open()
    await cloud.close(remove=False)


async def _act_at_random(cloud: Cloud, dice: random.Random) -> None:
    """Send one random request; refusals are fine."""
    ids = [one.id for one in cloud.instances.all()] or ["i-0ffffffffffffffff"]
    target = [dice.choice(ids)]
    try:
        match dice.randrange(7):
            case 0 | 1:
                cloud.instances.run(LaunchRequest(image_id=IMAGE, max_count=dice.randint(1, 2)))
            case 2:
                cloud.instances.stop(target, force=dice.random() < 0.5)
            case 3:
                cloud.instances.start(target)
            case 4:
                cloud.instances.terminate(target)
            case 5:
                cloud.instances.reboot(target)
            case 6:
                fleets = cloud.fleets.all()
                cloud.fleets.modify(fleets[0].id, target=dice.randint(0, 3))
    except CloudError:
        pass


@pytest.mark.parametrize("seed", range(12))
async def test_random_crashes_lose_and_orphan_nothing(world: World, seed: int) -> None:
    dice = random.Random(seed)
    world.settings = FakeSettings(create_s=0.002, boot_s=0.003, stop_s=0.002, remove_s=0.002)
    launched: set[str] = set()
    for life in range(4):
        cloud = world.cloud()
        await cloud.open()
        assert launched <= {one.id for one in cloud.instances.all()}
        if life == 0:
            await make_fleet(cloud, 2)
        for _ in range(dice.randint(1, 8)):
            await _act_at_random(cloud, dice)
            await asyncio.sleep(dice.random() * 0.008)
        launched |= {one.id for one in cloud.instances.all()}
        await crash(cloud)
        for guest in world.engine.guests.values():
            if dice.random() < 0.2:
                guest.running = False
    async with world.up() as cloud:
        await until(lambda: _settled(world, cloud))
        assert launched <= {one.id for one in cloud.instances.all()}


def _settled(world: World, cloud: Cloud) -> bool:
    """Return whether every record is settled and matches its guest, and every fleet has its target."""
    running = {one.id for one in cloud.instances.all() if one.state is InstanceState.RUNNING}
    stopped = {one.id for one in cloud.instances.all() if one.state is InstanceState.STOPPED}
    gone = {one.id for one in cloud.instances.all() if one.state is InstanceState.TERMINATED}
    return (
        len(running) + len(stopped) + len(gone) == len(cloud.instances.all())
        and world.running() == running
        and set(world.engine.guests) <= running | stopped
        and all(len(cloud.fleets.members(fleet.id)) == fleet.target for fleet in cloud.fleets.all())
    )


async def test_crash_between_record_and_guest_loses_neither(world: World) -> None:
    world.settings = FakeSettings(create_s=10)
    cloud = world.cloud()
    await cloud.open()
    (one,) = cloud.instances.run(LaunchRequest(image_id=IMAGE))
    await asyncio.sleep(0.01)
    await crash(cloud)
    world.settings = replace(world.settings, create_s=0)
    async with world.up() as cloud:
        await until(in_state(cloud, one.id, InstanceState.RUNNING))


async def test_reboot_interrupted_by_a_crash_is_finished(world: World) -> None:
    async with world.up(remove=False) as cloud:
        one = await launch(cloud)
    world.settings = FakeSettings(boot_s=10)
    cloud = world.cloud()
    await cloud.open()
    cloud.instances.reboot([one.id])
    await until(lambda: world.engine.starts == 2)
    await crash(cloud)
    assert world.running() == set()
    world.settings = FakeSettings()
    async with world.up() as cloud:
        await until(lambda: world.running() == {one.id})
        await until(lambda: cloud.instances.get(one.id).state is InstanceState.RUNNING)
        assert cloud.instances.get(one.id).state is InstanceState.RUNNING
        assert world.engine.guests[one.id].boots == 2


async def test_start_without_engine_keeps_records(world: World) -> None:
    async with world.up(remove=False) as cloud:
        fleet = await make_fleet(cloud, 2)
        await until(fleet_runs(cloud, fleet, 2))
        before = {one.id for one in cloud.instances.all()}
    world.engine.down = True
    with pytest.raises(Unavailable, match="engine is down"):
        async with world.up(remove=True):
            pass
    world.engine.down = False
    async with world.up() as cloud:
        assert {one.id for one in cloud.instances.all() if one.state is InstanceState.RUNNING} == before
        assert [one.id for one in cloud.fleets.all()] == [fleet.id]
        assert world.running() == before


async def test_crash_after_reboot_causes_no_second_reboot(world: World) -> None:
    class NeverReturns(FakeInstances):
        async def start(self, instance_id: str) -> Endpoint:
            await super().start(instance_id)
            await asyncio.Event().wait()
            raise AssertionError

    async with world.up(remove=False) as cloud:
        one = await launch(cloud)
    cloud = world.cloud()
    await cloud.open()
    world.driver.instances.__class__ = NeverReturns
    cloud.instances.reboot([one.id])
    await until(lambda: world.engine.guests[one.id].boots == 2)
    await crash(cloud)
    async with world.up() as cloud:
        await until(lambda: cloud.instances.get(one.id).state is InstanceState.RUNNING)
        assert world.engine.guests[one.id].boots == 2
        assert world.running() == {one.id}


async def test_fleets_are_deleted_in_one_transaction(world: World) -> None:
    async with world.up() as cloud:
        fleets = [await make_fleet(cloud, 0) for _ in range(2)]
        writes: list[int] = []
        write = cloud._store.write

        def counting(put: Iterable[Row] = (), forget: Iterable[Key] = ()) -> None:
            put = tuple(put)
            writes.append(len(put))
            write(put, forget)

        cloud._store.write = counting  # type: ignore[method-assign]
        cloud.fleets.delete([one.id for one in fleets], terminate_instances=False)
        assert writes == [2]
