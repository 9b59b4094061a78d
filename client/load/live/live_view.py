"""The live view of a run: handles keys, controls the run, and draws the screen when something has changed."""

from __future__ import annotations

import asyncio
from collections import deque

from client.load.live.live_screen import render
from client.load.live.live_state import (
    Action,
    KeyAction,
    LiveState,
    SetRate,
    on_snapshot,
    press,
    with_message,
)
from client.load.run import LoadRun
from client.terminal.tty import Screen, Terminal, draw_changes
from vmhost.base.errors import CloudError

_ACTIONS_MAX = 20


async def show_live_load(run: LoadRun, *, title: str) -> None:
    """Shows a started run on the terminal until it ends; s or q stop it, q twice leaves the view before the last
    responses. The caller prints the report: `await run.finished()`."""
    view = LiveLoadView(run, title=title)
    await view.show(Terminal(on_key=view.key, on_resize=view.resized))


class LiveLoadView:
    """The view of one started run."""

    def __init__(self, run: LoadRun, *, title: str) -> None:
        self.state = LiveState(title=title, plan=run.plan)
        self._run = run
        self._changed = asyncio.Event()
        self._over = asyncio.Event()
        self._actions: deque[KeyAction] = deque()
        self._action_added = asyncio.Event()

    async def show(self, screen: Screen) -> None:
        """Draws until the run ends, the user leaves, or the screen is gone, which also stops the run."""
        with screen.taken():
            async with asyncio.TaskGroup() as tasks:
                helpers = [
                    tasks.create_task(work) for work in (self._follow(), self._apply_actions(), self._draw(screen))
                ]
                await self._over.wait()
                for helper in helpers:
                    helper.cancel()

    def key(self, key: str) -> None:
        """Handles a key."""
        state, action = press(self.state, key)
        self._show(state)
        if action is not None:
            self._do(action)

    def resized(self) -> None:
        """Redraws after the size of the terminal has changed."""
        self._changed.set()

    def _show(self, state: LiveState) -> None:
        self.state = state
        self._changed.set()

    def _do(self, action: KeyAction) -> None:
        match action:
            case Action.STOP:
                self._run.stop_soon()
            case Action.LEAVE:
                self._over.set()
            case _:
                # A held key makes many new rates: only the last of those that wait counts.
                if isinstance(action, SetRate) and self._actions and isinstance(self._actions[-1], SetRate):
                    self._actions[-1] = action
                elif len(self._actions) < _ACTIONS_MAX:
                    self._actions.append(action)
                self._action_added.set()

    async def _follow(self) -> None:
        async for snapshot in self._run.snapshots():
            self._show(on_snapshot(self.state, snapshot))
        self._over.set()

    async def _apply_actions(self) -> None:
        while True:
            await self._action_added.wait()
            self._action_added.clear()
            while self._actions:
                try:
                    await self._apply(self._actions.popleft())
                except CloudError as error:
                    self._show(with_message(self.state, error.message))

    async def _apply(self, action: KeyAction) -> None:
        if isinstance(action, SetRate):
            # Both at once, so that the mark is exactly where the rate changes.
            await asyncio.gather(self._run.set_rate(action.per_s), self._run.mark(action.text))
        else:
            await self._run.mark(f"mark {len(self._run.metrics.marks) + 1}")

    async def _draw(self, screen: Screen) -> None:
        try:
            await draw_changes(screen, self._changed, lambda columns, rows: render(self.state, columns, rows))
        except OSError:
            self._run.stop_soon()
            self._over.set()
