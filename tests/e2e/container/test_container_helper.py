"""The same guests where a helper container lays the rules, as for a control plane without rights."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from container_guest import Guest
from engine_world import World, docker

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="module")]
HELPER = True


async def test_helper_does_the_same_work(make_guest: Callable[..., Guest]) -> None:
    async with make_guest() as guest:
        assert await guest.reaches("169.254.169.254", 80)
        assert not await guest.reaches("169.254.1.1", 80)
        assert guest.driver.capabilities().of("connections").enforced
        assert await guest.driver.shell.execute(guest.id, ["sh", "-c", "sleep 50 & sleep 50"], timeout_s=0.3) == 137
        stats = await guest.driver.instances.stats(guest.id)
        assert stats
        assert stats.pids == 2


async def test_helper_has_few_capabilities_and_no_engine_socket(cloud: World, make_guest: Callable[..., Guest]) -> None:
    shown = docker("inspect", f"{cloud.cloud}-helper", "-f", "{{json .HostConfig.CapAdd}} {{json .Mounts}}")
    assert "docker.sock" not in shown
    for right in ("SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "KILL"):
        assert right in shown


async def test_dead_helper_is_started_again(cloud: World, make_guest: Callable[..., Guest]) -> None:
    async with make_guest() as guest:
        docker("kill", f"{cloud.cloud}-helper")
        await guest.driver.instances.kill(guest.id)
        assert await guest.driver.instances.start(guest.id) == guest.endpoint
        assert await guest.reaches("169.254.169.254", 80)
