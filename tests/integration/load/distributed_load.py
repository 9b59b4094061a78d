"""Coordinators and workers on this computer, as tests of loads from several computers need them."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from client.load.distributed import handshake
from client.load.distributed.connection import Address, LineReader
from client.load.distributed.handshake import WorkerToken
from client.load.distributed.worker_pool import WorkerPool
from client.load.distributed.worker_process import WorkerSettings
from client.load.plan.model import DataSource, OpenLoop, Plan, Target
from client.load.run import LoadRun
from client.load.run_report import Report
from tests.integration.load.load_service import Service

TOKEN = "a token that is long enough"
ANYWHERE = Address(host="127.0.0.1", port=0)
LIMIT_S = 60


class Log:
    """The lines that a coordinator prints."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._news = asyncio.Event()

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self._news.set()

    async def until(self, words: str) -> str:
        while True:
            for line in self.lines:
                if words in line:
                    return line
            self._news.clear()
            await self._news.wait()


@asynccontextmanager
async def gathering(token_file: Path, address: Address = ANYWHERE, **changes: Any) -> AsyncIterator[WorkerPool]:
    async with asyncio.timeout(LIMIT_S), WorkerPool(address, WorkerToken(file=token_file), **changes) as gathered:
        yield gathered


@asynccontextmanager
async def spawned(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *arguments, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        await process.communicate()


def command(address: Address, token_file: Path, *arguments: str) -> tuple[str, ...]:
    return "client", "load", "worker", str(address), "--token-file", str(token_file), *arguments


def process_of(address: Address, token_file: Path, *, wait_s: float | None = LIMIT_S) -> tuple[str, str]:
    joining = WorkerSettings(
        host=address.host, port=address.port, name="only", token_file=str(token_file), wait_s=wait_s
    )  # fmt: skip
    return "client.load.distributed.worker_process", json.dumps(asdict(joining))


def plan_of(service: Service, tmp_path: Path, *, arrivals: int = 120, **changes: object) -> Plan:
    """Each arrival asks for a word of its own, which only the coordinator's machine has in a file."""
    words = tmp_path / "words"
    words.write_text("".join(f"w{number}\n" for number in range(arrivals)))
    plan = Plan(
        targets=(Target(url=f"{service.url}?w={{w}}"),),
        sources={"w": DataSource(file=str(words), draw="in turn")},
        open=OpenLoop(trace=tuple(number / 200 for number in range(arrivals))),
        duration_s=arrivals / 200,
        timeout_s=10.0,
    )
    return replace(plan, **changes)  # type: ignore[arg-type]


async def run_with(worker_source: WorkerPool | None, processes: int, plan: Plan) -> Report:
    async with LoadRun(processes=processes, worker_source=worker_source) as run:
        await run.start(plan)
        return await run.finished()


def all_once(service: Service, report: Report, arrivals: int = 120) -> bool:
    """Whether each arrival of the schedule was sent, answered and counted exactly once, by the server's count too."""
    total = report.summary
    asked = service.words == Counter(f"w{number}" for number in range(arrivals))
    return asked and total.offered == total.started == total.ok == arrivals == total.response.count and not total.errors


async def greeted(gathered: WorkerPool, name: str = "twin") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A worker of the test's own that has proved itself."""
    reader, writer = await asyncio.open_connection(gathered.address.host, gathered.address.port)
    await handshake.introduce(LineReader(reader), writer, TOKEN.encode(), name)
    return reader, writer
