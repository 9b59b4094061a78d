"""The view without a terminal: lines of plain text, for logs, pipes and compose."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

from client.load.summary import Snapshot as LoadSnapshot
from client.local.places import LocalFacts
from client.terminal.text import clean
from client.tour.kill import victim_of
from client.tour.results import Step
from client.tour.session import Session
from client.view.model import Note, ViewState, noted, on_answering, on_cloud, on_load, on_step
from client.view.screen import clock
from client.view.showing import Showing, show_session
from vmhost.api.views import CloudEvent
from vmhost.base.errors import CloudError

EVERY_S = 10.0
KILL_AFTER_S = 15.0

Print = Callable[[str], None]


def note_line(note: Note) -> str:
    """A note as a line."""
    return f"{clock(note.at)}  {clean(note.text)}"


def figures_line(at: float, load: LoadSnapshot, running: int) -> str:
    """A line such as "14:02:10  20 req/s  failed 0  last minute: p50 2.1 ms, p99 6.0 ms  4 running".

    The rate is of ten seconds, the percentiles are of the last minute, the failures of the whole run."""
    recent = load.recent
    rate = recent.offered / recent.seconds if recent.seconds else 0.0
    name, tail = load.minute.tail
    p50 = "-" if load.minute.p50 is None else f"{load.minute.p50:.1f}"
    slow = "-" if tail is None else f"{tail:.1f}"
    return (
        f"{clock(at)}  {rate:.0f} req/s  failed {load.total.failed}  last minute: p50 {p50} ms, {name} {slow} ms  "
        f"{running} running"
    )


def note_json(note: Note) -> str:
    """A note as a JSON line."""
    return json.dumps({"at": round(note.at, 3), "event": note.text})


def figures_json(at: float, load: LoadSnapshot, running: int) -> str:
    """The figures as a JSON line, under the same windows as those for people; null where samples are too few."""
    recent = load.recent
    return json.dumps(
        {
            "at": round(at, 3),
            "requests_per_s": round(recent.offered / recent.seconds, 1) if recent.seconds else 0.0,
            "failed": load.total.failed,
            "p50_ms": load.minute.p50,
            "p90_ms": load.minute.p90,
            "p99_ms": load.minute.p99,
            "running": running,
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How notes and figures become lines."""

    note: Callable[[Note], str]
    figures: Callable[[float, LoadSnapshot, int], str]


FOR_PEOPLE = Wording(note=note_line, figures=figures_line)
FOR_PROGRAMS = Wording(note=note_json, figures=figures_json)


class PlainView:
    """Prints each event, and a line of figures every ten seconds."""

    def __init__(
        self,
        session: Session,
        state: ViewState,
        printer: Print,
        *,
        wording: Wording = FOR_PEOPLE,
        every_s: float = EVERY_S,
    ) -> None:
        self.state = state
        self._session = session
        self._print = printer
        self._wording = wording
        self._every_s = every_s

    def listen(self) -> None:
        """Has the session tell it everything from now on."""
        self._session.watch.listeners.append(self.on_cloud)
        self._session.watch.answering.append(self.on_answering)
        self._session.experiments.listeners.append(self.on_step)

    def on_cloud(self, event: CloudEvent) -> None:
        """An event of the platform."""
        self._show(on_cloud(self.state, event, time.time()))

    def on_answering(self, answers: bool) -> None:
        """The platform has stopped answering, or answers again."""
        self._show(on_answering(self.state, answers, time.time()))

    def on_step(self, step: Step) -> None:
        """An experiment has come so far, whoever asked for it."""
        self._show(on_step(self.state, step, time.time()))

    def say(self, text: str) -> None:
        """Prints a note of now."""
        self._print(self._wording.note(Note(at=time.time(), text=text)))

    async def run(self, stories: AsyncIterator[str], *, kill_after_s: float | None, rng: random.Random) -> None:
        """Prints until cancelled or until `stories` end; kills one instance after `kill_after_s`."""
        async with asyncio.TaskGroup() as tasks:
            helpers = [tasks.create_task(self._figures())]
            if kill_after_s is not None:
                helpers.append(tasks.create_task(self._kill(kill_after_s, rng)))
            async for text in stories:
                self.say(text)
            for task in helpers:
                task.cancel()

    def _show(self, state: ViewState) -> None:
        """Prints the notes that are new and complete; those of an experiment under way end in an ellipsis."""
        before = set(self.state.notes)
        self.state = state
        for note in state.notes:
            if note not in before and not note.text.endswith("…"):
                # The line's own time: a note that was completed keeps the time of its beginning.
                self._print(self._wording.note(replace(note, at=time.time())))

    async def _figures(self) -> None:
        """A line of the session's load each ten seconds while one runs, and one at its end."""
        run, last_s = 0, 0.0
        async for snapshot in self._session.load.snapshots():
            self.state = on_load(self.state, snapshot)
            if snapshot is None:
                self._say_ended(run)
                continue
            if run != self._session.load.number:
                run, last_s = self._session.load.number, 0.0
            if snapshot.elapsed_s - last_s >= self._every_s - 0.1:
                last_s = snapshot.elapsed_s
                self._print(self._wording.figures(snapshot.at, snapshot, len(self.state.world.running)))

    def _say_ended(self, run: int) -> None:
        """Where a load was shown, that none is sent any more, and what ended it where that was no wish."""
        past = self._session.load.past
        if run and past:
            why = f": {past[0].error}" if past[0].error else ""
            self.say(f"the load has ended{why}")

    async def _kill(self, after_s: float, rng: random.Random) -> None:
        await asyncio.sleep(after_s)
        try:
            victim = victim_of(self._session.watch.world, rng)
            self._session.experiments.must_be_idle()
        except CloudError as error:
            self._show(noted(self.state, Note(at=time.time(), text=error.message)))
            return
        # From here on its steps tell everything, a failure too.
        with contextlib.suppress(CloudError):
            result = await self._session.experiments.kill(victim, by="the demo")
            if result.judgement.held is not None:
                verdict = "no request was lost" if result.judgement.held else "clients noticed the failure"
                self._show(noted(self.state, Note(at=time.time(), text=f"verdict: {verdict}")))


async def show_plain(facts: LocalFacts, stories: AsyncIterator[str], showing: Showing) -> None:
    """Prints a local cloud's events line by line until cancelled; one instance is killed on the way."""
    _print(f"glasscloud: {facts.instances} instances answer one search box; Ctrl-C removes everything")
    _print(f"  search  {facts.search}/search?q=hypervisor")
    async with show_session(facts, showing) as (session, console):
        for text in (f"console {console.address}", *console.notes) if console.address else console.notes:
            _print(f"  {text}")
        _print(f"  traffic {showing.rate_per_s:g} requests a second; one instance is killed after {KILL_AFTER_S:.0f} s")
        state = ViewState(search_url=facts.search, why=facts.why, world=session.watch.world)
        view = PlainView(session, state, _print)
        view.listen()
        await session.start_load(showing.rate_per_s)
        await view.run(stories, kill_after_s=KILL_AFTER_S, rng=random.Random(showing.seed))


def _print(text: str) -> None:
    print(text, flush=True)
