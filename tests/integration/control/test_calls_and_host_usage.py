"""Published events: calls of users and fleets, and the allocation of hosts."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec
import pytest
from fake_cloud import IMAGE, World, fleet_runs, launch, make_fleet, until

from vmhost.base.errors import NoCapacity
from vmhost.base.sse import Subscription
from vmhost.catalogue.type_catalogue import load_types
from vmhost.control.cloud import Cloud
from vmhost.control.instances.launcher import LaunchRequest
from vmhost.drivers.fake import FakeSettings


async def next_events(reader: Subscription, kind: str, count: int) -> list[Any]:
    """Return the data of the next `count` events of that kind."""
    found: list[Any] = []
    async with asyncio.timeout(3):
        while len(found) < count:
            event = await anext(reader)
            if event.kind == kind:
                found.append(event.data)
    return found


def allocated(cloud: Cloud) -> dict[str, tuple[float, int]]:
    return {host.id: (host.cpu_used, host.memory_used_mib) for host in cloud.hosts.hosts()}


async def test_host_usage_is_published_once_per_turn(world: World) -> None:
    async with world.up() as cloud:
        with cloud.hub.subscribe(without=frozenset({"stats"})) as reader:
            made = cloud.instances.run(LaunchRequest(image_id=IMAGE, type_name="t3.nano", max_count=6))
            grown = await next_events(reader, "host", 2)
            assert {view.id: (view.cpu_used, view.memory_used_mib) for view in grown} == allocated(cloud)
            cloud.instances.terminate([one.id for one in made])
            await until(lambda: set(allocated(cloud).values()) == {(0, 0)})
            shrunk: list[Any] = []
            while {view.id for view in shrunk if view.memory_used_mib == 0} != {"host-a", "host-b"}:
                shrunk += await next_events(reader, "host", 1)
        assert len(shrunk) <= len(made)


async def test_unchanged_host_usage_is_not_published(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        with cloud.hub.subscribe(without=frozenset({"stats"})) as reader:
            cloud.tags.add([one.id], {"Name": "x"})
            await asyncio.sleep(0)
            cloud.tags.add([one.id], {"Name": "y"})
            await asyncio.sleep(0)
            cloud.instances.stop([one.id])
            seen = [await anext(reader) for _ in range(3)]
        assert [event.kind for event in seen] == ["instance"] * 3


async def test_calls_of_a_fleet_carry_its_id(world: World) -> None:
    async with world.up() as cloud:
        fleet = await make_fleet(cloud, 2)
        await until(fleet_runs(cloud, fleet, 2))
        born = {one.id for one in cloud.fleets.members(fleet.id)}
        cloud.fleets.modify(fleet.id, target=0)
        await until(lambda: not cloud.fleets.members(fleet.id))
        launched, ended = cloud.calls.last()
        assert (launched.action, ended.action) == ("RunInstances", "TerminateInstances")
        assert {launched.by, ended.by} == {fleet.id}
        assert set(launched.instances) == set(ended.instances) == born
        assert (launched.outcome, launched.message) == ("ok", "")


async def test_repeated_refusal_of_a_fleet_is_recorded_once(world: World) -> None:
    world.settings = FakeSettings(cpu_cores=2, memory_mib=3584)
    async with world.up() as cloud:
        fleet = await make_fleet(cloud, 6)
        await until(fleet_runs(cloud, fleet, 4))
        await until(lambda: bool(cloud.fleets.launch_error(fleet.id)))
        gone = cloud.fleets.members(fleet.id)[0].id
        cloud.instances.terminate([gone])
        await until(lambda: gone not in {one.id for one in cloud.fleets.members(fleet.id)})
        await until(fleet_runs(cloud, fleet, 4))
        first, refused, again = cloud.calls.last()
        assert (len(first.instances), len(again.instances)) == (4, 1)
        assert (refused.action, refused.by, refused.instances) == ("RunInstances", fleet.id, ())
        assert refused.outcome == "InsufficientInstanceCapacity"
        assert "t3.nano needs" in refused.message


async def test_offered_room_is_what_a_launch_finds(world: World) -> None:
    world.settings = FakeSettings(cpu_cores=2, memory_mib=3584)
    async with world.up() as cloud:
        for _ in range(3):
            offers = {kind.name: kind for kind in cloud.hosts.types(cloud.types).types}
            fits = sum(room.fits for room in offers["t3.nano"].rooms)
            with pytest.raises(NoCapacity):
                cloud.instances.run(
                    LaunchRequest(image_id=IMAGE, type_name="t3.nano", min_count=fits + 1, max_count=fits + 1)
                )
            cloud.instances.run(LaunchRequest(image_id=IMAGE, type_name="t3.nano", max_count=(fits + 1) // 2))
        full = [room.why for room in offers["t3.large"].rooms]
        assert [why.partition(" has ")[0] for why in full] == ["host-a", "host-b"]
        assert all("MiB free; t3.large needs" in why and why.endswith("8192 MiB") for why in full)


async def test_types_show_price_date_and_real_limits(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        offers = cloud.hosts.types(cloud.types)
        catalogue = load_types()
        assert (offers.as_of, offers.region) == (catalogue.as_of, catalogue.region)
        assert [kind.name for kind in offers.types] == [kind.name for kind in catalogue.types]
        nano = next(kind for kind in offers.types if kind.name == one.type_name)
        assert nano.limits == cloud.instances.view(one).limits
        assert (nano.vcpus, nano.memory_mib, nano.baseline_percent) == (2, 512, 5.0)
        assert nano.price_usd_hour == next(kind.price_usd_hour for kind in catalogue.types if kind.name == nano.name)


async def test_types_are_computed_within_20_ms(world: World) -> None:
    async with world.up() as cloud:
        cloud.instances.run(LaunchRequest(image_id=IMAGE, type_name="t3.nano", max_count=60))
        took = []
        for _ in range(10):
            start = time.perf_counter()
            msgspec.json.encode(cloud.hosts.types(cloud.types))
            took.append(time.perf_counter() - start)
        assert min(took) < 0.02
