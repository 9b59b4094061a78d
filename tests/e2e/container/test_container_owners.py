"""Two platforms, one engine, one cloud name: what belongs to one is never touched by the other."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from engine_platform import DEADLINE_S, Platform
from engine_world import docker, nothing_left

from vmhost.api.client import CloudClient

pytestmark = pytest.mark.engine

SERVICE = "ami-0617a55c10d000001"


@pytest.fixture
async def platforms(tmp_path: Path) -> AsyncIterator[tuple[Platform, Platform]]:
    cloud = f"gct-owners-{os.getpid()}"
    with nothing_left(cloud):
        one, two = (Platform(cloud=cloud, state=tmp_path / name) for name in "ab")
        yield one, two
        await two.sweep()


async def launch(client: CloudClient) -> tuple[str, str]:
    """A running instance's id and address."""
    (one,) = await client.run_instances(image_id=SERVICE, type_name="t3.nano", user_data=b"mine")
    return await running(client, one.id)


async def running(client: CloudClient, instance_id: str) -> tuple[str, str]:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            for view in await client.describe_instances({"instance-state-name": ["running"]}):
                if view.id == instance_id:
                    assert view.address is not None
                    return view.id, view.address
            await asyncio.sleep(0.05)


def started_at(cloud: str, instance_id: str) -> str:
    return docker("inspect", f"{cloud}-{instance_id}", "-f", "{{.State.Running}} {{.State.StartedAt}}")


async def test_second_platform_refused_while_first_keeps_running(
    platforms: tuple[Platform, Platform],
) -> None:
    one, two = platforms
    async with one.up("--keep") as client:
        instance_id, _ = await launch(client)
        before = started_at(one.cloud, instance_id)
        for options in ((), ("--adopt",), ("--throwaway",), ("--sweep",)):
            words = await two.refusal(*options)
            assert (
                f"another platform runs the cloud {one.cloud} on this engine; choose another name with --cloud" in words
            )
        assert started_at(one.cloud, instance_id) == before
        assert before.startswith("true")


async def test_second_platform_refused_even_without_instances(
    platforms: tuple[Platform, Platform],
) -> None:
    one, two = platforms
    async with one.up() as client:
        assert "another platform runs" in await two.refusal()
        await launch(client)
    # Killed with its instance there: that is for a person to decide.
    assert "--adopt" in await two.refusal()


async def test_leftovers_of_a_killed_platform_can_be_adopted(platforms: tuple[Platform, Platform]) -> None:
    one, two = platforms
    async with one.up() as client:
        found = await launch(client)
        before = started_at(one.cloud, found[0])
    words = await two.refusal()
    assert "1 instance of the cloud" in words
    assert "--sweep" in words
    async with two.up("--adopt") as client:
        assert await running(client, found[0]) == found
        assert await client.user_data(found[0]) == b"mine"
        assert started_at(one.cloud, found[0]) == before
    # It is on record now, and the folder stands for its owner.
    async with two.up() as client:
        assert await running(client, found[0]) == found


async def test_leftovers_of_a_killed_platform_can_be_removed(platforms: tuple[Platform, Platform]) -> None:
    one, two = platforms
    async with one.up() as client:
        await launch(client)
    await two.sweep()
    async with two.up() as client:
        assert await client.describe_instances() == ()


async def test_a_throwaway_cloud_removes_what_its_killed_platform_left(platforms: tuple[Platform, Platform]) -> None:
    one, two = platforms
    async with one.up("--throwaway") as client:
        old, _ = await launch(client)
    async with two.up("--throwaway") as client:
        assert await client.describe_instances() == ()
        assert docker("ps", "-aq", "--filter", f"label=glasscloud.instance={old}") == ""
        await launch(client)


async def test_instances_survive_a_lost_store(platforms: tuple[Platform, Platform]) -> None:
    one, _ = platforms
    async with one.up() as client:
        found = await launch(client)
        before = started_at(one.cloud, found[0])
    for path in (one.state / "vmhost").glob("cloud.sqlite*"):
        path.unlink()
    assert "1 instance exists, but no instance is on record" in await one.refusal()
    assert started_at(one.cloud, found[0]) == before
    async with one.up("--adopt") as client:
        assert await running(client, found[0]) == found
    assert started_at(one.cloud, found[0]) == before
