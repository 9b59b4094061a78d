"""The platform's own client against the platform: state, events, faults, and every call that the service makes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.ec2.ec2_server import IMAGE, Served, served
from vmhost.api.client import CloudClient
from vmhost.api.views import CallView, CloudEvent, FaultView, HostView, InstanceView, Snapshot, StatsView
from vmhost.base.errors import Conflict, InvalidInput, NoCapacity, NotFound, Unauthenticated, Unsupported
from vmhost.drivers.fake.driver import FakeShell
from vmhost.drivers.fake.world import FakeSettings
from vmhost.model.guest import GuestCpu


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as running:
        yield running


@pytest.fixture
async def client(cloud: Served) -> AsyncIterator[CloudClient]:
    async with CloudClient(cloud.access) as opened:
        yield opened


async def running(client: CloudClient, count: int = 1, **tags: str) -> list[InstanceView]:
    """This number of new instances, once they run."""
    made = await client.run_instances(image_id=IMAGE, type_name="t3.nano", count=count, tags=tags)
    wanted = {"instance-id": [instance.id for instance in made], "instance-state-name": ["running"]}
    async with asyncio.timeout(5):
        while len(found := await client.describe_instances(wanted)) < count:
            await asyncio.sleep(0.01)
    return list(found)


async def follow(client: CloudClient, seen: list[CloudEvent], until: Callable[[CloudEvent], bool]) -> None:
    """Collects events until one is as wanted."""
    async with asyncio.timeout(10), aclosing(client.events()) as events:
        async for event in events:
            seen.append(event)
            if until(event):
                return


async def test_status_shows_the_whole_cloud(client: CloudClient) -> None:
    instances = await running(client, 2, role="leaf")
    snapshot = await client.status()
    assert (snapshot.cloud, snapshot.region, snapshot.driver) == ("glasscloud", "us-east-1", "fake")
    assert [(host.id, host.zone) for host in snapshot.hosts] == [("host-a", "us-east-1a"), ("host-b", "us-east-1b")]
    assert sum(host.memory_used_mib for host in snapshot.hosts) == 2 * 512
    assert {capability.enforced for capability in snapshot.capabilities} == {False}
    told = {instance.id: instance for instance in snapshot.instances}
    for instance in instances:
        whole = told[instance.id]
        assert whole.limits is not None
        assert whole.limits.memory_mib == 512
        assert replace(whole, generation=None, changed_at=None, limits=None, web_port=None) == replace(
            instance, launched_at=whole.launched_at
        )


async def test_kill_reaches_every_event_reader(client: CloudClient) -> None:
    (instance,) = await running(client)
    seen: list[CloudEvent] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(
            follow(client, seen, lambda event: isinstance(event, InstanceView) and event.state == "stopped")
        )
        async with asyncio.timeout(5):
            while not seen:
                await asyncio.sleep(0.01)
        fault = await client.inject_fault("kill", instance.id)
    assert (fault.fault, fault.instance_id, fault.phase) == ("kill", instance.id, "started")
    assert isinstance(seen[0], Snapshot)
    phases = [event.phase for event in seen if isinstance(event, FaultView) and event.fault_id == fault.fault_id]
    assert phases == ["started", "ended"]
    last = seen[-1]
    assert isinstance(last, InstanceView)
    assert last.reason is not None
    assert last.reason.code.startswith("Server.")
    assert last.generation is not None
    assert (await client.describe_instances({"instance-state-name": ["stopped"]}))[0].reason == last.reason


async def test_late_reader_sees_running_fault_and_earlier_calls(client: CloudClient, cloud: Served) -> None:
    (instance,) = await running(client)
    cloud.driver.shell = FakeShell(FakeSettings(execute_s=60), cloud.driver.world)
    hog = await client.inject_fault("cpu_hog", instance.id, seconds=60)
    assert hog.until == hog.at + 60
    seen: list[CloudEvent] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(follow(client, seen, lambda event: isinstance(event, CallView)))
        async with asyncio.timeout(5):
            while not seen:
                await asyncio.sleep(0.01)
        start = time.monotonic()
        ended = await client.end_fault(instance_id=instance.id)
        assert time.monotonic() - start < 1
    (snapshot, *_) = seen
    assert isinstance(snapshot, Snapshot)
    assert snapshot.faults == (hog,)
    assert [call.action for call in snapshot.calls] == ["RunInstances", "HogCpu"]
    assert [event for event in seen if isinstance(event, FaultView)] == [ended]
    assert (ended.fault_id, ended.phase, ended.until) == (hog.fault_id, "ended", None)
    assert await client.end_fault(fault_id=hog.fault_id) == ended


async def test_host_usage_follows_a_launch(client: CloudClient) -> None:
    before = {kind.name: kind for kind in (await client.types()).types}["t3.nano"]
    seen: list[CloudEvent] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(follow(client, seen, lambda event: isinstance(event, HostView)))
        async with asyncio.timeout(5):
            while not seen:
                await asyncio.sleep(0.01)
        (instance,) = await client.run_instances(image_id=IMAGE, type_name="t3.nano")
    host = seen[-1]
    assert isinstance(host, HostView)
    assert (host.id, host.memory_used_mib) == (instance.host, 512)
    assert host in (await client.status()).hosts
    after = {kind.name: kind for kind in (await client.types()).types}["t3.nano"]
    lost = {was.host: was.fits - now.fits for was, now in zip(before.rooms, after.rooms, strict=True)}
    assert lost == {room.host: int(room.host == instance.host) for room in before.rooms}


async def test_resize_changes_limits_and_the_hosts_room(client: CloudClient) -> None:
    (instance,) = await running(client)
    before = next(host for host in (await client.status()).hosts if host.id == instance.host)
    resized = await client.resize_instance(instance.id, "t3.micro")
    assert resized.type == "t3.micro"
    assert resized.limits is not None
    assert resized.limits.memory_mib == 1024
    snapshot = await client.status()
    after = next(host for host in snapshot.hosts if host.id == instance.host)
    assert after.memory_used_mib - before.memory_used_mib == 512
    assert (snapshot.calls[-1].action, snapshot.calls[-1].instances) == ("ResizeInstance", (instance.id,))
    with pytest.raises(InvalidInput, match=r"t9\.huge"):
        await client.resize_instance(instance.id, "t9.huge")
    with pytest.raises(NotFound):
        await client.resize_instance("i-00000000000000000", "t3.micro")


async def test_console_output_and_user_data_are_unchanged(client: CloudClient) -> None:
    data = b"\x00\xff not text"
    (instance,) = await client.run_instances(image_id=IMAGE, type_name="t3.nano", user_data=data)
    (bare,) = await running(client)
    assert await client.user_data(instance.id) == data
    assert await client.user_data(bare.id) == b""
    assert await client.console_output(bare.id) == f"boot 1 of {bare.id}\n"
    with pytest.raises(NotFound):
        await client.console_output("i-00000000000000000")


async def test_usage_is_measured_while_read(client: CloudClient) -> None:
    (instance,) = await running(client)
    seen: list[CloudEvent] = []

    def measured(event: CloudEvent) -> bool:
        return isinstance(event, StatsView) and instance.id in [use.id for use in event.instances]

    await follow(client, seen, measured)
    assert measured(seen[-1])


async def test_cpu_counters_cover_instances_and_cores(client: CloudClient, cloud: Served) -> None:
    (instance,) = await running(client)
    world = cloud.driver.world
    world.core_seconds = {0: 12.5, 3: 7.0}
    world.guests[instance.id].cpu = GuestCpu(used=4.0, throttled=0.5, waited=2.5)
    first = await client.cpu()
    assert first.cores == {"0": 12.5, "3": 7.0}
    (row,) = first.instances
    assert (row.id, row.host, row.used, row.throttled, row.waited) == (instance.id, instance.host, 4.0, 0.5, 2.5)
    world.guests[instance.id].cpu = GuestCpu(used=6.0)
    second = await client.cpu()
    assert second.at >= row.at >= first.at
    assert (second.instances[0].used, second.instances[0].waited) == (6.0, None)
    await client.stop_instances([instance.id])
    assert (await client.cpu()).instances == ()


async def test_cpu_hog_has_an_end_time(client: CloudClient) -> None:
    (instance,) = await running(client)
    fault = await client.inject_fault("cpu_hog", instance.id, seconds=0.1, workers_per_vcpu=1)
    assert (fault.fault, fault.phase, fault.details) == ("cpu_hog", "started", {"workers": 2})
    with pytest.raises(InvalidInput, match="60"):
        await client.inject_fault("cpu_hog", instance.id, seconds=3600)
    with pytest.raises(NotFound):
        await client.inject_fault("kill", "i-00000000000000000")


async def test_templates_and_fleets_lifecycle(client: CloudClient, cloud: Served) -> None:
    template = await client.create_launch_template(
        "leaf-0", image_id=IMAGE, type_name="t3.nano", user_data=b'{"shard": 0}', instance_tags={"shard": "0"}
    )
    assert [one.id for one in await client.describe_launch_templates({"launch-template-name": ["leaf-0"]})] == [
        template.id
    ]
    fleet_id = await client.create_fleet(
        template_id=template.id, target=2, tags={"service": "search"}, client_token="shard-0"
    )
    again = await client.create_fleet(
        template_id=template.id, target=2, tags={"service": "search"}, client_token="shard-0"
    )
    assert again == fleet_id

    async def alive(count: int) -> tuple[InstanceView, ...]:
        wanted = {"tag:shard": ["0"], "instance-state-name": ["running"]}
        async with asyncio.timeout(5):
            while len(found := await client.describe_instances(wanted)) != count:
                await asyncio.sleep(0.01)
        return found

    found = await alive(2)
    assert {instance.fleet for instance in found} == {fleet_id}
    assert {instance.host for instance in found} == {"host-a", "host-b"}
    assert {instance.user_data for instance in cloud.cloud.instances.all()} == {b'{"shard": 0}'}
    assert set(await client.fleet_instances(fleet_id)) == {instance.id for instance in found}
    (fleet,) = await client.describe_fleets([fleet_id])
    assert (fleet.state, fleet.target, fleet.fulfilled, fleet.tags) == ("active", 2, 2.0, {"service": "search"})
    assert (fleet.template_id, fleet.template_version, fleet.error) == (template.id, "1", "")
    await client.modify_fleet(fleet_id, target=3)
    await alive(3)
    await client.delete_fleets([fleet_id])
    await alive(0)
    with pytest.raises(NotFound):
        await client.delete_fleets(["fleet-0123456789abcdef0"])
    await client.delete_launch_template(template.id)
    with pytest.raises(NotFound):
        await client.delete_launch_template(template.id)


async def test_catalogue_images_are_listed(client: CloudClient) -> None:
    (image,) = await client.describe_images()
    assert (image.id, image.name, image.architecture) == (IMAGE, "nothing-1", "x86_64")
    assert await client.describe_images({"name": ["some*"]}) == ()


async def test_instances_stop_start_reboot_terminate(client: CloudClient) -> None:
    (instance,) = await running(client)
    (change,) = await client.stop_instances([instance.id])
    assert (change.id, change.previous) == (instance.id, "running")
    async with asyncio.timeout(5):
        while (await client.describe_instances({"instance-id": [instance.id]}))[0].state != "stopped":
            await asyncio.sleep(0.01)
    with pytest.raises(Conflict) as caught:
        await client.reboot_instances([instance.id])
    assert caught.value.code == "IncorrectInstanceState"
    await client.start_instances([instance.id])
    await client.terminate_instances([instance.id])


async def test_errors_keep_their_class(client: CloudClient, cloud: Served) -> None:
    with pytest.raises(NoCapacity, match="overcommit"):
        await client.run_instances(image_id=IMAGE, type_name="t3.2xlarge", count=400)
    with pytest.raises(NotFound):
        await client.terminate_instances(["i-00000000000000000"])
    with pytest.raises(InvalidInput):
        await client.describe_instances({"colour": ["red"]})
    with pytest.raises(Unsupported):
        await client._transport.action("DescribeVpcs", {})
    stranger = replace(cloud.access, secret_access_key="guess")
    async with CloudClient(stranger) as locked_out:
        with pytest.raises(Unauthenticated):
            await locked_out.status()
        with pytest.raises(Unauthenticated):
            await anext(aiter(locked_out.events()))
