"""A load that passes to the workers that join, and back when they go."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from client.load.distributed.connection import Address
from client.load.distributed.handshake import WorkerToken
from client.load.distributed.worker_pool import WorkerPool
from client.load.plan.model import OpenLoop, Plan, constant
from client.load.script.script_loader import complete_plan
from client.load.session import LoadSession

LIMIT_S = 30


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async def handle(request: web.BaseRequest) -> web.Response:
        return web.Response(text="hello")

    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


@pytest.fixture
async def worker_pool(tmp_path: Path) -> AsyncIterator[WorkerPool]:
    (tmp_path / "token").write_text("a token that is long enough\n")
    async with WorkerPool(Address(host="127.0.0.1", port=0), WorkerToken(file=tmp_path / "token")) as gathering:
        yield gathering


@asynccontextmanager
async def worker(worker_pool: WorkerPool, tmp_path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "client", "load", "worker", str(worker_pool.address),
        "--token-file", str(tmp_path / "token"),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


class Told:
    """What the generator said, to be waited for."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._news = asyncio.Event()

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self._news.set()

    async def until(self, words: str, *, times: int = 1) -> None:
        while sum(words in line for line in self.lines) < times:
            self._news.clear()
            await self._news.wait()


async def test_endless_load_passes_to_workers_and_back(url: str, worker_pool: WorkerPool, tmp_path: Path) -> None:
    told = Told()
    async with asyncio.timeout(LIMIT_S), LoadSession(worker_pool=worker_pool, say=told) as load:
        await load.start(constant(url, 20))
        await load.set_rate(80)
        async with worker(worker_pool, tmp_path):
            await told.until("the load is now sent by 1 worker")
            assert (load.running, load.rate_per_s, load.number, load.sender) == (True, 80.0, 2, "by 1 worker")
            (first,) = load.past
            assert (first.number, first.error, first.report.result.stopped) == (1, "", True)
            async for snapshot in load.snapshots(0.05):
                assert snapshot is None or snapshot.rate_per_s == 80
                if snapshot is not None and snapshot.total.completed:
                    break
        await told.until("the load is now sent from here")
        assert (load.rate_per_s, load.number) == (80.0, 3)
        report = await load.stop()
        assert report is not None
        assert [past.number for past in load.past] == [3, 2, 1]
    assert told.lines == ["the load is now sent by 1 worker", "the load is now sent from here"]


async def test_load_with_an_end_keeps_its_senders(url: str, worker_pool: WorkerPool, tmp_path: Path) -> None:
    async with asyncio.timeout(LIMIT_S), LoadSession(worker_pool=worker_pool) as load:
        await load.start(constant(url, 20, duration_s=60))
        async with worker(worker_pool, tmp_path):
            await worker_pool.wait_for(1, LIMIT_S)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(_second_run(load), 2.0)
            assert await load.stop() is not None
            await load.start(constant(url, 50, duration_s=0.2))
            assert load.sender == "by 1 worker"
            async for snapshot in load.snapshots():
                if snapshot is None:
                    break
        assert load.past[0].report.summary.offered == 10


async def _second_run(load: LoadSession) -> None:
    while load.number < 2:
        await asyncio.sleep(0.05)


async def test_load_is_sent_from_here_if_workers_cannot(url: str, worker_pool: WorkerPool, tmp_path: Path) -> None:
    script = tmp_path / "flow.py"
    script.write_text(f"BASE = '{url}'\n\nasync def flow(user):\n    await user.get('/')\n")
    told = Told()
    async with (
        asyncio.timeout(LIMIT_S),
        LoadSession(worker_pool=worker_pool, say=told) as load,
        worker(worker_pool, tmp_path),
    ):
        await worker_pool.wait_for(1, LIMIT_S)
        await load.start(complete_plan(Plan(script=str(script), open=OpenLoop(rate_per_s=20))))
        assert load.sender == "from here"
        await load.stop()
    (line,) = told.lines
    assert line.startswith("the workers cannot send: script ")
    assert line.endswith("; the load is sent from here")
