"""Both views of a real cloud show a load and experiments that others start, change and stop."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable

import pytest
from rich.text import Text

from client.experiments.experiment import choose_victim
from client.experiments.kill import Kill
from client.session import Session
from client.view.live_view import LiveView
from client.view.plain_view import PlainView
from client.view.view_state import ViewState

LIMIT_S = 60


class Paper:
    """A terminal of 100 x 30 that keeps what was drawn last."""

    def __init__(self) -> None:
        self.text = ""

    def taken(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def size(self) -> tuple[int, int]:
        return 100, 30

    def draw(self, lines: list[Text]) -> None:
        self.text = "\n".join(each.plain for each in lines)


async def no_messages() -> AsyncIterator[str]:
    await asyncio.get_running_loop().create_future()
    yield ""


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not holds():
            await asyncio.sleep(0.02)


async def kill_by_the_console(session: Session) -> None:
    await session.experiments.run(Kill(), choose_victim(session.watcher.state, random.Random(1)), by="the console")


async def test_live_view_shows_changes_by_others(session: Session) -> None:
    async with asyncio.timeout(LIMIT_S):
        view = LiveView(session, ViewState(search_url="", cloud_state=session.watcher.state), rng=random.Random(1))
        view.listen()
        paper = Paper()
        running = asyncio.create_task(view.run(paper, no_messages()))  # type: ignore[arg-type]
        await until(lambda: " no load; + starts it" in paper.text)
        await session.start_load(50)
        await until(lambda: " 50 req/s " in paper.text)
        await session.stop_load()
        await until(lambda: " no load; + starts it" in paper.text)
        view.key("-")
        await until(lambda: paper.text.count("no load; + starts it") == 2)
        view.key("+")
        await until(lambda: " 20 req/s " in paper.text)
        view.key("+")
        await until(lambda: " 50 req/s " in paper.text)
        killing = asyncio.create_task(kill_by_the_console(session))
        await until(lambda: "the console killed i-" in paper.text)
        view.key("h")
        await until(lambda: "the kill is still being measured; try again in a moment" in paper.text)
        await killing
        await until(lambda: " lost" in paper.text)
        view.key("q")
        await running


async def test_plain_view_shows_changes_by_others(session: Session) -> None:
    lines: list[str] = []
    async with asyncio.timeout(LIMIT_S):
        state = ViewState(search_url="", cloud_state=session.watcher.state)
        view = PlainView(session, state, lines.append, every_s=0.6)
        view.listen()
        running = asyncio.create_task(view.run(no_messages(), kill_after_s=None, rng=random.Random(1)))
        for rate in (20, 40):
            lines.clear()
            await session.start_load(rate)
            await until(lambda: sum("req/s" in line for line in lines) >= 2)
            await session.stop_load()
            await until(lambda: any("the load has ended" in line for line in lines))
        await kill_by_the_console(session)
        assert "the console killed i-" in lines[-2]
        assert "no load ran" in lines[-1]
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
