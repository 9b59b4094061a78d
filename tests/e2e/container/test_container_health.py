"""Guests that run and cannot answer: paused, stopped by a signal, or off their network."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from container_guest import Guest
from engine_world import docker

from vmhost.drivers.container.driver import ContainerDriver
from vmhost.model.guest import GuestEvent

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="module")]

_WITHIN_S = 5.0


@asynccontextmanager
async def published(driver: ContainerDriver, instance_id: str) -> AsyncIterator[asyncio.Event]:
    """An event that is set once the driver publishes something about the guest."""
    seen = asyncio.Event()

    async def listen(events: AsyncIterator[GuestEvent]) -> None:
        async for event in events:
            if event.instance_id == instance_id:
                seen.set()

    task = asyncio.create_task(listen(driver.instances.events()))
    await asyncio.sleep(0)
    try:
        yield seen
    finally:
        task.cancel()


async def becomes(driver: ContainerDriver, instance_id: str, change: Callable[[], object], impaired: str) -> None:
    """A change of the guest is published within five seconds, and is visible in inspect and in the list."""
    async with published(driver, instance_id) as seen:
        await asyncio.to_thread(change)
        async with asyncio.timeout(_WITHIN_S):
            while True:
                await seen.wait()
                seen.clear()
                status = await driver.instances.inspect(instance_id)
                assert status is not None
                if impaired in status.impaired and bool(impaired) is bool(status.impaired):
                    break
    listed = {one.instance_id: one for one in await driver.instances.list()}[instance_id]
    assert listed.impaired == status.impaired


async def test_paused_guest_is_impaired(driver: ContainerDriver, make_guest: Callable[..., Guest]) -> None:
    async with make_guest() as guest:
        await becomes(driver, guest.id, lambda: docker("pause", guest.container), "paused")
        await becomes(driver, guest.id, lambda: docker("unpause", guest.container), "")


async def test_a_paused_guest_can_be_stopped_and_removed(
    driver: ContainerDriver, make_guest: Callable[..., Guest]
) -> None:
    async with make_guest() as guest:
        docker("pause", guest.container)
        async with asyncio.timeout(10):
            await driver.instances.stop(guest.id, grace_s=0)
        status = await driver.instances.inspect(guest.id)
        assert status is not None
        assert status.impaired == ""
        await driver.instances.start(guest.id)
        docker("pause", guest.container)


async def test_signal_stopped_program_is_reported(driver: ContainerDriver, make_guest: Callable[..., Guest]) -> None:
    async with make_guest() as guest:
        rows = docker("top", guest.container, "-eo", "pid,args").splitlines()
        (program,) = [int(row.split()[0]) for row in rows if row.split()[1:2] == ["sleep"]]
        await becomes(driver, guest.id, lambda: os.kill(program, signal.SIGSTOP), "SIGSTOP")
        await becomes(driver, guest.id, lambda: os.kill(program, signal.SIGCONT), "")


async def test_start_reconnects_a_disconnected_guest_with_rules(
    driver: ContainerDriver, make_guest: Callable[..., Guest]
) -> None:
    async with make_guest() as guest:
        network = guest.cloud.cloud
        await becomes(
            driver, guest.id, lambda: docker("network", "disconnect", "-f", network, guest.container), "not connected"
        )
        assert await driver.instances.start(guest.id) == guest.endpoint
        status = await driver.instances.inspect(guest.id)
        assert status is not None
        assert status.impaired == ""
        assert await guest.reaches("169.254.169.254", 80)
        assert not await guest.reaches("169.254.1.1", 80)
        pid = docker("inspect", guest.container, "-f", "{{.State.Pid}}")
        assert "tbf" in await asyncio.to_thread(_shaping, pid)


def _shaping(pid: str) -> str:
    return subprocess.run(
        ["nsenter", "-t", pid, "-n", "tc", "qdisc", "show"], capture_output=True, text=True, timeout=10, check=True
    ).stdout
