"""The live view with real runs: keys control the load, and the terminal is restored at the end."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from rich.text import Text

from client.load.live.live_view import LiveLoadView
from client.load.plan.model import ClosedLoop, Plan, Target, constant
from client.load.run import LoadRun

PROGRAM = """
import asyncio, sys
from client.load.run import LoadRun
from client.load.live.live_view import show_live_load
from client.load.plan.model import constant
from client.load.report.text_report import text_report

async def main():
    async with LoadRun() as run:
        await run.start(constant(sys.argv[1], 50.0))
        await show_live_load(run, title=sys.argv[1])
        print("\\n".join(text_report(await run.finished())))

asyncio.run(main())
"""


async def answer(_: web.Request) -> web.Response:
    return web.Response(text="ok")


@asynccontextmanager
async def service() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


class Paper:
    """A screen that keeps what was drawn last. It can be torn."""

    def __init__(self) -> None:
        self.text = ""
        self.torn = False

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        yield

    def size(self) -> tuple[int, int]:
        return 80, 24

    def draw(self, lines: Sequence[Text]) -> None:
        if self.torn:
            raise OSError("the terminal is gone")
        self.text = "\n".join(each.plain for each in lines)

    async def until(self, holds: Callable[[str], object]) -> str:
        async with asyncio.timeout(30):
            while not holds(self.text):
                await asyncio.sleep(0.02)
        return self.text


@asynccontextmanager
async def viewed(plan: Plan) -> AsyncIterator[tuple[LoadRun, LiveLoadView, Paper, asyncio.Task[None]]]:
    async with LoadRun() as run:
        await run.start(plan)
        view, paper = LiveLoadView(run, title="the service"), Paper()
        showing = asyncio.create_task(view.show(paper))
        try:
            yield run, view, paper, showing
        finally:
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)


async def test_keys_control_a_real_run() -> None:
    async with service() as url, viewed(constant(url, 20.0)) as (run, view, paper, showing):
        await paper.until(lambda text: re.search(r"<\S+ ms│ *[░▒▓█]", text))
        view.key("+")
        await paper.until(lambda text: re.search(r"per second +50\.0", text))
        view.key("m")
        await paper.until(lambda text: "2 0:" in text and "mark 2" in text)
        view.key("p")
        await paper.until(lambda text: "PAUSED" in text and re.search(r"per second +0\.0", text))
        view.key("p")
        await paper.until(lambda text: "PAUSED" not in text and re.search(r"per second +50\.0", text))
        view.key("q")
        async with asyncio.timeout(30):
            await showing
            report = await run.finished()
    assert [mark.text for mark in report.result.marks] == ["50/s", "mark 2", "paused", "50/s"]
    assert report.result.stopped


async def test_fast_keys_end_at_the_last_rate() -> None:
    async with service() as url, viewed(constant(url, 10.0)) as (run, view, paper, showing):
        await paper.until(lambda text: "in all" in text)
        for key in "++++++---":
            view.key(key)
        # 20 50 100 125 160 200, and three down.
        await paper.until(lambda text: re.search(r"per second +100\.0", text))
        assert len(run.metrics.marks) == 1
        view.key("s")
        async with asyncio.timeout(30):
            await showing


async def test_the_view_ends_with_the_run() -> None:
    async with service() as url:
        plan = Plan(targets=(Target(url=url),), closed=ClosedLoop(users=1), duration_s=0.5)
        async with viewed(plan) as (run, _, _, showing), asyncio.timeout(30):
            await showing
            assert (await run.finished()).summary.ok > 0


async def test_lost_screen_stops_the_run_and_keeps_results() -> None:
    async with service() as url, viewed(constant(url, 50.0)) as (run, _, paper, showing):
        await paper.until(lambda text: "in all" in text)
        paper.torn = True
        async with asyncio.timeout(30):
            await showing
            assert (await run.finished()).summary.ok > 0


async def test_second_q_does_not_wait_for_the_last_responses() -> None:
    async with service() as url, viewed(constant(url, 50.0)) as (run, view, paper, showing):
        await paper.until(lambda text: "in all" in text)
        view.key("q")
        view.key("q")
        async with asyncio.timeout(30):
            await showing
            assert (await run.finished()).result.stopped


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with service() as address:
        yield address


async def test_keys_on_a_real_terminal(url: str) -> None:
    await asyncio.to_thread(_on_a_terminal, url)


def _on_a_terminal(url: str) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    before = termios.tcgetattr(theirs)
    root = Path(__file__).parents[3]
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, url], cwd=root, env={**os.environ, "TERM": "xterm"},
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    screen = Screen(ours)
    try:
        screen.until(r"\x1b\[\?1049h.*open loop, constant 50/s.*in flight")
        screen.press("+", until=r"100 requests/s from now on")
        screen.press("?", until=r"INVALID.*any key goes back")
        screen.press("x", until=r"\+ - rate")
        screen.press("q", until=r"\x1b\[\?1049l.*per second offered")
        assert program.wait(timeout=30) == 0
        assert termios.tcgetattr(theirs) == before
    finally:
        program.kill()
        program.wait(timeout=10)
        os.close(ours)
        os.close(theirs)


class Screen:
    """The bytes that a terminal received."""

    def __init__(self, fd: int) -> None:
        self.text = ""
        self._fd = fd

    def until(self, pattern: str, *, timeout_s: float = 40) -> None:
        end, begin = time.monotonic() + timeout_s, len(self.text)
        while not re.search(pattern, self.text[begin:], re.DOTALL):
            left = end - time.monotonic()
            assert left > 0, f"{pattern!r} did not show; last: {self.text[-2000:]}"
            if select.select([self._fd], [], [], min(left, 0.5))[0]:
                self.text += os.read(self._fd, 65536).decode("utf-8", "replace")

    def press(self, keys: str, *, until: str) -> None:
        os.write(self._fd, keys.encode())
        self.until(until)
