from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from vmhost.api.access import Access
from vmhost.api.client import CloudClient
from vmhost.api.views import InstanceView
from vmhost.app import platform, sweep
from vmhost.base.errors import CloudError, Conflict, InvalidInput, Unavailable
from vmhost.base.web import LIFELINE, listen
from vmhost.control.instances.record import INSTANCES, Instance, Wanted
from vmhost.settings import AccessCopy, Settings
from vmhost.store import Store

MINIMAL = "ami-0617a55c10d000001"


def settings(state: Path, **changes: Any) -> Settings:
    return Settings(**{"driver": "fake", "port": 0, "state": state / "vmhost", **changes})


@contextlib.asynccontextmanager
async def program(
    state: Path, *arguments: str, driver: str = "fake", lifeline: int | None = None
) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, Any]]]:
    """The platform as its own process, ready; killed at the end if it still runs."""
    ready = state / "ready.json"
    command = ["-m", "vmhost", "--driver", driver, "--port", "0", "--state", str(state / "vmhost")]
    environment = {**os.environ, **({LIFELINE: str(lifeline)} if lifeline is not None else {})}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        "--ready",
        str(ready),
        *arguments,
        env=environment,
        pass_fds=[lifeline] if lifeline is not None else [],
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(20):
            while not ready.exists():
                assert process.returncode is None
                await asyncio.sleep(0.02)
        yield process, json.loads(ready.read_text())
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_keys_are_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "vmhost" / "access.json"
    async with platform(settings(tmp_path)) as up:
        first = Access.load(path, environ={})
        assert first.endpoint == up.url
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    async with platform(settings(tmp_path)):
        second = Access.load(path, environ={})
    assert (second.access_key_id, second.secret_access_key) == (first.access_key_id, first.secret_access_key)


async def test_key_allows_launching_an_instance(tmp_path: Path) -> None:
    async with platform(settings(tmp_path)) as up, CloudClient(up.access) as client:
        (one,) = await client.run_instances(image_id=MINIMAL, type_name="t3.nano")
        status = await client.status()
        assert [view.id for view in status.instances] == [one.id]
        assert (status.driver, status.cloud, len(status.hosts)) == ("fake", "glasscloud", 2)


async def test_instances_are_kept_only_with_keep(tmp_path: Path) -> None:
    for keep in (True, False):
        async with platform(settings(tmp_path, keep=keep)) as up, CloudClient(up.access) as client:
            await client.run_instances(image_id=MINIMAL, type_name="t3.nano")
        connection = sqlite3.connect(tmp_path / "vmhost" / "cloud.sqlite")
        assert bool(connection.execute("SELECT count(*) FROM instance").fetchone()[0]) is keep
        connection.close()


async def test_two_platforms_never_share_a_folder(tmp_path: Path) -> None:
    async with platform(settings(tmp_path)):
        with pytest.raises(Conflict, match="--state"):
            async with platform(settings(tmp_path)):
                pass
        with pytest.raises(Conflict):
            await sweep(settings(tmp_path))


async def test_port_in_use_is_named_or_replaced(tmp_path: Path) -> None:
    sock = listen("127.0.0.1", 0)
    port = sock.getsockname()[1]
    try:
        with pytest.raises(InvalidInput, match=str(port)):
            async with platform(settings(tmp_path, port=port)):
                pass
        async with platform(settings(tmp_path, port=port, port_search=True)) as up:
            assert up.port > port
            assert str(up.port) in up.url
    finally:
        sock.close()


async def test_sweep_forgets_all_records(tmp_path: Path) -> None:
    async with platform(settings(tmp_path, keep=True)) as up, CloudClient(up.access) as client:
        await client.run_instances(image_id=MINIMAL, type_name="t3.nano")
    await sweep(settings(tmp_path))
    async with platform(settings(tmp_path)) as up:
        assert up.cloud.instances.all() == ()


async def test_start_without_engine_keeps_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with platform(settings(tmp_path, keep=True)) as up, CloudClient(up.access) as client:
        (one,) = await client.run_instances(image_id=MINIMAL, type_name="t3.nano")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    with pytest.raises(Unavailable):
        async with platform(settings(tmp_path, driver="fake,container")):
            pass
    assert recorded(tmp_path) == [(one.id, Wanted.RUNNING)]


