"""The control plane is killed at any moment: guests live on, the next one adopts them, nothing is left at the end."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from container_guest import Guest
from engine_world import docker, left_of, spec, world

from vmhost.drivers.container.driver import ContainerDriver
from vmhost.model.guest import GuestPhase

pytestmark = pytest.mark.engine

_KILLED_PROGRAM = """
import asyncio, os, signal, sys
from dataclasses import replace
from pathlib import Path
sys.path[:0] = sys.argv[1:3]
from engine_world import spec
from vmhost.drivers.context import DriverContext
from vmhost.drivers.container.driver import ContainerDriver

async def main():
    context = DriverContext(cloud=sys.argv[3], state_dir=Path(sys.argv[4]))
    driver = ContainerDriver(context, helper=True if sys.argv[5] == "helper" else None)
    await driver.open()
    for instance_id in ("i-run", "i-made"):
        await driver.instances.create(spec(instance_id))
    print((await driver.instances.start("i-run")).address, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_closing_amid_launches_leaves_nothing(tmp_path: Path) -> None:
    async with world("amid", tmp_path) as one:
        driver = one.driver()
        await driver.open()
        launches = [asyncio.ensure_future(driver.instances.create(spec(f"i-{number}"))) for number in range(6)]
        await asyncio.sleep(0.02)
        for launch in launches:
            launch.cancel()
        await driver.close(remove=True)
        await asyncio.gather(*launches, return_exceptions=True)
        # What the engine was still making would appear within this time.
        await asyncio.sleep(0.5)
        assert left_of(one.cloud) == []


@pytest.mark.parametrize("how", ["as_it_is", "helper"])
async def test_guests_survive_a_killed_platform_and_are_adopted(tmp_path: Path, how: str) -> None:
    async with world(f"crash-{how}", tmp_path, helper=True if how == "helper" else None) as one:
        tests = Path(__file__).parents[2]
        command = [sys.executable, "-c", _KILLED_PROGRAM, str(tests), str(tests.parent), one.cloud, str(tmp_path), how]
        killed = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30)
        assert killed.returncode == -9, killed.stderr
        driver = one.driver()
        await driver.open()
        try:
            found = {status.instance_id: status for status in await driver.instances.list()}
            assert set(found) == {"i-run", "i-made"}
            assert found["i-made"].phase is GuestPhase.STOPPED
            endpoint = found["i-run"].endpoint
            assert endpoint is not None
            assert endpoint.address == killed.stdout.strip()
            assert await driver.instances.start("i-run") == endpoint
            guest = Guest(cloud=one, driver=driver, id="i-run")
            assert await guest.reaches("169.254.169.254", 80)
            assert not await guest.reaches("169.254.1.1", 80)
        finally:
            await driver.close(remove=True)


_SQUAT = """
import os, socket, sys, time
taken = [socket.create_server(("169.254.169.254", port)) for port in range(61680, int(sys.argv[1]))]
open("/tmp/taken", "w").close()
while not os.path.exists("/tmp/let-go"):
    time.sleep(0.05)
"""


@pytest.mark.parametrize("last", [61681, 61744])
async def test_guest_using_metadata_ports_is_adopted(tmp_path: Path, last: int) -> None:
    """At the next port that is free; where it took all of them, as soon as it lets go."""
    async with world(f"squat-{last}", tmp_path) as one:
        first = one.driver()
        await first.open()
        guest = await Guest(cloud=one, driver=first, id="i-squat").__aenter__()
        await first.close(remove=False)
        docker("exec", "-d", guest.container, "python", "-c", _SQUAT, str(last))
        async with asyncio.timeout(10):
            while await guest.says("ls", "/tmp/taken") != "/tmp/taken":
                await asyncio.sleep(0.05)
        driver = one.driver()
        await driver.open()
        try:
            assert (await guest.python(_FETCH) == "http 404") is (last == 61681)
            assert (await _impaired(driver) == "") is (last == 61681)
            await guest.says("touch", "/tmp/let-go")
            async with asyncio.timeout(20):
                while await guest.python(_FETCH) != "http 404" or await _impaired(driver):
                    await asyncio.sleep(0.1)
        finally:
            await driver.close(remove=True)


async def _impaired(driver: ContainerDriver) -> str:
    (listed,) = await driver.instances.list()
    seen = await driver.instances.inspect(listed.instance_id)
    assert seen
    assert seen.impaired == listed.impaired
    return seen.impaired


_FETCH = """
import urllib.request, urllib.error
try:
    print(urllib.request.urlopen("http://169.254.169.254/", timeout=1).status)
except urllib.error.HTTPError as error:
    print("http", error.code)
except OSError as error:
    print("no answer")
"""


async def test_interrupted_boot_is_finished_by_next_start(tmp_path: Path) -> None:
    async with world("cut", tmp_path) as one:
        first = one.driver()
        await first.open()
        guest = Guest(cloud=one, driver=first, id="i-cut")
        await guest.__aenter__()
        await first.close(remove=False)
        docker("network", "disconnect", one.cloud, guest.container)
        second = one.driver()
        await second.open()
        try:
            assert await second.instances.start("i-cut") == guest.endpoint
        finally:
            await second.close(remove=True)
