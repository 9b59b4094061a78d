from __future__ import annotations

from dataclasses import replace

import pytest
from fake_cloud import IMAGE, World, in_state, launch, until

from vmhost.base.errors import InvalidInput, NoCapacity, NotFound
from vmhost.control.cloud import CloudSettings
from vmhost.control.instances.launcher import LaunchRequest
from vmhost.control.instances.record import InstanceState
from vmhost.control.templates.service import TemplateRequest
from vmhost.drivers.fake import FakeInstances, FakeSettings
from vmhost.model.guest import GuestSpec


async def test_failed_launch_is_terminated_and_leaves_nothing(world: World) -> None:
    world.settings = FakeSettings(fail_starts=frozenset({1, 2, 3}))
    async with world.up() as cloud:
        (one,) = cloud.instances.run(LaunchRequest(image_id=IMAGE))
        await until(in_state(cloud, one.id, InstanceState.TERMINATED))
        reason = cloud.instances.get(one.id).reason
        assert reason is not None
        assert reason.code == "Server.InternalError"
        assert "start number 3 failed" in reason.message
        assert world.engine.guests == {}


async def test_launch_is_retried_after_one_failure(world: World) -> None:
    world.settings = FakeSettings(fail_creates=frozenset({1}), fail_starts=frozenset({1}))
    async with world.up() as cloud:
        await launch(cloud)


async def test_driver_bug_fails_only_its_launch(world: World) -> None:
    class Buggy(FakeInstances):
        async def create(self, spec: GuestSpec) -> None:
            raise RuntimeError("a bug")

    async with world.up() as cloud:
        fine = await launch(cloud)
        world.driver.instances.__class__ = Buggy
        (one,) = cloud.instances.run(LaunchRequest(image_id=IMAGE))
        await until(in_state(cloud, one.id, InstanceState.TERMINATED))
        reason = cloud.instances.get(one.id).reason
        assert reason is not None
        assert reason.message.endswith("Internal error on launch: internal error; the platform's log has the details")
        assert cloud.instances.get(fine.id).state is InstanceState.RUNNING


async def test_launch_without_room_is_refused_entirely(world: World) -> None:
    world.settings = FakeSettings(cpu_cores=2, memory_mib=3584)
    async with world.up() as cloud:
        with pytest.raises(NoCapacity, match=r"t3.nano needs 0.1 cores and 512 MiB.*--overcommit"):
            cloud.instances.run(LaunchRequest(image_id=IMAGE, min_count=5, max_count=5))
        assert cloud.instances.all() == ()
        assert len(cloud.instances.run(LaunchRequest(image_id=IMAGE, min_count=1, max_count=9))) == 4
        assert [host.memory_mib - host.memory_used_mib for host in cloud.hosts.hosts()] == [256, 256]


async def test_launches_with_one_spread_key_are_spread(world: World) -> None:
    async with world.up() as cloud:
        for _ in range(3):
            await launch(cloud, host_id="host-a")
        first, second = await launch(cloud, spread_key="db"), await launch(cloud, spread_key="db")
        assert [first.host_id, second.host_id] == ["host-b", "host-a"]
        pair = cloud.instances.run(LaunchRequest(image_id=IMAGE, min_count=2, max_count=2, spread_key="web"))
        assert [one.host_id for one in pair] == ["host-b", "host-a"]


async def test_overcommit_allows_more_instances(world: World) -> None:
    world.settings = FakeSettings(cpu_cores=2, memory_mib=3584)
    world.cloud_settings = CloudSettings(overcommit=2)
    async with world.up() as cloud:
        assert len(cloud.instances.run(LaunchRequest(image_id=IMAGE, min_count=8, max_count=8))) == 8
        assert [host.memory_mib for host in cloud.hosts.hosts()] == [2560, 2560]
        assert cloud.settings.overcommit == 2


async def test_same_token_returns_the_same_reservation(world: World) -> None:
    request = LaunchRequest(image_id=IMAGE, max_count=2, client_token="once", tags={"b": "1", "a": "2"})
    async with world.up(remove=False) as cloud:
        first = cloud.instances.run(request)
        again = cloud.instances.run(replace(request, tags={"a": "2", "b": "1"}))
        assert {one.id for one in again} == {one.id for one in first}
        with pytest.raises(InvalidInput) as refused:
            cloud.instances.run(replace(request, max_count=3))
        assert refused.value.code == "IdempotentParameterMismatch"
    async with world.up() as cloud:
        assert {one.id for one in cloud.instances.run(request)} == {one.id for one in first}
        assert len(cloud.instances.all()) == 2


async def test_template_supplies_what_the_request_omits(world: World) -> None:
    async with world.up() as cloud:
        template = cloud.templates.create(
            TemplateRequest(
                name="web", image_id=IMAGE, type_name="t3.micro", user_data=b"hello", instance_tags={"a": "1", "b": "1"}
            )
        )
        (one,) = cloud.instances.run(LaunchRequest(template="web", tags={"b": "2"}))
        assert (one.type_name, one.user_data) == ("t3.micro", b"hello")
        assert one.tags == {
            "a": "1",
            "b": "2",
            "aws:ec2launchtemplate:id": template.id,
            "aws:ec2launchtemplate:version": "1",
        }
        with pytest.raises(InvalidInput, match="already in use"):
            cloud.templates.create(TemplateRequest(name="web"))
        cloud.templates.delete("web")
        with pytest.raises(NotFound):
            cloud.instances.run(LaunchRequest(template="web"))


@pytest.mark.parametrize(
    "request_",
    [
        LaunchRequest(image_id="ami-00000000"),
        LaunchRequest(image_id=IMAGE, type_name="t9.huge"),
        LaunchRequest(image_id=IMAGE, min_count=0),
        LaunchRequest(image_id=IMAGE, min_count=2, max_count=1),
        LaunchRequest(image_id=IMAGE, max_count=501),
        LaunchRequest(image_id=IMAGE, user_data=b"x" * 16385),
        LaunchRequest(image_id=IMAGE, tags={"aws:mine": "x"}),
        LaunchRequest(image_id=IMAGE, zone="us-east-1f"),
        LaunchRequest(image_id=IMAGE, client_token="x" * 65),
        LaunchRequest(),
    ],
)
async def test_invalid_launches_are_refused(world: World, request_: LaunchRequest) -> None:
    async with world.up() as cloud:
        with pytest.raises((InvalidInput, NotFound)):
            cloud.instances.run(request_)
        assert cloud.instances.all() == ()


async def test_token_of_forgotten_instances_is_refused(world: World) -> None:
    world.timeouts = replace(world.timeouts, keep_terminated_s=0.0)
    request = LaunchRequest(image_id=IMAGE, client_token="once")
    async with world.up() as cloud:
        (one,) = cloud.instances.run(request)
        cloud.instances.terminate([one.id])
        await until(lambda: cloud.instances.all() == ())
        with pytest.raises(InvalidInput, match=one.id) as refused:
            cloud.instances.run(request)
        assert refused.value.code == "IdempotentInstanceTerminated"
