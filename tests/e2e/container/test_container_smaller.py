"""A cloud that was kept comes up again where its hosts have become smaller."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from engine_world import docker, nothing_left

from vmhost.api.client import CloudClient
from vmhost.app import platform
from vmhost.control.cloud import CloudSettings
from vmhost.model.instance import InstanceState
from vmhost.settings import IMAGE_VARIABLE, Settings

pytestmark = pytest.mark.engine
MINIMAL = "ami-0617a55c10d000001"


def _settings(state: Path, cloud: str, hosts: int, *, keep: bool) -> Settings:
    image = os.environ.get(IMAGE_VARIABLE)
    return Settings(
        **({"image": image} if image else {}),
        driver="container",
        port=0,
        state=state,
        cloud=CloudSettings(name=cloud, hosts=hosts, overcommit=4),
        keep=keep,
    )


async def test_guests_are_cut_to_their_smaller_host_and_start_in_it(tmp_path: Path) -> None:
    cloud = f"gct-smaller-{os.getpid()}"
    with nothing_left(cloud):
        async with platform(_settings(tmp_path, cloud, 1, keep=True)) as up, CloudClient(up.access) as client:
            ids = [one.id for one in await client.run_instances(image_id=MINIMAL, type_name="t3.nano", count=2)]
            await _until(client, ids, InstanceState.RUNNING)
            before = _quotas(cloud, ids)
            await client.stop_instances(ids[:1])
            await _until(client, ids[:1], InstanceState.STOPPED)
        async with platform(_settings(tmp_path, cloud, 6, keep=False)) as up, CloudClient(up.access) as client:
            status = await client.status()
            told = {view.id: view.limits.cpu_quota_cores for view in status.instances if view.limits}
            assert _quotas(cloud, ids) == {one: round(told[one] * 10_000) for one in ids}
            assert max(_quotas(cloud, ids).values()) < min(before.values())
            assert {host.id for host in status.hosts if not host.enforced} == set()
            await client.start_instances(ids[:1])
            await _until(client, ids, InstanceState.RUNNING)


async def _until(client: CloudClient, ids: list[str], state: InstanceState) -> None:
    """Waits until all of these are so."""
    async with asyncio.timeout(20):
        while {one.state for one in await client.describe_instances() if one.id in ids} != {state.value}:
            await asyncio.sleep(0.05)


def _quotas(cloud: str, ids: list[str]) -> dict[str, int]:
    """The CPU ceilings that the engine holds them to, in microseconds of each 10 ms."""
    shown = {one: docker("inspect", f"{cloud}-{one}", "-f", "{{.HostConfig.CpuQuota}}") for one in ids}
    return {one: int(quota) for one, quota in shown.items()}
