"""A worker's machine that vanishes without a word: its cable is pulled, in a network namespace that stands for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from client.load.distributed.connection import Address
from client.load.distributed.handshake import WorkerToken
from client.load.distributed.worker_pool import WorkerPool
from client.load.distributed.worker_process import WorkerSettings
from client.load.plan.model import constant
from client.load.run import LoadRun
from client.load.verdict import Verdict

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(shutil.which("ip") is None, reason="there is no ip command; install iproute2"),
]
LIMIT_S = 60
NUMBER = os.getpid() % 250
HERE, THERE = f"198.19.{NUMBER}.1", f"198.19.{NUMBER}.2"
MACHINE, CABLE, FAR_END = f"gcl{os.getpid()}", f"gca{os.getpid()}", f"gcb{os.getpid()}"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True, capture_output=True, timeout=20)


@pytest.fixture
def machine() -> Iterator[None]:
    """Another machine's network, at the end of a cable."""
    ip(f"netns add {MACHINE}")
    try:
        ip(f"link add {CABLE} type veth peer name {FAR_END} netns {MACHINE}")
        ip(f"addr add {HERE}/24 dev {CABLE}")
        ip(f"link set {CABLE} up")
        ip(f"-n {MACHINE} addr add {THERE}/24 dev {FAR_END}")
        ip(f"-n {MACHINE} link set {FAR_END} up")
        yield
    finally:
        # The cable goes with its end.
        ip(f"netns del {MACHINE}")


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[int]:
    """A service on this side of the cable, on the port that it gives. At its end it leaves no connection open: those
    whose other end has vanished would stay for ever."""
    writers: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(ANSWER)

    server = await asyncio.start_server(answer, HERE, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)


async def test_lost_worker_is_detected_on_both_sides(machine: None, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("a token that is long enough")
    said: list[str] = []
    async with (
        asyncio.timeout(LIMIT_S),
        serving() as port,
        WorkerPool(Address(host=HERE, port=0), WorkerToken(file=file), say=said.append) as gathered,
    ):
        far = await joined(gathered, file)
        async with LoadRun(processes=1, worker_source=gathered) as run:
            await run.start(constant(f"http://{HERE}:{port}/", 100))
            async for snapshot in run.snapshots():
                if snapshot.total.completed > 20:
                    break
            ip(f"link set {CABLE} down")
            report = await run.finished()
        assert report.verdict is Verdict.INVALID
        assert report.summary.ok > 20
        assert await far.wait() == 0
        ip(f"link set {CABLE} up")
        far = await joined(gathered, file)
        ip(f"link set {CABLE} down")
        await gathered.changed(1)
        assert await far.wait() == 0
    assert [line.partition(":")[0] for line in said] == [
        f"worker far at {THERE} has joined",
        f"worker far at {THERE} is lost",
        f"worker far at {THERE} has joined",
        f"worker far at {THERE} has left",
    ]


async def joined(gathered: WorkerPool, token_file: Path) -> asyncio.subprocess.Process:
    joining = WorkerSettings(host=HERE, port=gathered.address.port, name="far", token_file=str(token_file))
    process = await asyncio.create_subprocess_exec(
        "ip", "netns", "exec", MACHINE, sys.executable, "-m", "client.load.distributed.worker_process",
        json.dumps(asdict(joining)), stderr=None,
    )  # fmt: skip
    await gathered.wait_for(1, LIMIT_S)
    return process
