"""The live view of a run: keys in, the run steered, the screen drawn when something changed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from client.load.control import LoadRun
from client.load.live.model import Deed, Leave, LiveState, NoteMark, SetRate, Stop, answered, on_snapshot, press
from client.load.live.screen import render
from client.terminal.tty import Terminal
from client.terminal.text import Line
from vmhost.base.errors import CloudError

_FRAME_S = 0.1
_DEEDS_MAX = 20


class Screen(Protocol):
    """What the view draws on: `client.terminal.tty.Terminal`, or something like it."""

    def taken(self) -> AbstractContextManager[None]:
        """Has the screen for as long as the block lasts."""

    def size(self) -> tuple[int, int]:
        """Columns and rows now."""

    def draw(self, lines: Sequence[Line]) -> None:
        """Shows the lines. Raises OSError when the screen is gone."""


async def show_live_load(run: LoadRun, *, title: str, colour: bool) -> None:
    """Draws a run that was started on standard output's terminal until it is over; s or q stop it, q twice leaves the
    view before its last answers. The report is the caller's: `await run.finished()`."""
    view = LiveLoad(run, title=title)
    await view.show(Terminal(on_key=view.key, on_resize=view.resized, colour=colour))


class LiveLoad:
    """The view of one run that was started."""

    def __init__(self, run: LoadRun, *, title: str) -> None:
        self.state = LiveState(title=title, plan=run.plan)
        self._run = run
        self._changed = asyncio.Event()
        self._over = asyncio.Event()
        self._deeds: deque[SetRate | NoteMark] = deque()
        self._asked = asyncio.Event()

    async def show(self, screen: Screen) -> None:
        """Draws until the run is over, the person leaves or the screen is gone, which stops the run too."""
        with screen.taken():
            async with asyncio.TaskGroup() as tasks:
                helpers = [tasks.create_task(work) for work in (self._follow(), self._steer(), self._draw(screen))]
                await self._over.wait()
                for helper in helpers:
                    helper.cancel()

    def key(self, key: str) -> None:
        """A key was pressed."""
        state, deed = press(self.state, key)
        self._show(state)
        if deed is not None:
            self._do(deed)

    def resized(self) -> None:
        """The terminal has another size, or another screen."""
        self._changed.set()

    def _show(self, state: LiveState) -> None:
        self.state = state
        self._changed.set()

    def _do(self, deed: Deed) -> None:
        match deed:
            case Stop():
                self._run.stop_soon()
            case Leave():
                self._over.set()
            case SetRate() | NoteMark():
                # Of several new rates that nobody has heard of yet the last one counts: a held key makes many.
                if isinstance(deed, SetRate) and self._deeds and isinstance(self._deeds[-1], SetRate):
                    self._deeds[-1] = deed
                elif len(self._deeds) < _DEEDS_MAX:
                    self._deeds.append(deed)
                self._asked.set()

    async def _follow(self) -> None:
        async for snapshot in self._run.snapshots():
            self._show(on_snapshot(self.state, snapshot))
        self._over.set()

    async def _steer(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            while self._deeds:
                try:
                    await self._obey(self._deeds.popleft())
                except CloudError as error:
                    self._show(answered(self.state, error.message))

    async def _obey(self, deed: SetRate | NoteMark) -> None:
        if isinstance(deed, SetRate):
            # Both at once, so that the mark is where the rate changes.
            await asyncio.gather(self._run.set_rate(deed.per_s), self._run.mark(deed.text))
        else:
            await self._run.mark(f"mark {len(self._run.metrics.marks) + 1}")

    async def _draw(self, screen: Screen) -> None:
        try:
            while True:
                self._changed.clear()
                screen.draw(render(self.state, *screen.size()))
                await self._changed.wait()
                await asyncio.sleep(_FRAME_S)
        except OSError:
            self._run.stop_soon()
            self._over.set()
