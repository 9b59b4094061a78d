"""The instance network: ranges that are asked for, names that are taken, and a cloud swept without opening it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from container_guest import Guest
from engine_world import IMAGE, docker, left_of, spec, world

from vmhost.base.errors import Conflict, InvalidInput, Unavailable
from vmhost.drivers.container.driver import ContainerDriver
from vmhost.model.host import Host

pytestmark = pytest.mark.engine


async def test_wanted_range_can_change_without_guests(tmp_path: Path) -> None:
    async with world("range", tmp_path) as one:
        for wanted in ("10.199.0.0/24", "10.199.1.0/24"):
            driver = ContainerDriver(replace(one.context, network_cidr=wanted))
            await driver.open()
            async with Guest(cloud=one, driver=driver, id="i-01") as guest:
                assert guest.endpoint.address == wanted.replace(".0/24", ".4")
            await driver.close(remove=False)
        driver = ContainerDriver(replace(one.context, network_cidr="10.199.1.0/24"))
        await driver.open()
        await Guest(cloud=one, driver=driver, id="i-02").__aenter__()
        await driver.close(remove=False)
        other = ContainerDriver(replace(one.context, network_cidr="10.199.2.0/24"))
        with pytest.raises(Conflict, match="end its instances first"):
            await other.open()
        await one.driver().close(remove=True)


async def test_range_in_use_is_refused(tmp_path: Path) -> None:
    async with world("overlap", tmp_path) as one:
        taken = docker("network", "inspect", "bridge", "-f", "{{(index .IPAM.Config 0).Subnet}}")
        with pytest.raises(InvalidInput, match="overlaps"):
            await ContainerDriver(replace(one.context, network_cidr=taken)).open()


async def test_foreign_network_of_same_name_not_touched(tmp_path: Path) -> None:
    async with world("foreign", tmp_path) as one:
        docker("network", "create", "--internal", one.cloud)
        try:
            driver = one.driver()
            with pytest.raises(Conflict, match="--cloud"):
                await driver.open()
            await driver.close(remove=True)
            assert docker("network", "inspect", one.cloud, "-f", "{{.Name}}") == one.cloud
        finally:
            docker("network", "rm", one.cloud)


async def test_unopened_driver_can_sweep(tmp_path: Path) -> None:
    async with world("sweep", tmp_path) as one:
        driver = one.driver()
        await driver.open()
        await driver.hosts.set_limits((Host(id="host-a", zone="us-east-1a", cpu_cores=1.0, memory_mib=512, pids=500),))
        await Guest(cloud=one, driver=driver, id="i-01").__aenter__()
        await driver.close(remove=False)
        assert left_of(one.cloud)
        await one.driver().close(remove=True)
        assert left_of(one.cloud) == []


async def test_cloud_of_a_running_platform_container_is_refused(tmp_path: Path) -> None:
    async with world("taken", tmp_path) as one:
        driver = one.driver()
        await driver.open()
        guest = await Guest(cloud=one, driver=driver, id="i-01").__aenter__()
        labels = ("--label", f"glasscloud.join={one.cloud}", "--label", "glasscloud.role=platform")
        platform = docker("run", "-d", "--rm", *labels, "--entrypoint", "sleep", IMAGE, "600")
        try:
            other = one.driver()
            with pytest.raises(Conflict, match="is up in container"):
                await other.open()
            with pytest.raises(Conflict, match="--cloud"):
                await other.close(remove=True)
            assert docker("inspect", guest.container, "-f", "{{.State.Running}}") == "true"
        finally:
            docker("rm", "-f", platform)
            await driver.close(remove=True)


async def test_retried_boot_sets_the_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world("rate", tmp_path) as one:
        driver = one.driver()
        await driver.open()
        try:
            await driver.instances.create(spec("i-01"))
            laid: list[int] = []

            async def shape(_: object, mbps: int) -> None:
                laid.append(mbps)
                if len(laid) == 1:
                    raise Unavailable("no tc for once")

            monkeypatch.setattr(driver._runtime.session.namespaces, "shape", shape)
            with pytest.raises(Unavailable):
                await driver.instances.start("i-01")
            await driver.instances.start("i-01")
            assert len(laid) == 2
        finally:
            await driver.close(remove=True)


async def test_refused_address_is_an_error(tmp_path: Path) -> None:
    async with world("refused", tmp_path) as one:
        driver = one.driver()
        await driver.open()
        taker = docker("create", "--network", "none", "--entrypoint", "sleep", IMAGE, "60")
        try:
            await driver.instances.create(spec("i-01"))
            wanted = docker("inspect", f"{one.cloud}-i-01", "-f", '{{index .Config.Labels "glasscloud.address"}}')
            docker("network", "disconnect", "none", taker)
            docker("network", "connect", "--ip", wanted, one.cloud, taker)
            docker("start", taker)
            with pytest.raises(Unavailable, match="no address on network"):
                await driver.instances.start("i-01")
            status = await driver.instances.inspect("i-01")
            assert status is not None
            assert status.endpoint is None
            docker("rm", "-f", taker)
            assert (await driver.instances.start("i-01")).address == wanted
        finally:
            docker("rm", "-f", taker, check=False)
            await driver.close(remove=True)
