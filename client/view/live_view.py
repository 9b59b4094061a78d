"""The live view: handles keys, runs experiments, and draws the screen when something changed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial

from client.cloud_state import Tone
from client.experiments.experiment import Experiment, choose_victim
from client.experiments.runner import EXPERIMENTS
from client.load.live.live_state import next_rate
from client.local.state_dir import LocalFacts
from client.session import DEFAULT_RATE, Session
from client.terminal.tty import BACKSPACE, ENTER, ESCAPE, INTERRUPT, Screen, Terminal, draw_changes
from client.view.demo_screen import render
from client.view.plain_view import note_line
from client.view.session_view import SessionView, ViewOptions, show_session
from client.view.view_state import (
    RATES,
    Note,
    Panel,
    ViewState,
    noted,
    on_load,
    on_search_result,
)
from vmhost.base.errors import CloudError

_FIRST_FIGURES_S = 1.0
"""Maximum time that the first screen waits for figures."""
_QUERY_MAX = 200
_TASKS_MAX = 8


class LiveView(SessionView):
    """The view of one session. `run` returns when the user quits."""

    def __init__(self, session: Session, state: ViewState, *, rng: random.Random) -> None:
        super().__init__(session, state)
        self._rng = rng
        self._changed = asyncio.Event()
        self._quit = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._keys: dict[str, Callable[[], None]] = {
            **{each.key: partial(self._experiment, each()) for each in EXPERIMENTS.values()},
            "+": lambda: self._step(1),
            "=": lambda: self._step(1),
            "-": lambda: self._step(-1),
            "s": lambda: self._change(prompt=""),
            "/": lambda: self._change(prompt=""),
            "o": lambda: self._open(self._session.service.page("hypervisor")),
            "c": lambda: self._open(self.state.console_url),
            "w": lambda: self._change(panel=Panel.ISOLATION),
            "?": lambda: self._change(panel=Panel.GLOSSARY),
            "q": self._quit.set,
        }

    async def run(self, screen: Screen, messages: AsyncIterator[str]) -> None:
        """Draw until `q`; show `messages` as notes, and raise the error that ends them."""
        with screen.taken():
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                helpers = [
                    tasks.create_task(draw_changes(screen, self._changed, lambda *size: render(self.state, *size))),
                    tasks.create_task(self._follow_load()),
                    tasks.create_task(self._show_messages(messages)),
                ]
                await self._quit.wait()
                for task in (*helpers, *self._under_way):
                    task.cancel()

    def key(self, key: str) -> None:
        """Handle a key."""
        if key == INTERRUPT:
            self._quit.set()
        elif self.state.prompt is not None:
            self._type(key)
        elif self.state.panel is not Panel.NONE and key != "q":
            self._change(panel=Panel.NONE)
        elif (action := self._keys.get(key.lower())) is not None:
            action()

    def resized(self) -> None:
        """Draw again after a change of the terminal's size."""
        self._changed.set()

    # state

    def _show(self, state: ViewState) -> None:
        super()._show(state)
        self._changed.set()

    def _change(self, *, panel: Panel | None = None, prompt: str | None = None) -> None:
        self._show(replace(self.state, panel=self.state.panel if panel is None else panel, prompt=prompt))

    def _note(self, text: str, *, tone: Tone = Tone.NEUTRAL, key: str = "") -> None:
        self._show(noted(self.state, Note(at=time.time(), text=text, tone=tone, key=key)))

    async def _follow_load(self) -> None:
        async for snapshot in self._session.load.snapshots():
            self._show(on_load(self.state, snapshot))
            past = self._session.load.past
            if snapshot is None and past and past[0].error:
                self._note(f"the load has ended: {past[0].error}", tone=Tone.BAD, key=f"run {past[0].number}")

    async def _show_messages(self, messages: AsyncIterator[str]) -> None:
        async for text in messages:
            self._note(text, tone=Tone.WARNING)
        self._quit.set()

    # keys

    def _type(self, key: str) -> None:
        text = self.state.prompt or ""
        if key == ENTER:
            self._change()
            if text.strip():
                self._start(lambda: self._search(text.strip()))
        elif key == ESCAPE:
            self._change()
        elif key == BACKSPACE:
            self._change(prompt=text[:-1])
        elif len(key) == 1:
            self._change(prompt=(text + key)[:_QUERY_MAX])

    def _start(self, work: Callable[[], Awaitable[None]]) -> None:
        assert self._tasks is not None
        if len(self._under_way) >= _TASKS_MAX:
            return
        task = self._tasks.create_task(self._guarded(work))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except CloudError as error:
            self._note(error.message, tone=Tone.BAD)

    def _experiment(self, experiment: Experiment) -> None:
        async def work() -> None:
            victim = choose_victim(self._session.watcher.state, self._rng)
            self._session.experiments.must_be_idle()
            # Its steps report everything from here on, a failure too.
            with contextlib.suppress(CloudError):
                await self._session.experiments.run(experiment, victim)

        if not self._refused():
            self._start(work)

    def _step(self, step: int) -> None:
        async def work() -> None:
            load = self._session.load
            if load.running:
                rate = next_rate(load.rate_per_s, step, RATES)
                await self._session.set_rate(rate)
            elif step > 0:
                rate = DEFAULT_RATE
                await self._session.start_load(rate)
            else:
                self._note("no load; + starts it", key="rate")
                return
            self._note(f"load: {rate:g} requests per second", key="rate")

        if not self._refused():
            self._start(work)

    def _refused(self) -> bool:
        """Return whether an experiment is in progress, after showing a note about it."""
        try:
            self._session.experiments.must_be_idle()
        except CloudError as error:
            self._note(error.message, key="busy")
            return True
        return False

    async def _search(self, query: str) -> None:
        self._show(on_search_result(self.state, await self._session.service.search(query), time.time()))

    def _open(self, url: str) -> None:
        if url and not open_browser(url):
            self._note(f"no browser found; the address is {url}")


