"""Restarts of a program that ends."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from client.local.child_program import RESTARTS_MAX, ChildProgram
from vmhost.base.clock import SystemClock
from vmhost.base.errors import Unavailable

ENDS = (
    "import sys, vmhost.base.web as web, pathlib; web.write_ready(pathlib.Path(sys.argv[1]), url='http://127.0.0.1:1')"
)
STAYS = f"{ENDS}; import time; time.sleep(60)"


class Program:
    """A child that ends right after its first start; the next `failing` starts fail."""

    def __init__(self, folder: Path, *, failing: int) -> None:
        self.child = ChildProgram("the program", log=folder / "log", ready=folder / "ready")
        self.starts = 0
        self.running = asyncio.Event()
        self._failing = failing

    async def start(self) -> None:
        self.starts += 1
        if 1 < self.starts <= 1 + self._failing:
            raise Unavailable("the engine does not answer")
        code = ENDS if self.starts == 1 else STAYS
        await self.child.start([sys.executable, "-c", code, str(self.child.ready)], deadline_s=60)
        if self.starts > 1:
            self.running.set()


class QuickClock(SystemClock):
    """Records sleeps without sleeping."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


@pytest.fixture
def clock() -> QuickClock:
    return QuickClock()


async def test_failed_restarts_are_retried(tmp_path: Path, clock: QuickClock) -> None:
    program, said = Program(tmp_path, failing=RESTARTS_MAX - 1), list[str]()
    await program.start()
    keeping = asyncio.create_task(program.child.keep_running(program.start, say=said.append, clock=clock))
    async with asyncio.timeout(60):
        await program.running.wait()
    keeping.cancel()
    await program.child.stop(grace_s=1)
    assert program.starts == 1 + RESTARTS_MAX
    assert clock.pauses == [0, 1, 3, 9, 27]
    assert said[0] == "the program ended with code 0; restarting it"
    assert said[1] == "the engine does not answer\nretrying in 1 s"
    assert len(said) == RESTARTS_MAX


async def test_restarts_are_bounded(tmp_path: Path, clock: QuickClock) -> None:
    program = Program(tmp_path, failing=100)
    await program.start()
    with pytest.raises(Unavailable, match="the engine does not answer"):
        await program.child.keep_running(program.start, say=lambda _: None, clock=clock)
    assert program.starts == 1 + RESTARTS_MAX
    await program.child.stop(grace_s=1)
