from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

import pytest
from fake_cloud import IMAGE, QUICK, World, in_state, launch, until

from vmhost.base.clock import ManualClock
from vmhost.base.errors import Conflict, Internal, InvalidInput, NoCapacity, NotFound
from vmhost.control.cloud import CloudSettings
from vmhost.control.requests import LaunchRequest, TemplateRequest
from vmhost.drivers.fake import FakeDriver, FakeSettings
from vmhost.model.guest import Booted, Death, GuestSpec, GuestStatus
from vmhost.model.instance import InstanceState, Wanted
from vmhost.store.store import Record


async def test_an_instance_runs_stops_starts_and_is_terminated(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        assert one.address == world.engine.guests[one.id].address
        assert one.host_id == "host-a"
        (change,) = await cloud.stop([one.id])
        assert (change.previous, change.current) == (InstanceState.RUNNING, InstanceState.STOPPING)
        await until(in_state(cloud, one.id, InstanceState.STOPPED))
        assert cloud.instance(one.id).address is None
        assert cloud.instance(one.id).reason.code == "Client.UserInitiatedShutdown"  # type: ignore[union-attr]
        (change,) = await cloud.start([one.id])
        assert (change.previous, change.current) == (InstanceState.STOPPED, InstanceState.PENDING)
        await until(in_state(cloud, one.id, InstanceState.RUNNING))
        assert cloud.instance(one.id).reason is None
        (change,) = await cloud.terminate([one.id])
        assert change.current is InstanceState.SHUTTING_DOWN
        await until(in_state(cloud, one.id, InstanceState.TERMINATED))
        assert world.engine.guests == {}


async def test_every_published_state_has_the_next_generation(world: World) -> None:
    async with world.up() as cloud:
        with cloud.hub.subscribe() as reader:
            one = await launch(cloud)
            await cloud.terminate([one.id])
            await until(in_state(cloud, one.id, InstanceState.TERMINATED))
            seen = []
            while not seen or seen[-1]["state"] != "terminated":
                event = await anext(reader)
                if event.kind == "instance":
                    seen.append(event.data)
        assert [view["state"] for view in seen] == ["pending", "running", "shutting-down", "terminated"]
        assert [view["generation"] for view in seen] == [1, 2, 3, 4]
        assert seen[1]["limits"]["memory_mib"] == 512


async def test_asking_for_what_the_state_forbids_changes_nothing_for_any_of_them(world: World) -> None:
    async with world.up() as cloud:
        stopped, runs = await launch(cloud), await launch(cloud)
        await cloud.stop([stopped.id])
        await until(in_state(cloud, stopped.id, InstanceState.STOPPED))
        with pytest.raises(Conflict, match=f"{stopped.id} is stopped; reboot needs running"):
            await cloud.reboot([runs.id, stopped.id])
        with pytest.raises(NotFound) as unknown:
            await cloud.terminate([runs.id, "i-0ffffffffffffffff"])
        assert unknown.value.code == "InvalidInstanceID.NotFound"
        assert cloud.instance(runs.id) == runs


async def test_asking_again_for_what_is_so_is_fine(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        assert (await cloud.start([one.id]))[0].current is InstanceState.RUNNING
        await cloud.terminate([one.id])
        await until(in_state(cloud, one.id, InstanceState.TERMINATED))
        (change,) = await cloud.terminate([one.id, one.id])
        assert (change.previous, change.current) == (InstanceState.TERMINATED, InstanceState.TERMINATED)


async def test_a_reboot_starts_the_program_anew_and_the_state_stays(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        await cloud.reboot([one.id])
        await until(lambda: world.engine.guests[one.id].boots == 2)
        await until(lambda: world.engine.guests[one.id].running)
        assert cloud.instance(one.id).state is InstanceState.RUNNING


async def test_a_reboot_that_cannot_start_the_program_again_is_told_as_such(world: World) -> None:
    world.settings = FakeSettings(fail_starts=frozenset({2, 3, 4}))
    async with world.up() as cloud:
        one = await launch(cloud)
        await cloud.reboot([one.id])
        await until(in_state(cloud, one.id, InstanceState.STOPPED))
        assert "Internal error on reboot" in str(cloud.instance(one.id).reason)
        await cloud.start([one.id])
        await until(in_state(cloud, one.id, InstanceState.RUNNING))


async def test_terminate_breaks_off_a_slow_boot(world: World) -> None:
    world.settings = FakeSettings(boot_s=30)
    async with world.up() as cloud:
        (one,) = await cloud.run_instances(LaunchRequest(image_id=IMAGE))
        await until(lambda: one.id in world.engine.guests)
        await cloud.terminate([one.id])
        await until(in_state(cloud, one.id, InstanceState.TERMINATED), within_s=1)
        assert world.engine.guests == {}


async def test_a_measurement_that_is_broken_off_is_not_taken_for_an_answer(world: World) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    class Slow(FakeDriver):
        async def inspect(self, instance_id: str) -> GuestStatus | None:
            if not answer.is_set():
                asked.set()
                await answer.wait()
            return await super().inspect(instance_id)

    async with world.up() as cloud:
        one = await launch(cloud)
        world.driver.__class__ = Slow
        world.driver.gap()
        world.engine.guests[one.id].running = False
        await asked.wait()
        world.engine.guests[one.id].running = True
        await cloud.stop([one.id])
        await asyncio.sleep(0.01)
        assert cloud.instance(one.id).state is InstanceState.STOPPING
        answer.set()
        await until(in_state(cloud, one.id, InstanceState.STOPPED))
        assert not world.engine.guests[one.id].running


async def test_a_forced_stop_gives_no_grace(world: World) -> None:
    world.settings, world.timeouts = FakeSettings(stop_s=30), replace(QUICK, stop_grace_s=30)
    async with world.up() as cloud:
        one = await launch(cloud)
        await cloud.stop([one.id])
        await cloud.stop([one.id], force=True)
        await until(in_state(cloud, one.id, InstanceState.STOPPED), within_s=1)


@pytest.mark.parametrize(
    ("death", "code", "words"),
    [
        (Death(exit_code=137), "Server.InternalError", "SIGKILL"),
        (Death(exit_code=137, oom=True), "Server.InternalError", "out of memory"),
        (Death(exit_code=0), "Client.InstanceInitiatedShutdown", "exit code 0"),
    ],
)
async def test_a_machine_that_dies_is_stopped_at_once_with_its_reason(
    world: World, death: Death, code: str, words: str
) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        world.driver.die(one.id, death)
        await until(in_state(cloud, one.id, InstanceState.STOPPED), within_s=0.5)
        after = cloud.instance(one.id)
        assert after.reason is not None
        assert after.reason.code == code
        assert words in after.reason.message
        assert after.wanted is Wanted.RUNNING


async def test_an_orderly_end_terminates_where_asked_for(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud, shutdown_behavior="terminate")
        world.driver.die(one.id, Death(exit_code=0))
        await until(in_state(cloud, one.id, InstanceState.TERMINATED))
        assert cloud.instance(one.id).reason.code == "Client.InstanceInitiatedShutdown"  # type: ignore[union-attr]


async def test_deaths_that_no_event_told_are_found_after_a_gap_and_in_the_slow_round(world: World) -> None:
    async with world.up() as cloud:
        told, silent = await launch(cloud), await launch(cloud)
        world.engine.guests[told.id].running = False
        world.driver.gap()
        await until(in_state(cloud, told.id, InstanceState.STOPPED))
        del world.engine.guests[silent.id]
        await until(in_state(cloud, silent.id, InstanceState.STOPPED))


async def test_a_launch_that_fails_is_terminated_with_its_reason_and_leaves_nothing(world: World) -> None:
    world.settings = FakeSettings(fail_starts=frozenset({1, 2, 3}))
    async with world.up() as cloud:
        (one,) = await cloud.run_instances(LaunchRequest(image_id=IMAGE))
        await until(in_state(cloud, one.id, InstanceState.TERMINATED))
        reason = cloud.instance(one.id).reason
        assert reason is not None
        assert reason.code == "Server.InternalError"
        assert "start number 3 fails" in reason.message
        assert world.engine.guests == {}


async def test_a_launch_is_tried_again_when_the_engine_fails_once(world: World) -> None:
    world.settings = FakeSettings(fail_creates=frozenset({1}), fail_starts=frozenset({1}))
    async with world.up() as cloud:
        await launch(cloud)


async def test_a_bug_in_a_driver_fails_the_launch_without_its_internals_and_not_the_cloud(world: World) -> None:
    class Buggy(FakeDriver):
        async def create(self, spec: GuestSpec) -> None:
            raise RuntimeError("a bug")

    async with world.up() as cloud:
        fine = await launch(cloud)
        world.driver.__class__ = Buggy
        (one,) = await cloud.run_instances(LaunchRequest(image_id=IMAGE))
        await until(in_state(cloud, one.id, InstanceState.TERMINATED))
        reason = cloud.instance(one.id).reason
        assert reason is not None
        assert reason.message.endswith("Internal error on launch: internal error; the platform's log has the details")
        assert cloud.instance(fine.id).state is InstanceState.RUNNING


async def test_a_start_that_fails_is_stopped_again_and_keeps_the_machine(world: World) -> None:
    world.settings = FakeSettings(fail_starts=frozenset({2, 3, 4}))
    async with world.up() as cloud:
        one = await launch(cloud)
        await cloud.stop([one.id])
        await until(in_state(cloud, one.id, InstanceState.STOPPED))
        await cloud.start([one.id])
        await until(lambda: "Internal error on start" in str(cloud.instance(one.id).reason))
        assert cloud.instance(one.id).state is InstanceState.STOPPED
        assert one.id in world.engine.guests


async def test_an_engine_that_is_down_delays_and_loses_nothing(world: World) -> None:
    async with world.up() as cloud:
        one, two = await launch(cloud), await launch(cloud)
        world.engine.down = True
        await cloud.terminate([one.id])
        await asyncio.sleep(0.05)
        assert cloud.instance(one.id).state is InstanceState.SHUTTING_DOWN
        assert cloud.instance(two.id).state is InstanceState.RUNNING
        world.engine.down = False
        await until(in_state(cloud, one.id, InstanceState.TERMINATED))
        assert set(world.engine.guests) == {two.id}


async def test_guests_that_appear_from_nowhere_are_removed_in_the_slow_round(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        stray = replace(world.engine.guests[one.id].spec, instance_id="i-0badbadbadbadbad0")
        await world.driver.create(stray)
        await until(lambda: set(world.engine.guests) == {one.id})


async def test_what_does_not_fit_is_refused_whole_and_says_so(world: World) -> None:
    world.settings = FakeSettings(cpu_cores=2, memory_mib=3584)
    async with world.up() as cloud:
        with pytest.raises(NoCapacity, match=r"t3.nano needs 0.1 cores and 512 MiB.*--overcommit"):
            await cloud.run_instances(LaunchRequest(image_id=IMAGE, min_count=5, max_count=5))
        assert cloud.instances() == ()
        assert len(await cloud.run_instances(LaunchRequest(image_id=IMAGE, min_count=1, max_count=9))) == 4
        assert [(view.free.memory_mib, view.used.instances) for view in cloud.hosts()] == [(256, 2), (256, 2)]


async def test_launches_with_the_same_key_are_spread_however_full_the_hosts_are(world: World) -> None:
    async with world.up() as cloud:
        for _ in range(3):
            await launch(cloud, host_id="host-a")
        first, second = await launch(cloud, spread_key="db"), await launch(cloud, spread_key="db")
        assert [first.host_id, second.host_id] == ["host-b", "host-a"]
        pair = await cloud.run_instances(LaunchRequest(image_id=IMAGE, min_count=2, max_count=2, spread_key="web"))
        assert [one.host_id for one in pair] == ["host-b", "host-a"]


async def test_overcommit_promises_more_and_says_so(world: World) -> None:
    world.settings = FakeSettings(cpu_cores=2, memory_mib=3584)
    world.cloud_settings = CloudSettings(overcommit=2)
    async with world.up() as cloud:
        assert len(await cloud.run_instances(LaunchRequest(image_id=IMAGE, min_count=8, max_count=8))) == 8
        assert [view.host.memory_mib for view in cloud.hosts()] == [2560, 2560]
        assert cloud.overcommit == 2


async def test_a_stopped_instance_gives_its_place_and_needs_it_back_to_start(world: World) -> None:
    world.settings = FakeSettings(cpu_cores=2, memory_mib=3584)
    async with world.up() as cloud:
        one = await launch(cloud, host_id="host-a")
        await launch(cloud, host_id="host-a")
        await cloud.stop([one.id])
        await until(in_state(cloud, one.id, InstanceState.STOPPED))
        await launch(cloud, host_id="host-a")
        with pytest.raises(NoCapacity):
            await cloud.start([one.id])
        assert cloud.instance(one.id).state is InstanceState.STOPPED


async def test_the_same_token_gives_the_same_reservation_and_another_request_is_refused(world: World) -> None:
    request = LaunchRequest(image_id=IMAGE, max_count=2, client_token="once", tags={"b": "1", "a": "2"})
    async with world.up(remove=False) as cloud:
        first = await cloud.run_instances(request)
        again = await cloud.run_instances(replace(request, tags={"a": "2", "b": "1"}))
        assert {one.id for one in again} == {one.id for one in first}
        with pytest.raises(InvalidInput) as refused:
            await cloud.run_instances(replace(request, max_count=3))
        assert refused.value.code == "IdempotentParameterMismatch"
    async with world.up() as cloud:
        assert {one.id for one in await cloud.run_instances(request)} == {one.id for one in first}
        assert len(cloud.instances()) == 2


async def test_a_template_gives_what_the_request_leaves_out(world: World) -> None:
    async with world.up() as cloud:
        template = await cloud.create_launch_template(
            TemplateRequest(
                name="web", image_id=IMAGE, type_name="t3.micro", user_data=b"hello", instance_tags={"a": "1", "b": "1"}
            )
        )
        (one,) = await cloud.run_instances(LaunchRequest(template="web", tags={"b": "2"}))
        assert (one.type_name, one.user_data) == ("t3.micro", b"hello")
        assert one.tags == {
            "a": "1",
            "b": "2",
            "aws:ec2launchtemplate:id": template.id,
            "aws:ec2launchtemplate:version": "1",
        }
        with pytest.raises(InvalidInput, match="already in use"):
            await cloud.create_launch_template(TemplateRequest(name="web"))
        await cloud.delete_launch_template("web")
        with pytest.raises(NotFound):
            await cloud.run_instances(LaunchRequest(template="web"))


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
async def test_launches_that_make_no_sense_are_refused_with_nothing_launched(
    world: World, request_: LaunchRequest
) -> None:
    async with world.up() as cloud:
        with pytest.raises((InvalidInput, NotFound)):
            await cloud.run_instances(request_)
        assert cloud.instances() == ()


async def test_tags_are_put_on_all_or_none(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        template = await cloud.create_launch_template(TemplateRequest(name="web", image_id=IMAGE))
        await cloud.create_tags([one.id, template.id], {"team": "blue"})
        assert cloud.instance(one.id).tags == cloud.templates()[0].tags == {"team": "blue"}
        with pytest.raises(NotFound):
            await cloud.create_tags([one.id, "i-0ffffffffffffffff"], {"team": "red"})
        assert cloud.instance(one.id).tags == {"team": "blue"}
        await cloud.delete_tags([one.id], {"team": "red"})
        assert cloud.instance(one.id).tags == {"team": "blue"}
        await cloud.delete_tags([one.id], {"team": None})
        assert cloud.instance(one.id).tags == {}


async def test_a_terminated_instance_stays_visible_for_an_hour(world: World) -> None:
    clock = world.clock = ManualClock()
    async with world.up() as cloud:
        one = await launch(cloud)
        await cloud.terminate([one.id])
        await until(in_state(cloud, one.id, InstanceState.TERMINATED))
        clock.advance(3599)
        await asyncio.sleep(0.12)
        assert cloud.instance(one.id).state is InstanceState.TERMINATED
        clock.advance(2)
        await until(lambda: cloud.instances() == ())


async def test_a_token_whose_instances_are_forgotten_is_refused_as_ec2_does(world: World) -> None:
    world.timeouts = replace(world.timeouts, keep_terminated_s=0.0)
    request = LaunchRequest(image_id=IMAGE, client_token="once")
    async with world.up() as cloud:
        (one,) = await cloud.run_instances(request)
        await cloud.terminate([one.id])
        await until(lambda: cloud.instances() == ())
        with pytest.raises(InvalidInput, match=one.id) as refused:
            await cloud.run_instances(request)
        assert refused.value.code == "IdempotentInstanceTerminated"


class _SlowToCancel(FakeDriver):
    """Takes a moment to notice that its caller has given up."""

    async def stop(self, instance_id: str, *, grace_s: float) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
            raise


async def test_two_forced_stops_and_a_terminate_in_a_row_are_all_admitted(world: World) -> None:
    world.settings, world.timeouts = FakeSettings(stop_s=30), replace(QUICK, stop_grace_s=30)
    async with world.up() as cloud:
        one, two = await launch(cloud), await launch(cloud)
        world.driver.__class__ = _SlowToCancel
        await cloud.stop([one.id, two.id])
        await asyncio.sleep(0.01)
        for _ in range(3):
            await cloud.stop([one.id, two.id], force=True)
            await asyncio.sleep(0)
        await cloud.terminate([one.id, two.id])
        for each in (one, two):
            await until(in_state(cloud, each.id, InstanceState.TERMINATED))


async def test_a_call_about_several_instances_is_one_transaction(world: World) -> None:
    async with world.up() as cloud:
        ids = [(await launch(cloud)).id for _ in range(3)]
        write = cloud._store.write

        def fails(put: Iterable[Record] = (), forget: Iterable[Record] = ()) -> None:
            if len(tuple(put)) < len(ids):
                write(put, forget)
            raise Internal("the disk is full")

        cloud._store.write = fails  # type: ignore[method-assign]
        with pytest.raises(Internal):
            await cloud.stop(ids)
        assert [cloud.instance(one).state for one in ids] == [InstanceState.RUNNING] * 3
        cloud._store.write = write  # type: ignore[method-assign]


class _NoAddress(FakeDriver):
    """Boots guests that never get an address."""

    starts = 0

    async def start(self, instance_id: str) -> Booted:
        type(self).starts += 1
        return await super().start(instance_id)

    async def inspect(self, instance_id: str) -> GuestStatus | None:
        found = await super().inspect(instance_id)
        return replace(found, booted=None) if found else None


async def test_a_start_that_changes_nothing_fails_with_its_reason_after_a_few_tries(world: World) -> None:
    async with world.up() as cloud:
        world.driver.__class__ = _NoAddress
        _NoAddress.starts = 0
        (one,) = await cloud.run_instances(LaunchRequest(image_id=IMAGE))
        await until(in_state(cloud, one.id, InstanceState.TERMINATED))
        assert "start changed nothing: the guest runs without an address" in str(cloud.instance(one.id).reason)
        assert _NoAddress.starts <= 2 * QUICK.tries