async def show_live(facts: LocalFacts, messages: AsyncIterator[str], options: ViewOptions) -> None:
    """Show a local cloud until the user quits. Nothing is drawn before there are figures."""
    async with show_session(facts, options) as (session, console, notes):
        state = ViewState(
            search_url=facts.search, console_url=console, why=facts.why, cloud_state=session.watcher.state
        )
        for text in (*facts.notes, *notes):
            state = noted(state, Note(at=facts.since, text=text, tone=Tone.WARNING))
        view = LiveView(session, state, rng=random.Random(options.seed))
        view.listen()
        await session.start_load(options.rate_per_s)
        async for snapshot in session.load.snapshots():
            view.state = on_load(view.state, snapshot)
            if snapshot is None or snapshot.total.completed or snapshot.elapsed_s >= _FIRST_FIGURES_S:
                break
        try:
            await view.run(Terminal(on_key=view.key, on_resize=view.resized), messages)
        finally:
            # The alternate screen is gone; print the results so that they stay readable.
            for note in view.state.notes:
                if note.key.startswith("experiment") or note.tone is Tone.BAD:
                    print(note_line(note))


def browser_command(
    environ: Mapping[str, str], platform: str, find: Callable[[str], str | None] = shutil.which
) -> str | None:
    """Return the program that opens an address in a window; None without one.

    Text browsers are ignored: they would need the terminal."""
    if platform == "darwin":
        return "open"
    if find("wslview"):
        return "wslview"
    window = environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")
    return "xdg-open" if window and find("xdg-open") else None


def open_browser(url: str) -> bool:
    """Open the address; return whether a browser could be started."""
    command = browser_command(os.environ, sys.platform)
    if command is None:
        return False
    quiet = subprocess.DEVNULL
    try:
        subprocess.Popen([command, url], stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    except OSError:
        return False
    return True
