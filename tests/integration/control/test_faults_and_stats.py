from __future__ import annotations

import asyncio
import os
import shutil
import time
from typing import Any

import pytest
from fake_cloud import World, launch, until

from vmhost.base.errors import Conflict, InvalidInput, NotFound
from vmhost.base.sse import Subscription
from vmhost.control.instances.record import InstanceState
from vmhost.drivers.fake import FakeSettings
from vmhost.faults.cpu_hog import HOG_SCRIPT, HogCpu
from vmhost.faults.kill import Kill
from vmhost.faults.registry import parse_fault
from vmhost.model.guest import Death


async def faults(reader: Subscription, count: int) -> list[Any]:
    found: list[Any] = []
    async with asyncio.timeout(3):
        while len(found) < count:
            event = await anext(reader)
            if event.kind == "fault":
                found.append(event.data)
    return found


async def test_kill_is_seen_only_through_the_driver(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        with cloud.hub.subscribe() as reader:
            fault = await cloud.faults.inject(one.id, Kill())
            started, ended = await faults(reader, 2)
        assert started == fault
        assert (started.fault, started.phase, ended.phase) == ("kill", "started", "ended")
        await until(lambda: cloud.instances.get(one.id).state is InstanceState.STOPPED, within_s=0.9)
        with pytest.raises(Conflict, match="is stopped; kill needs running"):
            await cloud.faults.inject(one.id, Kill())
        with pytest.raises(NotFound):
            await cloud.faults.inject("i-0ffffffffffffffff", Kill())


async def test_hog_runs_workers_per_vcpu_one_at_a_time(world: World) -> None:
    world.settings = FakeSettings(execute_s=0.1)
    async with world.up() as cloud:
        one = await launch(cloud)
        with cloud.hub.subscribe() as reader:
            fault = await cloud.faults.inject(one.id, HogCpu(seconds=2.5, workers_per_vcpu=8))
            with pytest.raises(Conflict, match="already has the fault cpu_hog"):
                await cloud.faults.inject(one.id, HogCpu(seconds=1))
            started, ended = await faults(reader, 2)
        assert (started.fault, started.phase, ended.phase) == ("cpu_hog", "started", "ended")
        assert started.fault_id == ended.fault_id == fault.fault_id
        (command,) = world.engine.guests[one.id].commands
        assert command == ("sh", "-c", HOG_SCRIPT, "hog", "2.5", "3", "16")
        await cloud.faults.inject(one.id, HogCpu(seconds=1))


async def test_hog_ends_with_its_instance(world: World) -> None:
    world.settings = FakeSettings(execute_s=20)
    async with world.up() as cloud:
        one = await launch(cloud)
        with cloud.hub.subscribe() as reader:
            await cloud.faults.inject(one.id, HogCpu(seconds=20))
            await until(lambda: bool(world.engine.guests[one.id].commands))
            world.driver.instances.die(one.id, Death(exit_code=137))
            assert (await faults(reader, 2))[1].phase == "ended"


async def test_hog_can_be_ended_early(world: World) -> None:
    world.settings = FakeSettings(execute_s=60)
    async with world.up() as cloud:
        one = await launch(cloud)
        for by_instance in (True, False):
            started = await cloud.faults.inject(one.id, HogCpu(seconds=60))
            assert started.until == started.at + 60
            assert cloud.faults.running() == (started,)
            await until(lambda: world.engine.guests[one.id].inside == 1)
            name = {"instance_id": one.id} if by_instance else {"fault_id": started.fault_id}
            first, second = await asyncio.gather(cloud.faults.end(**name), cloud.faults.end(**name))
            assert first == second
            assert (first.fault_id, first.phase, first.until) == (started.fault_id, "ended", None)
            assert first.at - started.at < 1
            assert world.engine.guests[one.id].inside == 0
            assert cloud.faults.running() == ()
            assert await cloud.faults.end(fault_id=started.fault_id) == first


async def test_hog_ended_before_its_start_never_starts(world: World) -> None:
    world.settings = FakeSettings(execute_s=60)
    async with world.up() as cloud:
        one = await launch(cloud)
        with cloud.hub.subscribe() as reader:
            await cloud.faults.inject(one.id, HogCpu(seconds=60))
            await cloud.faults.end(instance_id=one.id)
            assert [fault.phase for fault in await faults(reader, 2)] == ["started", "ended"]
        assert world.engine.guests[one.id].commands == []


async def test_ending_an_unknown_fault_is_refused(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        with pytest.raises(Conflict, match=f"no fault is running in instance {one.id}"):
            await cloud.faults.end(instance_id=one.id)
        with pytest.raises(NotFound, match="i-0ffffffffffffffff"):
            await cloud.faults.end(instance_id="i-0ffffffffffffffff")
        with pytest.raises(NotFound, match="no recent fault 'fault-0'"):
            await cloud.faults.end(fault_id="fault-0")
        with pytest.raises(InvalidInput, match="either the id"):
            await cloud.faults.end()
        killed = await cloud.faults.inject(one.id, Kill())
        assert (await cloud.faults.end(fault_id=killed.fault_id)).phase == "ended"


@pytest.mark.parametrize(("seconds", "workers"), [(0, 8), (-1, 8), (61, 8), (float("nan"), 8), (10, 0), (10, 65)])
def test_unbounded_hogs_are_refused(seconds: float, workers: int) -> None:
    with pytest.raises(InvalidInput, match="out of range"):
        parse_fault("cpu_hog", {"seconds": seconds, "workers_per_vcpu": workers})


async def test_hog_script_burns_cpu_and_ends() -> None:
    sh = shutil.which("sh")
    assert sh is not None
    before, started = os.times(), time.monotonic()
    process = await asyncio.create_subprocess_exec(sh, "-c", HOG_SCRIPT, "hog", "0.4", "1", "2")
    assert await process.wait() == 0
    after = os.times()
    assert 0.4 <= time.monotonic() - started < 5
    assert after.children_user + after.children_system - before.children_user - before.children_system > 0.02


async def test_hog_script_ends_its_workers() -> None:
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", HOG_SCRIPT, "hog", "20", "20", "2", stdout=asyncio.subprocess.PIPE
    )
    await asyncio.sleep(0.3)
    process.terminate()
    # Every worker holds the pipe: its end comes when the last of them is gone.
    async with asyncio.timeout(5):
        await process.communicate()
    assert process.returncode == 0


async def test_stats_are_measured_only_for_readers(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        measured = cloud.hub.last_id
        await asyncio.sleep(0.06)
        assert cloud.hub.last_id == measured
        with cloud.hub.subscribe() as reader:
            async with asyncio.timeout(1):
                event = await anext(reader)
        assert event.kind == "stats"
        assert [use.id for use in event.data.instances] == [one.id]
        assert (await cloud.usage.read()).instances[0].memory_mib == 1.0