async def test_start_that_fails_late_keeps_records(tmp_path: Path) -> None:
    async with platform(settings(tmp_path, keep=True)) as up, CloudClient(up.access) as client:
        (one,) = await client.run_instances(image_id=MINIMAL, type_name="t3.nano")
    nowhere = AccessCopy(path=tmp_path / "no" / "folder" / "access.json")
    with pytest.raises((CloudError, OSError)):
        async with platform(settings(tmp_path, access_copy=nowhere)):
            pass
    assert recorded(tmp_path) == [(one.id, Wanted.RUNNING)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_program_ends_cleanly_on_signals(tmp_path: Path, number: signal.Signals) -> None:
    async with program(tmp_path) as (process, facts):
        assert (facts["driver"], facts["pid"]) == ("fake", process.pid)
        assert facts["url"].endswith(f":{facts['port']}")
        process.send_signal(number)
        async with asyncio.timeout(5):
            assert await process.wait() == 0


async def test_program_ends_with_its_parent(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    try:
        async with program(tmp_path, lifeline=reading) as (process, _):
            os.close(writing)
            async with asyncio.timeout(5):
                assert await process.wait() == 0
    finally:
        os.close(reading)


async def test_fleet_is_restored_after_platform_kill(tmp_path: Path) -> None:
    """The process driver's guests die with the platform; the next one says so and replaces them."""
    async with program(tmp_path, driver="process") as (process, facts):
        async with CloudClient(Access.load(Path(facts["access"]), environ={})) as client:
            template = await client.create_launch_template("one", image_id=MINIMAL, type_name="t3.nano")
            await client.create_fleet(template_id=template.id, target=1)
            (old,) = await running(client)
        process.kill()
        await process.wait()
    (tmp_path / "ready.json").unlink()
    async with program(tmp_path, driver="process") as (process, facts):
        async with CloudClient(Access.load(Path(facts["access"]), environ={})) as client:
            (new,) = await running(client)
            assert new.id != old.id
            gone = {view.id: view for view in await client.describe_instances()}[old.id]
            assert gone.reason is not None
            assert gone.reason.code == "Server.InternalError"
        process.terminate()
        async with asyncio.timeout(5):
            assert await process.wait() == 0


def recorded(state: Path) -> list[tuple[str, Wanted]]:
    """Return the instances on record, with what their owner wants."""
    with Store(state / "vmhost" / "cloud.sqlite") as store:
        return [(key, msgspec.json.decode(body, type=Instance).wanted) for key, body in store.rows(INSTANCES.table)]


async def running(client: CloudClient) -> tuple[InstanceView, ...]:
    """What runs, as soon as something does."""
    async with asyncio.timeout(10):
        while not (found := await client.describe_instances({"instance-state-name": ["running"]})):
            await asyncio.sleep(0.02)
    return found


async def test_full_disk_at_start_exits_with_code_1(tmp_path: Path) -> None:
    # No file may grow, which to a program is like a disk without room.
    arguments = f"-m vmhost --driver fake --port 0 --state {tmp_path / 'vmhost'}"
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", f"ulimit -f 0; exec {sys.executable} {arguments}"), stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode == 1
    (line,) = errors.decode().splitlines()
    assert line.startswith("error: ")
    assert "another" in line
    assert "--state" in line


async def test_failed_start_exits_with_code_1(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "vmhost", "--driver", "fake", "--state", str(tmp_path), "--images", "none.toml", "--port", "0"),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert errors.decode() == "error: image catalogue none.toml cannot be read: No such file or directory\n"


async def test_two_drivers_in_one_cloud(tmp_path: Path) -> None:
    """The image goes to the first driver that can boot it, unless the request names a host of the other."""
    async with platform(settings(tmp_path, driver="process,fake")) as up, CloudClient(up.access) as client:
        (real,) = await client.run_instances(image_id=MINIMAL, type_name="t3.nano")
        (record,) = await client.run_instances(image_id=MINIMAL, type_name="t3.nano", host_id="fake-b")
        async with asyncio.timeout(10):
            while {each.state for each in (await client.status()).instances} != {"running"}:
                await asyncio.sleep(0.02)
        status = await client.status()
        hosts = {each.id: each.host for each in status.instances}
        assert (hosts[real.id].startswith("process-"), hosts[record.id]) == (True, "fake-b")
        assert (status.driver, len(status.hosts)) == ("process,fake", 4)
        assert [each.name for each in status.drivers] == ["process", "fake"]
        assert status.notes == (
            "fake instances cannot reach process instances, which are on the loopback network of this computer",
        )
        rooms = {room.host: room.fits for room in (await client.types()).types[0].rooms}
        assert set(rooms) == {"process-a", "process-b", "fake-a", "fake-b"}
        for each in (real, record):
            await client.inject_fault("kill", each.id)
        async with asyncio.timeout(10):
            while {each.state for each in (await client.status()).instances} != {"stopped"}:
                await asyncio.sleep(0.02)
