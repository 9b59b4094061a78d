"""An engine that takes every call and answers none, as one that is stopped or stuck does: programs end all the same."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

_ENDS_WITHIN_S = 12.0
"""Well below compose's grace; the SDK itself would wait for a minute."""
_ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 22\r\n\r\n{"ApiVersion": "1.45"}'

_CALL_AND_LEAVE = """
import asyncio, sys
from vmhost.drivers.container.docker_engines import EngineCandidate
from vmhost.drivers.container.engine import Engine
from vmhost.drivers.container.engine_events import EngineEventWatcher

async def main():
    engine = await Engine.connect([EngineCandidate(source="the test", url="unix://" + sys.argv[1])])
    watch = EngineEventWatcher(engine, lambda _: None)
    calls = [asyncio.create_task(call) for call in (engine.info(), engine.find("a=b"), watch.open())]
    print("started", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    for call in calls:
        call.cancel()
    await asyncio.wait(calls)
    await engine.close()
    print("left", flush=True)

asyncio.run(main())
"""


@contextlib.asynccontextmanager
async def mute_engine(path: Path, *, tells_version: bool) -> AsyncIterator[asyncio.Queue[bytes]]:
    """A socket that answers nothing, or just what its API's version is; gives the request lines that came."""
    requests: asyncio.Queue[bytes] = asyncio.Queue()
    open_ones: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                requests.put_nowait(request.partition(b"\r\n")[0])
                if tells_version and b"/version " in request.partition(b"\r\n")[0]:
                    writer.write(_ANSWER)

    server = await asyncio.start_unix_server(serve, path)
    try:
        yield requests
    finally:
        server.close()
        for writer in open_ones:
            writer.close()


@contextlib.asynccontextmanager
async def program(*command: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python program; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def test_hanging_calls_do_not_keep_the_program_alive(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    async with mute_engine(path, tells_version=True) as requests, program("-c", _CALL_AND_LEAVE, str(path)) as child:
        async with asyncio.timeout(_ENDS_WITHIN_S):
            lines = {await requests.get() for _ in range(4)}
        assert sum(b"/version" in line for line in lines) == 1
        async with asyncio.timeout(_ENDS_WITHIN_S):
            output, errors = await child.communicate(b"\n")
        assert (output, child.returncode) == (b"started\nleft\n", 0), errors.decode()


@pytest.mark.parametrize("tells_version", [True, False])
async def test_platform_waiting_for_its_engine_can_be_stopped(tmp_path: Path, tells_version: bool) -> None:
    path = tmp_path / "engine.sock"
    words = ("-m", "vmhost", "--driver", "container", "--port", "0", "--state", str(tmp_path / "state"))
    async with (
        mute_engine(path, tells_version=tells_version) as requests,
        program(*words, DOCKER_HOST=f"unix://{path}") as child,
    ):
        async with asyncio.timeout(_ENDS_WITHIN_S):
            for _ in range(1 + tells_version):
                await requests.get()
        child.terminate()
        async with asyncio.timeout(_ENDS_WITHIN_S):
            _, errors = await child.communicate()
        assert child.returncode == 0
        assert "Traceback" not in errors.decode()
        # It never opened the cloud, so there is nothing that it had to remove.
        assert "cleanup_incomplete" not in errors.decode()
