"""Contract tests: what every driver does. The ports are described in vmhost/drivers/ports.py."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from harness import Harness, Listener

from vmhost.base.errors import Conflict, InvalidInput, NotFound, Unavailable
from vmhost.drivers.ports import Driver
from vmhost.model.guest import GuestPhase
from vmhost.model.image import Boot

ONE, TWO = "i-0c0ffee000000001", "i-0c0ffee000000002"
UNKNOWN = "i-0c0ffee00000ffff"


async def eventually(holds: Callable[[], Awaitable[bool]], *, within_s: float = 2.0) -> None:
    async with asyncio.timeout(within_s):
        while not await holds():
            await asyncio.sleep(0.01)


async def phase(driver: Driver, instance_id: str) -> GuestPhase | None:
    status = await driver.instances.inspect(instance_id)
    return status.phase if status else None


async def test_guest_lifecycle(under_test: Harness, driver: Driver) -> None:
    await driver.instances.create(under_test.spec(ONE))
    assert await phase(driver, ONE) is GuestPhase.STOPPED
    endpoint = await driver.instances.start(ONE)
    status = await driver.instances.inspect(ONE)
    assert status is not None
    assert (status.phase, status.endpoint) == (GuestPhase.RUNNING, endpoint)
    await driver.instances.stop(ONE, grace_s=1)
    assert await phase(driver, ONE) is GuestPhase.STOPPED
    await driver.instances.start(ONE)
    assert await phase(driver, ONE) is GuestPhase.RUNNING
    await driver.instances.remove(ONE)
    assert await driver.instances.inspect(ONE) is None


async def test_every_call_may_be_repeated(under_test: Harness, driver: Driver) -> None:
    for _ in range(2):
        await driver.instances.create(under_test.spec(ONE))
    assert await driver.instances.start(ONE) == await driver.instances.start(ONE)
    for _ in range(2):
        await driver.instances.stop(ONE, grace_s=0)
    await driver.instances.kill(ONE)
    for _ in range(2):
        await driver.instances.remove(ONE)
    assert await driver.instances.list() == ()


async def test_unknown_guests_raise_not_found(driver: Driver) -> None:
    await driver.instances.stop(UNKNOWN, grace_s=0)
    await driver.instances.kill(UNKNOWN)
    await driver.instances.remove(UNKNOWN)
    assert await driver.instances.inspect(UNKNOWN) is None
    assert await driver.instances.stats(UNKNOWN) is None
    with pytest.raises(NotFound):
        await driver.instances.start(UNKNOWN)


async def test_unbootable_image_is_refused(under_test: Harness, driver: Driver) -> None:
    async def launch() -> None:
        await driver.instances.create(
            under_test.spec(ONE, Boot(command=("/no/such/program",), image="no-such-image:none"))
        )
        await driver.instances.start(ONE)

    with pytest.raises((InvalidInput, NotFound, Unavailable)):
        await launch()
    await driver.instances.remove(ONE)
    assert await driver.instances.list() == ()


async def test_starts_and_kills_published_within_a_second(
    under_test: Harness, driver: Driver, listener: Listener
) -> None:
    await driver.instances.create(under_test.spec(ONE))
    await driver.instances.start(ONE)
    await listener.until(lambda event: event.instance_id == ONE and event.phase is GuestPhase.RUNNING)
    await driver.instances.kill(ONE)
    event = await listener.until(lambda event: event.instance_id == ONE and event.phase is GuestPhase.STOPPED)
    assert event.death is None or event.death.exit_code in (None, 137)
    status = await driver.instances.inspect(ONE)
    assert status is not None
    assert status.death is not None
    assert status.death.exit_code == 137


async def test_exit_of_a_program_published_with_its_code(
    under_test: Harness, driver: Driver, listener: Listener
) -> None:
    await driver.instances.create(under_test.spec(ONE, under_test.failing_boot))
    await driver.instances.start(ONE)
    await listener.until(lambda event: event.instance_id == ONE and event.phase is GuestPhase.STOPPED, within_s=3)
    status = await driver.instances.inspect(ONE)
    assert status is not None
    assert status.phase is GuestPhase.STOPPED
    assert status.death is not None
    assert status.death.exit_code == 3


async def test_death_does_not_affect_the_neighbor(under_test: Harness, driver: Driver) -> None:
    for instance_id in (ONE, TWO):
        await driver.instances.create(under_test.spec(instance_id))
    first, second = await asyncio.gather(driver.instances.start(ONE), driver.instances.start(TWO))
    assert (first.address, first.port) != (second.address, second.port)
    await driver.instances.kill(ONE)
    await eventually(lambda: _is(driver, ONE, GuestPhase.STOPPED))
    assert await phase(driver, TWO) is GuestPhase.RUNNING


async def test_new_driver_finds_guests_of_earlier_run(under_test: Harness) -> None:
    earlier = under_test.make()
    await earlier.open()
    for instance_id in (ONE, TWO):
        await earlier.instances.create(under_test.spec(instance_id))
    await earlier.instances.start(ONE)
    await earlier.close(remove=False)
    later = under_test.make()
    await later.open()
    try:
        running = {status.instance_id for status in await later.instances.list() if status.phase is GuestPhase.RUNNING}
        assert running == ({ONE} if under_test.survives else set())
        if under_test.survives:
            assert {status.instance_id for status in await later.instances.list()} == {ONE, TWO}
    finally:
        await later.close(remove=True)


async def test_close_with_remove_leaves_nothing(under_test: Harness) -> None:
    driver = under_test.make()
    await driver.open()
    for instance_id in (ONE, TWO):
        await driver.instances.create(under_test.spec(instance_id))
        await driver.instances.start(instance_id)
    started = time.monotonic()
    await driver.close(remove=True)
    assert time.monotonic() - started < 5
    later = under_test.make()
    await later.open()
    try:
        assert await later.instances.list() == ()
    finally:
        await later.close(remove=True)


async def test_events_end_when_the_driver_closes(under_test: Harness) -> None:
    driver = under_test.make()
    await driver.open()
    listener = Listener(driver.instances.events())
    await asyncio.sleep(0)
    await driver.close(remove=True)
    async with asyncio.timeout(2):
        await listener.ended.wait()
    await listener.close()


async def test_commands_run_inside_the_guest(under_test: Harness, driver: Driver) -> None:
    await driver.instances.create(under_test.spec(ONE))
    with pytest.raises(Conflict):
        await driver.shell.execute(ONE, ["sh", "-c", "exit 7"], timeout_s=5)
    await driver.instances.start(ONE)
    assert await driver.shell.execute(ONE, ["sh", "-c", "exit 7"], timeout_s=5) == 7
    assert await driver.shell.execute(ONE, ["sh", "-c", "true"], timeout_s=5) == 0


async def test_command_killed_at_its_timeout(under_test: Harness, driver: Driver) -> None:
    await driver.instances.create(under_test.spec(ONE))
    await driver.instances.start(ONE)
    started = time.monotonic()
    assert await driver.shell.execute(ONE, ["sh", "-c", "sleep 30"], timeout_s=0.3) != 0
    assert time.monotonic() - started < 5


async def test_cancelled_command_is_killed_with_its_children(under_test: Harness, driver: Driver) -> None:
    await driver.instances.create(under_test.spec(ONE))
    await driver.instances.start(ONE)

    before = await driver.instances.stats(ONE)
    assert before is not None

    async def burns() -> bool:
        now = await driver.instances.stats(ONE)
        assert now is not None
        busy = now.cpu_seconds > before.cpu_seconds + 0.1 or not under_test.uses_cpu
        return busy and (now.pids or 0) > (before.pids or 0)

    async def rests() -> bool:
        first = await driver.instances.stats(ONE)
        await asyncio.sleep(0.2)
        second = await driver.instances.stats(ONE)
        return first is not None and second is not None and second.cpu_seconds - first.cpu_seconds < 0.02

    script = "trap '' TERM INT HUP; burn() { while :; do :; done; }; burn & burn & sleep 30"
    task = asyncio.create_task(driver.shell.execute(ONE, ["sh", "-c", script], timeout_s=30))
    await eventually(burns, within_s=10)
    task.cancel()
    started = time.monotonic()
    await asyncio.wait([task])
    assert time.monotonic() - started < 1
    assert task.cancelled()
    await eventually(rests, within_s=10)
    assert await phase(driver, ONE) is GuestPhase.RUNNING


async def test_running_guest_has_stats(under_test: Harness, driver: Driver) -> None:
    await driver.instances.create(under_test.spec(ONE))
    assert await driver.instances.stats(ONE) is None
    await driver.instances.start(ONE)
    stats = await driver.instances.stats(ONE)
    assert stats is not None
    assert stats.instance_id == ONE
    assert stats.cpu_seconds >= 0
    assert stats.memory_mib > 0


async def test_cpu_counters_rise_with_work(under_test: Harness, driver: Driver) -> None:
    await driver.instances.create(under_test.spec(ONE))
    assert await driver.instances.cpu(ONE) is None
    assert await driver.instances.cpu(UNKNOWN) is None
    await driver.instances.start(ONE)
    before, cores_before = await driver.instances.cpu(ONE), await driver.hosts.core_seconds()
    await driver.shell.execute(ONE, ("sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done"), timeout_s=20)
    after, cores_after = await driver.instances.cpu(ONE), await driver.hosts.core_seconds()
    assert before is not None
    assert after is not None
    if under_test.uses_cpu:
        assert after.used > before.used
        assert after.waited is None or after.waited >= 0
    assert cores_before.keys() == cores_after.keys()
    assert all(cores_after[core] >= cores_before[core] for core in cores_before)


async def test_a_guests_console_is_text(under_test: Harness, driver: Driver) -> None:
    await driver.instances.create(under_test.spec(ONE))
    await driver.instances.start(ONE)
    assert isinstance(await driver.shell.console(ONE), str)


async def test_limits_change_running_and_stopped(under_test: Harness, driver: Driver) -> None:
    await driver.instances.create(under_test.spec(ONE))
    await driver.instances.resize(ONE, under_test.limits)
    await driver.instances.start(ONE)
    await driver.instances.resize(ONE, under_test.limits)
    assert await phase(driver, ONE) is GuestPhase.RUNNING


async def test_hosts_and_capabilities_are_complete(driver: Driver) -> None:
    hosts = await driver.hosts.prepare()
    assert len(hosts) == len({host.id for host in hosts}) == 2
    for host in hosts:
        assert host.cpu_cores > 0
        assert host.memory_mib > 0
        assert host.pids > 0
        assert host.driver in driver.name.split(",")
    capabilities = driver.capabilities()
    assert capabilities.driver == driver.name
    assert capabilities.stands_for
    assert all(item.why for item in capabilities.items if not item.enforced)
    assert not capabilities.of("flying").enforced


async def test_hosts_may_be_prepared_again(under_test: Harness, driver: Driver) -> None:
    hosts = await driver.hosts.prepare()
    assert await driver.hosts.prepare() == hosts
    await driver.instances.create(under_test.spec(ONE, host_id=hosts[-1].id))
    await driver.instances.start(ONE)
    assert await phase(driver, ONE) is GuestPhase.RUNNING


@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.1])
async def test_leftovers_of_a_cancelled_launch_are_removed(under_test: Harness, driver: Driver, after_s: float) -> None:
    async def launch() -> None:
        await driver.instances.create(under_test.spec(ONE))
        await driver.instances.start(ONE)

    task = asyncio.create_task(launch())
    await asyncio.sleep(after_s)
    task.cancel()
    await asyncio.wait([task])
    await driver.instances.remove(ONE)
    assert await driver.instances.inspect(ONE) is None
    assert await driver.instances.list() == ()


async def _is(driver: Driver, instance_id: str, wanted: GuestPhase) -> bool:
    return await phase(driver, instance_id) is wanted
