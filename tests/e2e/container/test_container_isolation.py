"""The walls of a guest: CPU, memory, processes; and what the platform hears when one is hit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from container_guest import Guest
from engine_world import IMAGE, LIMITS, World, docker, spec

from vmhost.drivers.container.driver import ContainerDriver
from vmhost.model.guest import GuestEvent, GuestPhase
from vmhost.model.host import Host
from vmhost.model.image import Boot

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="module")]

_BURN = ["sh", "-c", "while :; do :; done & while :; do :; done"]


async def _death(driver: ContainerDriver, instance_id: str, act: Callable[[], object]) -> tuple[GuestEvent, float]:
    """The death that the act causes, and how long after the act it was published."""
    events = driver.instances.events()
    await asyncio.sleep(0)
    started = time.monotonic()
    await asyncio.to_thread(act)
    async with asyncio.timeout(5):
        async for event in events:
            if event.instance_id == instance_id and event.phase is GuestPhase.STOPPED:
                return event, time.monotonic() - started
    raise AssertionError("the events ended")


async def test_cpu_hog_gets_only_its_quota(make_guest: Callable[..., Guest]) -> None:
    async with make_guest() as guest:
        hog = asyncio.create_task(guest.driver.shell.execute(guest.id, _BURN, timeout_s=2.5))
        await asyncio.sleep(0.5)
        before, started = await guest.driver.instances.stats(guest.id), time.monotonic()
        await asyncio.sleep(1.5)
        after, took = await guest.driver.instances.stats(guest.id), time.monotonic() - started
        assert await hog != 0
        assert before
        assert after
        assert (after.cpu_seconds - before.cpu_seconds) / took <= LIMITS.cpu_quota_cores * 1.2
        assert after.throttled_seconds is not None


async def test_killed_command_leaves_no_child(make_guest: Callable[..., Guest]) -> None:
    async with make_guest() as guest:
        cancelled = asyncio.create_task(guest.driver.shell.execute(guest.id, _BURN, timeout_s=30))
        await asyncio.sleep(0.5)
        cancelled.cancel()
        await asyncio.wait([cancelled])
        stats = await guest.driver.instances.stats(guest.id)
        assert stats
        assert stats.pids == 2  # the engine's init and the program


async def test_guest_above_its_memory_is_killed(make_guest: Callable[..., Guest]) -> None:
    boot = Boot(image=IMAGE, command=("python", "-c", "import time; time.sleep(1); x = bytearray(1 << 29)"))
    async with make_guest(boot=boot) as guest:
        event, _ = await _death(guest.driver, guest.id, lambda: None)
        assert event.death
        assert event.death.oom
        status = await guest.driver.instances.inspect(guest.id)
        assert status
        assert status.death
        assert status.death.oom


async def test_process_limit_holds(make_guest: Callable[..., Guest]) -> None:
    async with make_guest() as guest:
        fork = "for i in $(seq 100); do sleep 5 & done; wait"
        assert "fork" in (await guest.says("sh", "-c", fork)).lower()


async def test_death_from_outside_published_within_a_second(make_guest: Callable[..., Guest]) -> None:
    async with make_guest() as guest:
        event, took = await _death(guest.driver, guest.id, lambda: docker("kill", guest.container))
        assert event.death
        assert (event.death.exit_code, event.death.oom) == (137, False)
        assert took < 1


async def test_host_group_limits_its_guests(cloud: World, driver: ContainerDriver) -> None:
    isolation = driver.capabilities().of("host")
    if not isolation.enforced:
        pytest.skip(f"hosts have no limits here: {isolation.why}")
    await driver.hosts.set_limits((Host(id="host-w", zone="us-east-1a", cpu_cores=0.5, memory_mib=1024, pids=500),))
    generous = replace(LIMITS, cpu_quota_cores=0.5)
    ids = ["i-w1", "i-w2"]
    for instance_id in ids:
        await driver.instances.create(spec(instance_id, host_id="host-w", limits=generous))
        await driver.instances.start(instance_id)
    try:
        hogs = [asyncio.create_task(driver.shell.execute(one, _BURN, timeout_s=2.5)) for one in ids]
        await asyncio.sleep(0.7)
        before, started = await _cpu_seconds(driver, ids), time.monotonic()
        await asyncio.sleep(1.5)
        rate = (await _cpu_seconds(driver, ids) - before) / (time.monotonic() - started)
        assert rate <= 0.6
        await asyncio.wait(hogs)
    finally:
        for instance_id in ids:
            await driver.instances.remove(instance_id)


async def _cpu_seconds(driver: ContainerDriver, ids: list[str]) -> float:
    found = [await driver.instances.stats(one) for one in ids]
    return sum(one.cpu_seconds for one in found if one)


async def test_new_limits_hold_a_running_guest(make_guest: Callable[..., Guest]) -> None:
    async with make_guest() as guest:
        await guest.driver.instances.resize(guest.id, replace(LIMITS, memory_mib=256, pids=32, cpu_quota_cores=0.2))
        shown = "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.PidsLimit}} {{.HostConfig.CpuQuota}}"
        assert docker("inspect", guest.container, "-f", shown) == f"{256 << 20} {256 << 20} 32 2000"


async def test_objects_of_another_cloud_not_touched(cloud: World, driver: ContainerDriver) -> None:
    name = f"{cloud.cloud}-i-foreign"
    docker("run", "-d", "--name", name, "--network", "none", "--entrypoint", "sleep", IMAGE, "60")
    try:
        assert await driver.instances.inspect("i-foreign") is None
        await driver.instances.kill("i-foreign")
        await driver.instances.remove("i-foreign")
        assert docker("inspect", name, "-f", "{{.State.Running}}") == "true"
    finally:
        docker("rm", "-f", name)
