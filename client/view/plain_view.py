"""The view without a terminal: lines of plain text or JSON, for logs, pipes and compose."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import msgspec

from client.experiments.experiment import choose_victim
from client.experiments.kill import Kill
from client.load.run_result import Snapshot as LoadSnapshot
from client.local.state_dir import LocalFacts
from client.session import Session
from client.terminal.plain_text import clean, time_of_day
from client.view.session_view import SessionView, ViewOptions, show_session
from client.view.view_state import Note, ViewState, noted, on_load
from vmhost.base.errors import CloudError

EVERY_S = 10.0
KILL_AFTER_S = 15.0

Print = Callable[[str], None]


def note_line(note: Note) -> str:
    """Return a note as a text line."""
    return f"{time_of_day(note.at)}  {clean(note.text)}"


def figures_line(load: LoadSnapshot, running: int) -> str:
    """Return a line such as "14:02:10  20 req/s  failed 0  last minute: p50 2.1 ms, p99 6.0 ms  4 running".

    The rate covers ten seconds, the percentiles the last minute, the failures the whole run."""
    recent = load.recent
    rate = recent.offered / recent.seconds if recent.seconds else 0.0
    name, tail = load.minute.tail
    p50 = "-" if load.minute.p50 is None else f"{load.minute.p50:.1f}"
    slow = "-" if tail is None else f"{tail:.1f}"
    return (
        f"{time_of_day(load.at)}  {rate:.0f} req/s  failed {load.total.failed}  "
        f"last minute: p50 {p50} ms, {name} {slow} ms  {running} running"
    )


def note_json(note: Note) -> str:
    """Return a note as a JSON line."""
    return msgspec.json.encode({"at": round(note.at, 3), "event": note.text}).decode()


def figures_json(load: LoadSnapshot, running: int) -> str:
    """Return the figures as a JSON line, over the same windows as the text line; null for too few samples."""
    recent = load.recent
    return msgspec.json.encode(
        {
            "at": round(load.at, 3),
            "requests_per_s": round(recent.offered / recent.seconds, 1) if recent.seconds else 0.0,
            "failed": load.total.failed,
            "p50_ms": load.minute.p50,
            "p90_ms": load.minute.p90,
            "p99_ms": load.minute.p99,
            "running": running,
        }
    ).decode()


class PlainView(SessionView):
    """Prints each event, and a line of figures every ten seconds."""

    def __init__(
        self,
        session: Session,
        state: ViewState,
        printer: Print,
        *,
        as_json: bool = False,
        every_s: float = EVERY_S,
    ) -> None:
        super().__init__(session, state)
        self._print = printer
        self._as_json = as_json
        self._every_s = every_s

    def say(self, text: str) -> None:
        """Print a note with the current time."""
        self._print_note(Note(at=time.time(), text=text))

    def _print_note(self, note: Note) -> None:
        self._print(note_json(note) if self._as_json else note_line(note))

    async def run(self, messages: AsyncIterator[str], *, kill_after_s: float | None, rng: random.Random) -> None:
        """Print until cancelled or until `messages` end; kill one instance after `kill_after_s`."""
        async with asyncio.TaskGroup() as tasks:
            helpers = [tasks.create_task(self._figures())]
            if kill_after_s is not None:
                helpers.append(tasks.create_task(self._kill(kill_after_s, rng)))
            async for text in messages:
                self.say(text)
            for task in helpers:
                task.cancel()

    def _show(self, state: ViewState) -> None:
        """Print notes that are new and complete; those of an experiment in progress end in an ellipsis."""
        before = set(self.state.notes)
        super()._show(state)
        for note in state.notes:
            if note not in before and not note.text.endswith("…"):
                # Print the current time: a completed note keeps the time of its start.
                self._print_note(replace(note, at=time.time()))

    async def _figures(self) -> None:
        """Print a line of figures every ten seconds while a load runs, and a note at its end."""
        run, last_s = 0, 0.0
        async for snapshot in self._session.load.snapshots():
            self.state = on_load(self.state, snapshot)
            if snapshot is None:
                past = self._session.load.past
                if run and past:
                    self.say("the load has ended" + (f": {past[0].error}" if past[0].error else ""))
                continue
            if run != self._session.load.number:
                run, last_s = self._session.load.number, 0.0
            if snapshot.elapsed_s - last_s >= self._every_s - 0.1:
                last_s = snapshot.elapsed_s
                running = len(self.state.cloud_state.running)
                self._print((figures_json if self._as_json else figures_line)(snapshot, running))

    async def _kill(self, after_s: float, rng: random.Random) -> None:
        await asyncio.sleep(after_s)
        try:
            victim = choose_victim(self._session.watcher.state, rng)
            self._session.experiments.must_be_idle()
        except CloudError as error:
            self._show(noted(self.state, Note(at=time.time(), text=error.message)))
            return
        # Its steps report everything from here on, a failure too.
        with contextlib.suppress(CloudError):
            await self._session.experiments.run(Kill(), victim, by="the demo")


async def show_plain(facts: LocalFacts, messages: AsyncIterator[str], options: ViewOptions) -> None:
    """Print a local cloud's events line by line until cancelled; kill one instance on the way."""
    print_line(f"glasscloud: {facts.instances} instances answer one search box; Ctrl-C removes everything")
    print_line(f"  search  {facts.search}/search?q=hypervisor")
    async with show_session(facts, options) as (session, console, notes):
        for text in (f"console {console}", *notes) if console else notes:
            print_line(f"  {text}")
        print_line(
            f"  traffic {options.rate_per_s:g} requests per second; one instance is killed after {KILL_AFTER_S:.0f} s"
        )
        state = ViewState(search_url=facts.search, why=facts.why, cloud_state=session.watcher.state)
        view = PlainView(session, state, print_line)
        view.listen()
        await session.start_load(options.rate_per_s)
        await view.run(messages, kill_after_s=KILL_AFTER_S, rng=random.Random(options.seed))


def print_line(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)
