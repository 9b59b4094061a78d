"""The state that the view shows, derived from events. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from client.cloud_state import CloudState, Tone, instance_news
from client.cloud_watcher import CloudChange
from client.experiments.results import Failure, Progress, Result, Step, shortened
from client.experiments.runner import TERMINAL
from client.load.run_result import Snapshot as LoadSnapshot
from client.search_service import SearchResult
from client.terminal.plain_text import clean
from client.terminal.styled_text import cut
from server.api.timing import RequestTrace, parse
from vmhost.api.views import InstanceView
from vmhost.base.ids import short_ids

NOTES_MAX = 50
PAUSE_S_MIN = 5.0
"""Snapshots come twice a second; a gap of this length means that everything was paused."""
PAUSE_SETTLES_S = 15.0
"""By then the requests of the pause have ended and left the window of ten seconds."""
PAUSE_LEAVES_S = 75.0
"""By then they have left the window of a minute too."""
_QUERY_COLUMNS_MAX = 40
RATES = (1.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)


class Panel(Enum):
    """What is shown instead of the notes."""

    NONE = "none"
    ISOLATION = "isolation"
    GLOSSARY = "glossary"


_TONES = {True: Tone.GOOD, False: Tone.BAD, None: Tone.WARNING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something that happened. A later note with the same key replaces it."""

    at: float
    text: str
    key: str = ""
    tone: Tone = Tone.NEUTRAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A time in which this computer slept or our programs were stopped; its figures are left out."""

    at: float
    """Epoch seconds of its end."""
    seconds: float
    failed: int
    """Requests that failed because of it so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewState:
    """Everything on the screen."""

    search_url: str
    console_url: str = ""
    """With the token; empty if no console is served."""
    why: str = ""
    """Why this driver was selected and how to get the other, in two sentences; empty if the user chose it."""
    cloud_state: CloudState = field(default_factory=CloudState)
    load: LoadSnapshot | None = None
    """None while no load runs."""
    pause: Pause | None = None
    """The last one during this load."""
    last: RequestTrace | None = None
    last_query: str = ""
    notes: tuple[Note, ...] = ()
    panel: Panel = Panel.NONE
    prompt: str | None = None
    """The text typed into the search line; None while it is closed."""
    ended_by_experiment: frozenset[str] = frozenset()
    """Instances whose end is part of an experiment and has that experiment's note."""

    @property
    def shorts(self) -> Mapping[str, str]:
        """Short ids, unique among all known instances."""
        return short_ids(self.cloud_state.instances)

    def short(self, instance_id: str) -> str:
        """Return the instance's short id."""
        return self.shorts.get(instance_id, instance_id[:6])


def noted(state: ViewState, note: Note) -> ViewState:
    """Return the state with the note at the end, or in place of the one with the same key."""
    if note.key and any(each.key == note.key for each in state.notes):
        notes = tuple(replace(note, at=each.at) if each.key == note.key else each for each in state.notes)
    else:
        notes = (*state.notes, note)[-NOTES_MAX:]
    return replace(state, notes=notes)


def on_cloud(state: ViewState, change: CloudChange, now: float) -> ViewState:
    """Return the state after an event of the platform."""
    after, event = replace(state, cloud_state=change.after), change.event
    if not isinstance(event, InstanceView):
        return after
    news = instance_news(change.before.instances.get(event.id), event)
    if news is None or news.minor or (event.state != "running" and event.id in state.ended_by_experiment):
        return after
    return noted(after, Note(at=now, text=f"{after.short(event.id)} {news.text}", tone=news.tone))


def on_answering(state: ViewState, answers: bool, now: float) -> ViewState:
    """Return the state after the platform stopped responding, or responds again."""
    if answers:
        return noted(state, Note(at=now, text="the platform responds again", tone=Tone.GOOD))
    text = "the platform does not respond; the instances shown may be out of date"
    return noted(state, Note(at=now, text=text, tone=Tone.BAD))


