"""One cloud with processes and containers, on a real engine."""

from __future__ import annotations

import asyncio
import os
import urllib.request
from pathlib import Path

import pytest
from engine_platform import DEADLINE_S, Platform
from engine_world import docker, nothing_left

from vmhost.api.client import CloudClient
from vmhost.api.views import InstanceView

pytestmark = pytest.mark.engine

IMAGE = "ami-0617a55c10d000001"


async def in_state(client: CloudClient, instance_id: str, state: str) -> InstanceView:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            view = next(each for each in (await client.status()).instances if each.id == instance_id)
            if view.state == state:
                return view
            await asyncio.sleep(0.05)


async def launched(client: CloudClient, host_id: str | None) -> InstanceView:
    (one,) = await client.run_instances(image_id=IMAGE, type_name="t3.nano", host_id=host_id)
    return await in_state(client, one.id, "running")


async def response_of(view: InstanceView) -> str:
    def get() -> str:
        with urllib.request.urlopen(f"http://{view.address}:{view.web_port}/", timeout=5) as response:
            return str(response.read().decode())

    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                return await asyncio.to_thread(get)
            except OSError:
                await asyncio.sleep(0.05)


async def test_both_kinds_respond_are_killed_and_kept(tmp_path: Path) -> None:
    cloud = f"gct-several-{os.getpid()}"
    with nothing_left(cloud):
        platform = Platform(cloud=cloud, state=tmp_path, driver="process,container")
        async with platform.up() as client:
            process, container = await launched(client, None), await launched(client, "container-a")
            assert process.host.startswith("process-")
            assert (await response_of(process)).startswith("hello from ")
            assert (await response_of(container)).startswith(f"hello from {container.id}, process ")
            (note,) = (await client.status()).notes
            assert note.startswith("container instances cannot reach process instances")
            for one in (process, container):
                await client.inject_fault("kill", one.id)
                await in_state(client, one.id, "stopped")
                await client.start_instances([one.id])
                await response_of(await in_state(client, one.id, "running"))
        # The platform was killed: the container goes on, the process has ended with it.
        refusal = await Platform(cloud=cloud, state=tmp_path, driver="process").refusal()
        assert f"there are instances of the container driver, which was not named: {container.id}" in refusal
        assert docker("inspect", "-f", "{{.State.Running}}", f"{cloud}-{container.id}") == "true"
        async with platform.up() as client:
            await response_of(await in_state(client, container.id, "running"))
            await in_state(client, process.id, "stopped")
            await client.start_instances([process.id])
            await response_of(await in_state(client, process.id, "running"))
        await platform.sweep()
