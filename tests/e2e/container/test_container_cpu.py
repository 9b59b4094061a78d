"""What hungry guests of one host get of its CPUs, and where they run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from engine_world import LIMITS, World, docker, spec

from vmhost.base.units import physical_cores
from vmhost.drivers.container.driver import ContainerDriver
from vmhost.model.host import Host
from vmhost.model.limits import Limits

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="module")]

_BURN = ["sh", "-c", "while :; do :; done & while :; do :; done & while :; do :; done & while :; do :; done"]
_SETTLE_S, _MEASURE_S = 0.5, 2.0


def _host(cpus: tuple[int, ...], *, shared: bool) -> Host:
    return Host(
        id="host-x", zone="us-east-1a", cpu_cores=0.75, memory_mib=1024, pids=500, cpus=cpus, shared=shared
    )  # fmt: skip


@asynccontextmanager
async def _busy(driver: ContainerDriver, host: Host, wanted: Sequence[Limits]) -> AsyncIterator[list[float]]:
    """Cores that guests with these limits get when all burn all that they can."""
    await driver.hosts.set_limits((host,))
    ids = [f"i-x{number}" for number in range(len(wanted))]
    try:
        for instance_id, limits in zip(ids, wanted, strict=True):
            await driver.instances.create(spec(instance_id, host_id=host.id, limits=limits))
            await driver.instances.start(instance_id)
        hogs = [
            asyncio.create_task(driver.shell.execute(each, _BURN, timeout_s=_SETTLE_S + _MEASURE_S + 1)) for each in ids
        ]
        await asyncio.sleep(_SETTLE_S)
        before, started = [await _used(driver, each) for each in ids], asyncio.get_running_loop().time()
        await asyncio.sleep(_MEASURE_S)
        after, took = [await _used(driver, each) for each in ids], asyncio.get_running_loop().time() - started
        await asyncio.wait(hogs)
        yield [(late - early) / took for early, late in zip(before, after, strict=True)]
    finally:
        for instance_id in ids:
            await driver.instances.remove(instance_id)


async def _used(driver: ContainerDriver, instance_id: str) -> float:
    stats = await driver.instances.stats(instance_id)
    assert stats is not None
    return stats.cpu_seconds


async def test_busy_guests_share_a_host_by_weight(driver: ContainerDriver) -> None:
    """However busy the machine is: what their host gets is divided 1 to 2 to 4."""
    if not driver.capabilities().of("cores").enforced:
        pytest.skip("guests are not pinned to CPUs here")
    cpu = physical_cores(driver._runtime.session.cpus)[0][0]
    wanted = [replace(LIMITS, cpu_weight=weight, cpu_quota_cores=1.0, cpus=(cpu,)) for weight in (50, 100, 200)]
    async with _busy(driver, _host((cpu,), shared=False), wanted) as cores:
        assert [each / sum(cores) for each in cores] == pytest.approx([1 / 7, 2 / 7, 4 / 7], rel=0.15)


async def test_busy_guests_do_not_starve_under_a_host_quota(driver: ContainerDriver) -> None:
    """Where hosts share CPUs: counted every 10 ms, the quota left one of four with 0.005 cores."""
    isolation = driver.capabilities().of("host")
    if not isolation.enforced:
        pytest.skip(f"hosts have no quota here: {isolation.why}")
    cpus = tuple(cpu for core in physical_cores(driver._runtime.session.cpus) for cpu in core)
    wanted = [replace(LIMITS, cpu_quota_cores=0.75, cpus=cpus)] * 4
    async with _busy(driver, _host(cpus, shared=True), wanted) as cores:
        assert min(cores) > sum(cores) / 4 / 2
        assert sum(cores) < 0.75 * 1.1


async def test_guest_runs_on_the_cpus_of_its_host(cloud: World, driver: ContainerDriver) -> None:
    cpus = [cpu for core in physical_cores(driver._runtime.session.cpus) for cpu in core]
    await driver.hosts.set_limits((_host((cpus[-1],), shared=False),))
    await driver.instances.create(spec("i-moved", host_id="host-x", limits=replace(LIMITS, cpus=(cpus[-1],))))
    try:
        await driver.instances.start("i-moved")
        assert _allowed(cloud, "i-moved") == str(cpus[-1])
        assert driver.capabilities().of("cores").enforced
        await driver.hosts.set_limits((_host((cpus[0],), shared=False),))
        await driver.instances.resize("i-moved", replace(LIMITS, cpus=(cpus[0],)))
        assert _allowed(cloud, "i-moved") == str(cpus[0])
        assert driver.capabilities().of("cores").enforced
        docker("update", "--cpuset-cpus", ",".join(map(str, cpus)), f"{cloud.cloud}-i-moved")
        await driver.instances.resize("i-moved", LIMITS)
        shown = driver.capabilities().of("cores")
        assert shown.enforced is (len(cpus) == 1)
        assert len(cpus) == 1 or shown.why.startswith("i-moved runs on CPUs ")
    finally:
        await driver.instances.remove("i-moved")


def _allowed(cloud: World, instance_id: str) -> str:
    """The CPUs that the kernel lets the guest's program run on."""
    status = docker("exec", f"{cloud.cloud}-{instance_id}", "cat", "/proc/1/status")
    return next(line.split()[1] for line in status.splitlines() if line.startswith("Cpus_allowed_list"))