def on_load(state: ViewState, snapshot: LoadSnapshot | None) -> ViewState:
    """Return the state after half a second of load, or after its end."""
    if snapshot is None:
        return replace(state, load=None, pause=None)
    state = _after_pause(state, snapshot)
    traced = snapshot.last
    trace = None if traced is None else parse(traced.server_timing)
    if traced is None or trace is None:
        return replace(state, load=snapshot)
    return replace(state, load=snapshot, last=trace, last_query=clean(traced.label))


def _after_pause(state: ViewState, snapshot: LoadSnapshot) -> ViewState:
    """Note a pause between two snapshots, and count failures until its requests have ended."""
    before = state.load
    if before is None or snapshot.elapsed_s < before.elapsed_s:
        return replace(state, pause=None)
    failed, gap_s = snapshot.total.failed - before.total.failed, snapshot.at - before.at
    if gap_s >= PAUSE_S_MIN:
        text = f"this computer or its programs were paused for {gap_s:.0f} s; figures of that time are left out"
        lost = failed + (0 if state.pause is None else state.pause.failed)
        pause = Pause(at=snapshot.at, seconds=gap_s, failed=lost)
        return noted(replace(state, pause=pause), Note(at=snapshot.at, text=text, tone=Tone.WARNING))
    if state.pause is not None and snapshot.at - state.pause.at < PAUSE_SETTLES_S:
        return replace(state, pause=replace(state.pause, failed=state.pause.failed + failed))
    return state


def on_step(state: ViewState, step: Step, now: float) -> ViewState:
    """Return the state after a step of an experiment."""
    key, by = f"experiment {step.number}", "you" if step.by == TERMINAL else step.by
    if step.ends_instance:
        state = replace(state, ended_by_experiment=state.ended_by_experiment | {step.instance_id})
    shorts = {**state.shorts, step.instance_id: state.short(step.instance_id)}

    def with_note(state: ViewState, text: str, tone: Tone, suffix: str = "") -> ViewState:
        return noted(state, Note(at=now, text=shortened(text, shorts), key=key + suffix, tone=tone))

    match step.what:
        case Progress(action=action, stage=stage):
            return with_note(state, f"{by} {action}: {stage} …", Tone.WARNING)
        case Failure(error=error):
            return with_note(state, f"the {step.title}: {error}", Tone.BAD)
        case Result() as result:
            state = with_note(state, f"{by} {result.action}: {result.account}", Tone.NEUTRAL)
            return with_note(state, result.sentence, _TONES[result.held], " verdict")


def on_search_result(state: ViewState, found: SearchResult, now: float) -> ViewState:
    """Return the state after a search."""
    hits = f"{found.total} hit" if found.total == 1 else f"{found.total} hits"
    first = f"; first: {clean(found.hits[0].title)}" if found.hits else ""
    part = " (a shard is missing)" if found.partial else ""
    state = noted(
        state, Note(at=now, text=f'search "{cut(clean(found.query), _QUERY_COLUMNS_MAX)}": {hits}{part}{first}')
    )
    if found.trace is None:
        return state
    return noted(state, Note(at=now, text=f"  {path_of(state, found.trace)}"))


def path_of(state: ViewState, trace: RequestTrace, *, brief: bool = False) -> str:
    """Return how long a request took and where: "3.4 ms = front end 0.5 + slower of [i-0a12 2.1 | i-0d90 2.9]"."""
    attempts = sorted((each for each in trace.attempts if each.outcome == "won"), key=lambda each: each.shard)
    paths = " | ".join(
        f"{state.short(each.instance_id)} {each.dur_ms:.1f}{' hedge' if each.hedge else ''}" for each in attempts
    )
    which = "" if brief or len(attempts) < 2 else "slower of " if len(attempts) == 2 else "slowest of "
    leaves = f" + {which}[{paths}]" if paths else ""
    return f"{trace.total_ms:.1f} ms = front end {trace.frontend_ms:.1f}{leaves}"
