"""A cloud with two drivers: the image selects the driver, and a restart keeps the instances of both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from fake_cloud import QUICK, in_state, until

from vmhost.base.clock import SystemClock
from vmhost.base.errors import Conflict, InvalidInput, NoCapacity
from vmhost.catalogue.type_catalogue import load_types
from vmhost.control.cloud import Cloud
from vmhost.control.instances.launcher import LaunchRequest
from vmhost.control.instances.record import INSTANCES, Instance, InstanceState
from vmhost.control.resources import Resources
from vmhost.drivers.fake import FakeDriver, FakeSettings, FakeWorld
from vmhost.drivers.ports import Driver
from vmhost.drivers.routing import RoutingDriver
from vmhost.model.image import Boot, Image
from vmhost.store import Store


def image(number: int, *drivers: str) -> Image:
    return Image(
        id=f"ami-0fa4e000{number}", name=f"image {number}", description="", architecture="x86_64", root_gib=1,
        created="2026-01-01T00:00:00Z", boots={driver: Boot(port=8000 + number) for driver in drivers},
    )  # fmt: skip


RED, BLUE, BOTH, NEITHER = image(1, "red"), image(2, "blue"), image(3, "blue", "red"), image(4, "green")


@dataclass(slots=True, kw_only=True)
class Worlds:
    """What outlives the control plane of a cloud with the drivers red and blue."""

    path: Path
    red: FakeWorld = field(default_factory=FakeWorld)
    blue: FakeWorld = field(default_factory=FakeWorld)

    def driver(self, names: str) -> Driver:
        settings, worlds = FakeSettings(cpu_cores=8.5, memory_mib=8192), {"red": self.red, "blue": self.blue}
        made = [FakeDriver(settings, worlds[name], name=name) for name in names.split(",")]
        return made[0] if len(made) == 1 else RoutingDriver(made)

    @asynccontextmanager
    async def up(self, names: str = "red,blue", *, remove: bool = False) -> AsyncIterator[Cloud]:
        cloud = Cloud(
            driver=self.driver(names), store=Store(self.path), types=load_types(), images=(RED, BLUE, BOTH, NEITHER),
            timeouts=QUICK,
        )  # fmt: skip
        try:
            await cloud.open()
            yield cloud
        finally:
            await cloud.close(remove=remove)


@pytest.fixture
def worlds(tmp_path: Path) -> Worlds:
    return Worlds(path=tmp_path / "cloud.sqlite")


async def launch(cloud: Cloud, wanted: Image, **wishes: str) -> Instance:
    (one,) = cloud.instances.run(LaunchRequest(image_id=wanted.id, type_name="t3.nano", **wishes))  # type: ignore[arg-type]
    await until(in_state(cloud, one.id, InstanceState.RUNNING))
    return cloud.instances.get(one.id)


async def test_image_selects_the_driver(worlds: Worlds) -> None:
    async with worlds.up() as cloud:
        red, blue = await launch(cloud, RED), await launch(cloud, BLUE)
        assert (red.driver, blue.driver) == ("red", "blue")
        assert (red.host_id, blue.host_id) == ("red-a", "blue-a")
        assert (list(worlds.red.guests), list(worlds.blue.guests)) == ([red.id], [blue.id])
        assert (cloud.instances.view(red).web_port, cloud.instances.view(blue).web_port) == (8001, 8002)
        assert {host.id: host.driver for host in cloud.hosts.hosts() if host.cpu_used} == {
            "red-a": "red", "blue-a": "blue",
        }  # fmt: skip


@pytest.mark.parametrize(("names", "driver"), [("red,blue", "red"), ("blue,red", "blue")])
async def test_first_driver_gets_an_image_for_several(worlds: Worlds, names: str, driver: str) -> None:
    async with worlds.up(names) as cloud:
        assert (await launch(cloud, BOTH)).driver == driver
        with pytest.raises(NoCapacity, match=rf"free: {driver}-a has .*; {driver}-b has [^;]*\."):
            cloud.instances.run(LaunchRequest(image_id=BOTH.id, type_name="t3.2xlarge"))


async def test_host_of_another_driver_can_be_chosen(worlds: Worlds) -> None:
    async with worlds.up() as cloud:
        assert (await launch(cloud, BOTH, host_id="blue-b")).host_id == "blue-b"


async def test_host_that_cannot_boot_the_image_is_refused(worlds: Worlds) -> None:
    async with worlds.up() as cloud:
        with pytest.raises(InvalidInput, match=r"image 1\) boots with red; none of .*: blue-a \(blue driver\)"):
            cloud.instances.run(LaunchRequest(image_id=RED.id, host_id="blue-a"))
        with pytest.raises(InvalidInput, match=r"boots with green, not with the red or blue driver"):
            cloud.instances.run(LaunchRequest(image_id=NEITHER.id))


async def test_restart_keeps_instances_of_both(worlds: Worlds) -> None:
    async with worlds.up() as cloud:
        before = [await launch(cloud, RED), await launch(cloud, BLUE)]
    async with worlds.up("blue,red") as cloud:
        assert {each.id: each.host_id for each in cloud.instances.all()} == {each.id: each.host_id for each in before}
        cloud.instances.stop([before[1].id])
        await until(in_state(cloud, before[1].id, InstanceState.STOPPED))
        assert worlds.red.guests[before[0].id].boots == 1


async def test_restart_without_a_driver_is_refused(worlds: Worlds) -> None:
    async with worlds.up() as cloud:
        await launch(cloud, RED)
        blue = await launch(cloud, BLUE)
    with pytest.raises(
        Conflict, match=rf"instances of the blue driver, .*: {blue.id}; start it with --driver red,blue"
    ):
        async with worlds.up("red"):
            pass
    assert worlds.blue.guests[blue.id].running
    async with worlds.up() as cloud:
        assert cloud.instances.get(blue.id).state is InstanceState.RUNNING


async def test_driver_can_be_added_and_taken_away(worlds: Worlds) -> None:
    """Its hosts get another name; its instances stay."""
    async with worlds.up("blue") as cloud:
        blue = await launch(cloud, BLUE)
        assert blue.host_id == "host-a"
    async with worlds.up("red,blue") as cloud:
        assert cloud.instances.get(blue.id).host_id == "blue-a"
        assert cloud.instances.view(cloud.instances.get(blue.id)).limits is not None
    async with worlds.up("blue") as cloud:
        kept = cloud.instances.get(blue.id)
        assert (kept.host_id, kept.state, kept.boots) == ("host-a", InstanceState.RUNNING, 1)


async def test_instances_of_a_former_version_find_their_driver(worlds: Worlds) -> None:
    """Its records name no driver."""
    async with worlds.up("blue") as cloud:
        blue = await launch(cloud, BLUE)
    with Store(worlds.path) as store:
        Resources(store, [INSTANCES], SystemClock()).commit([replace(blue, driver="")])
    async with worlds.up("red,blue") as cloud:
        kept = cloud.instances.get(blue.id)
        assert (kept.driver, kept.host_id) == ("blue", "blue-a")


async def test_close_removes_instances_of_both(worlds: Worlds) -> None:
    async with worlds.up(remove=True) as cloud:
        await launch(cloud, RED)
        await launch(cloud, BLUE)
    assert not worlds.red.guests
    assert not worlds.blue.guests
