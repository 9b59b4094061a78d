"""An engine that hangs while guests run: the platform ends all the same, and says what it left and how to remove it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from engine_world import left_of, nothing_left

from vmhost.api.access import Access
from vmhost.api.client import CloudClient
from vmhost.drivers.container.docker_engines import find_engines

pytestmark = pytest.mark.engine
MINIMAL = "ami-0617a55c10d000001"
_ENDS_WITHIN_S = 12.0
"""Compose gives 15 s before it kills."""


@dataclass(slots=True)
class Between:
    """Stands between a program and the engine, and may stop passing anything on."""

    engine: Path
    passing: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def at(self, path: Path) -> AsyncIterator[None]:
        """Takes calls on the socket while the context lasts."""
        self.passing.set()
        server = await asyncio.start_unix_server(self._serve, path)
        try:
            yield
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        engine_reader, engine_writer = await asyncio.open_unix_connection(self.engine)
        for source, sink in ((reader, engine_writer), (engine_reader, writer)):
            self._tasks.add(asyncio.create_task(self._pass_on(source, sink)))

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError):
                while some := await source.read(65536):
                    await self.passing.wait()
                    sink.write(some)
                    await sink.drain()
        finally:
            sink.close()


@contextlib.asynccontextmanager
async def platform(state: Path, cloud: str, socket: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The platform as its own process, ready; killed at the end if it still runs."""
    ready = state / "ready.json"
    words = ("--driver", "container", "--port", "0", "--cloud", cloud, "--state", str(state), "--ready", str(ready))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "vmhost", *words, "--log-json", "--log-level", "warning"),
        env={**os.environ, "DOCKER_HOST": f"unix://{socket}"},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(30):
            while not ready.exists():
                assert process.returncode is None
                await asyncio.sleep(0.02)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def test_platform_with_hung_engine_ends_and_names_leftovers(tmp_path: Path) -> None:
    cloud = f"gct-hung-{os.getpid()}"
    engine = next(one.socket for one in find_engines(os.environ, Path.home()) if one.socket)
    between, socket = Between(engine), tmp_path / "engine.sock"
    with nothing_left(cloud):
        async with between.at(socket), platform(tmp_path / "state", cloud, socket) as process:
            async with CloudClient(Access.load(tmp_path / "state/access.json", environ={})) as client:
                (one,) = await client.run_instances(image_id=MINIMAL, type_name="t3.nano")
                async with asyncio.timeout(20):
                    while (await client.describe_instances())[0].state != "running":
                        await asyncio.sleep(0.05)
                await client.inject_fault("cpu_hog", one.id, seconds=30)
                between.passing.clear()
            process.terminate()
            async with asyncio.timeout(_ENDS_WITHIN_S):
                _, said = await process.communicate()
        assert process.returncode == 0
        assert b"Traceback" not in said, said.decode()
        logged = next(line for line in map(json.loads, said.splitlines()) if line["event"] == "cleanup_incomplete")
        assert logged["instances"] == [one.id]
        assert f"container {cloud}-{one.id}" in left_of(cloud)
        await _run("sh", "-c", logged["fix"])
        assert [each for each in left_of(cloud) if not each.startswith("group ")] == []
        # What only the platform can remove: its hosts' groups.
        words = ("--sweep", "--driver", "container", "--cloud", cloud, "--state", str(tmp_path / "state"))
        await _run(sys.executable, "-m", "vmhost", *words)


async def _run(*command: str) -> None:
    """Runs it to its good end."""
    await asyncio.to_thread(subprocess.run, command, check=True, timeout=30, capture_output=True)
