from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

import pytest
from fake_cloud import IMAGE, QUICK, World, in_state, launch, until

from tests.fakes import ManualClock
from vmhost.base.errors import Conflict, Internal, NoCapacity, NotFound
from vmhost.control.instances.launcher import LaunchRequest
from vmhost.control.instances.record import InstanceState, Wanted
from vmhost.control.templates.service import TemplateRequest
from vmhost.drivers.fake import FakeInstances, FakeSettings
from vmhost.model.guest import Death, Endpoint, GuestStatus
from vmhost.store import Key, Row


async def test_instance_runs_stops_starts_terminates(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        assert one.address == world.engine.guests[one.id].address
        assert one.host_id == "host-a"
        (change,) = cloud.instances.stop([one.id])
        assert (change.previous, change.current) == (InstanceState.RUNNING, InstanceState.STOPPING)
        await until(in_state(cloud, one.id, InstanceState.STOPPED))
        assert cloud.instances.get(one.id).address is None
        assert cloud.instances.get(one.id).reason.code == "Client.UserInitiatedShutdown"  # type: ignore[union-attr]
        (change,) = cloud.instances.start([one.id])
        assert (change.previous, change.current) == (InstanceState.STOPPED, InstanceState.PENDING)
        await until(in_state(cloud, one.id, InstanceState.RUNNING))
        assert cloud.instances.get(one.id).reason is None
        (change,) = cloud.instances.terminate([one.id])
        assert change.current is InstanceState.SHUTTING_DOWN
        await until(in_state(cloud, one.id, InstanceState.TERMINATED))
        assert world.engine.guests == {}


async def test_each_published_state_has_the_next_generation(world: World) -> None:
    async with world.up() as cloud:
        with cloud.hub.subscribe() as reader:
            one = await launch(cloud)
            cloud.instances.terminate([one.id])
            await until(in_state(cloud, one.id, InstanceState.TERMINATED))
            seen = []
            while not seen or seen[-1].state != "terminated":
                event = await anext(reader)
                if event.kind == "instance":
                    seen.append(event.data)
        assert [view.state for view in seen] == ["pending", "running", "shutting-down", "terminated"]
        assert [view.generation for view in seen] == [1, 2, 3, 4]
        assert seen[1].limits.memory_mib == 512


async def test_forbidden_request_changes_no_instance(world: World) -> None:
    async with world.up() as cloud:
        stopped, runs = await launch(cloud), await launch(cloud)
        cloud.instances.stop([stopped.id])
        await until(in_state(cloud, stopped.id, InstanceState.STOPPED))
        with pytest.raises(Conflict, match=f"{stopped.id} is stopped; reboot needs running"):
            cloud.instances.reboot([runs.id, stopped.id])
        with pytest.raises(NotFound) as unknown:
            cloud.instances.terminate([runs.id, "i-0ffffffffffffffff"])
        assert unknown.value.code == "InvalidInstanceID.NotFound"
        assert cloud.instances.get(runs.id) == runs


async def test_repeated_request_is_accepted(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        assert (cloud.instances.start([one.id]))[0].current is InstanceState.RUNNING
        cloud.instances.terminate([one.id])
        await until(in_state(cloud, one.id, InstanceState.TERMINATED))
        (change,) = cloud.instances.terminate([one.id, one.id])
        assert (change.previous, change.current) == (InstanceState.TERMINATED, InstanceState.TERMINATED)


async def test_reboot_restarts_and_state_stays_running(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        cloud.instances.reboot([one.id])
        await until(lambda: world.engine.guests[one.id].boots == 2)
        await until(lambda: world.engine.guests[one.id].running)
        assert cloud.instances.get(one.id).state is InstanceState.RUNNING


async def test_failed_reboot_stops_with_its_reason(world: World) -> None:
    world.settings = FakeSettings(fail_starts=frozenset({2, 3, 4}))
    async with world.up() as cloud:
        one = await launch(cloud)
        cloud.instances.reboot([one.id])
        await until(in_state(cloud, one.id, InstanceState.STOPPED))
        assert "Internal error on reboot" in str(cloud.instances.get(one.id).reason)
        cloud.instances.start([one.id])
        await until(in_state(cloud, one.id, InstanceState.RUNNING))


async def test_terminate_interrupts_a_slow_boot(world: World) -> None:
    world.settings = FakeSettings(boot_s=30)
    async with world.up() as cloud:
        (one,) = cloud.instances.run(LaunchRequest(image_id=IMAGE))
        await until(lambda: one.id in world.engine.guests)
        cloud.instances.terminate([one.id])
        await until(in_state(cloud, one.id, InstanceState.TERMINATED), within_s=1)
        assert world.engine.guests == {}


async def test_interrupted_measurement_is_discarded(world: World) -> None:
    called, answer = asyncio.Event(), asyncio.Event()

    class Slow(FakeInstances):
        async def inspect(self, instance_id: str) -> GuestStatus | None:
            if not answer.is_set():
                called.set()
                await answer.wait()
            return await super().inspect(instance_id)

    async with world.up() as cloud:
        one = await launch(cloud)
        world.driver.instances.__class__ = Slow
        world.driver.instances.gap()
        world.engine.guests[one.id].running = False
        await called.wait()
        world.engine.guests[one.id].running = True
        cloud.instances.stop([one.id])
        await asyncio.sleep(0.01)
        assert cloud.instances.get(one.id).state is InstanceState.STOPPING
        answer.set()
        await until(in_state(cloud, one.id, InstanceState.STOPPED))
        assert not world.engine.guests[one.id].running


async def test_forced_stop_gives_no_grace(world: World) -> None:
    world.settings, world.timeouts = FakeSettings(stop_s=30), replace(QUICK, stop_grace_s=30)
    async with world.up() as cloud:
        one = await launch(cloud)
        cloud.instances.stop([one.id])
        cloud.instances.stop([one.id], force=True)
        await until(in_state(cloud, one.id, InstanceState.STOPPED), within_s=1)


@pytest.mark.parametrize(
    ("death", "code", "words"),
    [
        (Death(exit_code=137), "Server.InternalError", "SIGKILL"),
        (Death(exit_code=137, oom=True), "Server.InternalError", "out of memory"),
        (Death(exit_code=0), "Client.InstanceInitiatedShutdown", "exit code 0"),
    ],
)
async def test_dead_instance_is_stopped_with_its_reason(world: World, death: Death, code: str, words: str) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        world.driver.instances.die(one.id, death)
        await until(in_state(cloud, one.id, InstanceState.STOPPED), within_s=0.5)
        after = cloud.instances.get(one.id)
        assert after.reason is not None
        assert after.reason.code == code
        assert words in after.reason.message
        assert after.wanted is Wanted.RUNNING


async def test_exit_code_0_terminates_if_requested(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud, shutdown_behavior="terminate")
        world.driver.instances.die(one.id, Death(exit_code=0))
        await until(in_state(cloud, one.id, InstanceState.TERMINATED))
        assert cloud.instances.get(one.id).reason.code == "Client.InstanceInitiatedShutdown"  # type: ignore[union-attr]


async def test_deaths_without_events_are_found(world: World) -> None:
    async with world.up() as cloud:
        with_event, silent = await launch(cloud), await launch(cloud)
        world.engine.guests[with_event.id].running = False
        world.driver.instances.gap()
        await until(in_state(cloud, with_event.id, InstanceState.STOPPED))
        del world.engine.guests[silent.id]
        await until(in_state(cloud, silent.id, InstanceState.STOPPED))


async def test_failed_start_is_stopped_and_keeps_guest(world: World) -> None:
    world.settings = FakeSettings(fail_starts=frozenset({2, 3, 4}))
    async with world.up() as cloud:
        one = await launch(cloud)
        cloud.instances.stop([one.id])
        await until(in_state(cloud, one.id, InstanceState.STOPPED))
        cloud.instances.start([one.id])
        await until(lambda: "Internal error on start" in str(cloud.instances.get(one.id).reason))
        assert cloud.instances.get(one.id).state is InstanceState.STOPPED
        assert one.id in world.engine.guests


async def test_engine_outage_delays_and_loses_nothing(world: World) -> None:
    async with world.up() as cloud:
        one, two = await launch(cloud), await launch(cloud)
        world.engine.down = True
        cloud.instances.terminate([one.id])
        await asyncio.sleep(0.05)
        assert cloud.instances.get(one.id).state is InstanceState.SHUTTING_DOWN
        assert cloud.instances.get(two.id).state is InstanceState.RUNNING
        world.engine.down = False
        await until(in_state(cloud, one.id, InstanceState.TERMINATED))
        assert set(world.engine.guests) == {two.id}


async def test_stray_guests_are_removed(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        stray = replace(world.engine.guests[one.id].spec, instance_id="i-0badbadbadbadbad0")
        await world.driver.instances.create(stray)
        await until(lambda: set(world.engine.guests) == {one.id})


async def test_stopped_instance_frees_its_place(world: World) -> None:
    world.settings = FakeSettings(cpu_cores=2, memory_mib=3584)
    async with world.up() as cloud:
        one = await launch(cloud, host_id="host-a")
        await launch(cloud, host_id="host-a")
        cloud.instances.stop([one.id])
        await until(in_state(cloud, one.id, InstanceState.STOPPED))
        await launch(cloud, host_id="host-a")
        with pytest.raises(NoCapacity):
            cloud.instances.start([one.id])
        assert cloud.instances.get(one.id).state is InstanceState.STOPPED


async def test_tags_are_added_to_all_or_none(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        template = cloud.templates.create(TemplateRequest(name="web", image_id=IMAGE))
        cloud.tags.add([one.id, template.id], {"team": "blue"})
        assert cloud.instances.get(one.id).tags == cloud.templates.all()[0].tags == {"team": "blue"}
        with pytest.raises(NotFound):
            cloud.tags.add([one.id, "i-0ffffffffffffffff"], {"team": "red"})
        assert cloud.instances.get(one.id).tags == {"team": "blue"}
        cloud.tags.remove([one.id], {"team": "red"})
        assert cloud.instances.get(one.id).tags == {"team": "blue"}
        cloud.tags.remove([one.id], {"team": None})
        assert cloud.instances.get(one.id).tags == {}


async def test_terminated_instance_stays_visible_for_an_hour(world: World) -> None:
    clock = world.clock = ManualClock()
    async with world.up() as cloud:
        one = await launch(cloud)
        cloud.instances.terminate([one.id])
        await until(in_state(cloud, one.id, InstanceState.TERMINATED))
        clock.advance(3599)
        await asyncio.sleep(0.12)
        assert cloud.instances.get(one.id).state is InstanceState.TERMINATED
        clock.advance(2)
        await until(lambda: cloud.instances.all() == ())


class _SlowToCancel(FakeInstances):
    """Takes a moment to notice that its caller has given up."""

    async def stop(self, instance_id: str, *, grace_s: float) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
            raise


async def test_repeated_forced_stops_and_terminate_succeed(world: World) -> None:
    world.settings, world.timeouts = FakeSettings(stop_s=30), replace(QUICK, stop_grace_s=30)
    async with world.up() as cloud:
        one, two = await launch(cloud), await launch(cloud)
        world.driver.instances.__class__ = _SlowToCancel
        cloud.instances.stop([one.id, two.id])
        await asyncio.sleep(0.01)
        for _ in range(3):
            cloud.instances.stop([one.id, two.id], force=True)
            await asyncio.sleep(0)
        cloud.instances.terminate([one.id, two.id])
        for each in (one, two):
            await until(in_state(cloud, each.id, InstanceState.TERMINATED))


async def test_call_about_several_instances_is_one_transaction(world: World) -> None:
    async with world.up() as cloud:
        ids = [(await launch(cloud)).id for _ in range(3)]
        write = cloud._store.write

        def fails(put: Iterable[Row] = (), forget: Iterable[Key] = ()) -> None:
            if len(tuple(put)) < len(ids):
                write(put, forget)
            raise Internal("the disk is full")

        cloud._store.write = fails  # type: ignore[method-assign]
        with pytest.raises(Internal):
            cloud.instances.stop(ids)
        assert [cloud.instances.get(one).state for one in ids] == [InstanceState.RUNNING] * 3
        cloud._store.write = write  # type: ignore[method-assign]


class _NoAddress(FakeInstances):
    """Boots guests that never get an address."""

    starts = 0

    async def start(self, instance_id: str) -> Endpoint:
        type(self).starts += 1
        return await super().start(instance_id)

    async def inspect(self, instance_id: str) -> GuestStatus | None:
        found = await super().inspect(instance_id)
        return replace(found, endpoint=None) if found else None


async def test_start_without_effect_fails_after_a_few_tries(world: World) -> None:
    async with world.up() as cloud:
        world.driver.instances.__class__ = _NoAddress
        _NoAddress.starts = 0
        (one,) = cloud.instances.run(LaunchRequest(image_id=IMAGE))
        await until(in_state(cloud, one.id, InstanceState.TERMINATED))
        assert "start changed nothing: the guest runs without an address" in str(cloud.instances.get(one.id).reason)
        assert _NoAddress.starts <= 2 * QUICK.tries
