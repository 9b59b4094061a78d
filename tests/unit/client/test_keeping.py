"""How a program that ends is started again."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from client.local.child import Child
from client.local.keeping import RESTARTS_MAX, keep_running, pause_before
from vmhost.base.clock import ManualClock
from vmhost.base.errors import Unavailable

ENDS = "import json, pathlib, sys; pathlib.Path(sys.argv[1]).write_text('{}')"
STAYS = f"{ENDS}; import time; time.sleep(60)"


class Program:
    """A child whose first start succeeds and ends at once; of the later starts, some fail first."""

    def __init__(self, folder: Path, *, failing: int) -> None:
        self.child = Child("the program", log=folder / "log")
        self.starts = 0
        self.running = asyncio.Event()
        self._ready = folder / "ready"
        self._failing = failing

    async def start(self) -> None:
        self.starts += 1
        if 1 < self.starts <= 1 + self._failing:
            raise Unavailable("the engine does not answer")
        code = ENDS if self.starts == 1 else STAYS
        await self.child.start([sys.executable, "-c", code, str(self._ready)], ready=self._ready, deadline_s=20)
        if self.starts > 1:
            self.running.set()


@pytest.fixture
async def clock() -> AsyncIterator[ManualClock]:
    """Passes a minute at each turn of the loop."""
    clock = ManualClock()

    async def tick() -> None:
        while True:
            clock.advance(1)
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    yield clock
    ticking.cancel()


async def test_failed_restarts_are_tried_again(tmp_path: Path, clock: ManualClock) -> None:
    program, said = Program(tmp_path, failing=RESTARTS_MAX - 1), list[str]()
    await program.start()
    keeping = asyncio.create_task(keep_running(program.child, program.start, say=said.append, clock=clock))
    async with asyncio.timeout(20):
        await program.running.wait()
    keeping.cancel()
    await program.child.stop(grace_s=1)
    assert program.starts == 1 + RESTARTS_MAX
    assert said[0] == "the program ended with code 0; starting it again"
    assert said[1] == "the engine does not answer\ntrying again in 1 s"
    assert len(said) == RESTARTS_MAX


async def test_restarts_have_a_bound(tmp_path: Path, clock: ManualClock) -> None:
    program = Program(tmp_path, failing=100)
    await program.start()
    with pytest.raises(Unavailable, match="the engine does not answer"):
        await keep_running(program.child, program.start, say=lambda _: None, clock=clock)
    assert program.starts == 1 + RESTARTS_MAX
    await program.child.stop(grace_s=1)


def test_pauses_between_restarts_grow() -> None:
    assert [pause_before(restart) for restart in range(1, RESTARTS_MAX + 1)] == [0, 1, 3, 9, 27]
