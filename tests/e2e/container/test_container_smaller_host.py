"""A cloud that was kept comes up again where its hosts have become smaller."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
from engine_world import docker, nothing_left

from vmhost.api.client import CloudClient
from vmhost.app import platform
from vmhost.base.errors import Unsupported
from vmhost.base.units import parse_cpus
from vmhost.control.cloud import CloudSettings
from vmhost.control.instances.record import InstanceState
from vmhost.drivers.cgroup_limits import GroupLimits
from vmhost.drivers.cgroups import ControlGroups
from vmhost.model.image import IMAGE_VARIABLE
from vmhost.settings import Settings

pytestmark = pytest.mark.engine
MINIMAL = "ami-0617a55c10d000001"


def _settings(state: Path, cloud: str, hosts: int, *, keep: bool) -> Settings:
    image = os.environ.get(IMAGE_VARIABLE)
    return Settings(
        **({"image": image} if image else {}),
        driver="container",
        port=0,
        state=state,
        cloud=CloudSettings(name=cloud, overcommit=4),
        hosts=hosts,
        keep=keep,
    )


async def test_guests_are_reduced_to_a_smaller_host(tmp_path: Path) -> None:
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
            quotas = {view.id: view.limits.cpu_quota_cores for view in status.instances if view.limits}
            assert _quotas(cloud, ids) == {one: round(quotas[one] * 10_000) for one in ids}
            assert max(_quotas(cloud, ids).values()) < min(before.values())
            assert {host.id for host in status.hosts if not host.enforced} == set()
            await client.start_instances(ids[:1])
            await _until(client, ids, InstanceState.RUNNING)


async def test_kept_guests_get_new_limits(tmp_path: Path) -> None:
    """As an earlier version left it: no CPUs of its own, two thirds of the host as a ceiling, a quota on the host."""
    cloud = f"gct-former-{os.getpid()}"
    with nothing_left(cloud):
        async with platform(_settings(tmp_path, cloud, 2, keep=True)) as up, CloudClient(up.access) as client:
            (one,) = await client.run_instances(image_id=MINIMAL, type_name="t3.nano")
            await _until(client, [one.id], InstanceState.RUNNING)
            every = ",".join(str(cpu) for host in (await client.status()).hosts for cpu in host.cpus)
            groups = _groups()
        docker("update", "--cpuset-cpus", every, "--cpu-period", "10000", "--cpu-quota", "5000", f"{cloud}-{one.id}")
        if groups is not None:
            groups.limit(f"glasscloud-{cloud}/host-a", GroupLimits(cpu_cores=0.75))
        async with platform(_settings(tmp_path, cloud, 2, keep=False)) as up, CloudClient(up.access) as client:
            status = await client.status()
            limits = next(view.limits for view in status.instances if view.id == one.id)
            assert limits is not None
            shown = docker("inspect", f"{cloud}-{one.id}", "-f", "{{json .HostConfig}}")
            config = json.loads(shown)
            assert parse_cpus(config["CpusetCpus"]) == limits.cpus
            assert config["CpuQuota"] / config["CpuPeriod"] == limits.cpu_quota_cores
            assert {one.name: one.enforced for one in status.capabilities}["cores"] is (not status.hosts[0].shared)
            await client.reboot_instances([one.id])
            await _until(client, [one.id], InstanceState.RUNNING)


def _groups() -> ControlGroups | None:
    """This machine's control groups, where they are ours to write."""
    try:
        return ControlGroups.detect()
    except Unsupported:
        return None


async def _until(client: CloudClient, ids: list[str], state: InstanceState) -> None:
    """Waits until all of these are so."""
    async with asyncio.timeout(20):
        while {one.state for one in await client.describe_instances() if one.id in ids} != {state.value}:
            await asyncio.sleep(0.05)


def _quotas(cloud: str, ids: list[str]) -> dict[str, int]:
    """The CPU ceilings that the engine holds them to, in microseconds of each 10 ms."""
    shown = {one: docker("inspect", f"{cloud}-{one}", "-f", "{{.HostConfig.CpuQuota}}") for one in ids}
    return {one: int(quota) for one, quota in shown.items()}
