"""The state that the view shows, folded from events. Pure: no clock, no terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from client.cloud_state import CloudState, fold, shard_of
from client.experiments.results import (
    HogProgress,
    HogResult,
    KillProgress,
    KillResult,
    SearchResult,
    Stage,
    Step,
    shortened,
)
from client.experiments.runner import TERMINAL
from client.load.summary import Snapshot as LoadSnapshot
from client.terminal.text import clean, cut
from client.verdicts import kill_account
from server.api.timing import RequestTrace, parse
from vmhost.api.views import CloudEvent, InstanceView, ReasonView
from vmhost.base.ids import short_ids

NOTES_MAX = 50
PAUSE_S_MIN = 5.0
"""Snapshots come twice a second; where none came for so long, everything stood still."""
PAUSE_SETTLES_S = 15.0
"""By then the requests of the pause have been answered or given up, and left the window of ten seconds."""
PAUSE_LEAVES_S = 75.0
"""By then they have left the window of a minute too."""
_QUERY_COLUMNS_MAX = 40
_OWNER_ENDED = "Client.UserInitiatedShutdown"
RATES = (1.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)


class Panel(Enum):
    """What covers the notes."""

    NONE = "none"
    ISOLATION = "isolation"
    GLOSSARY = "glossary"


class Tone(Enum):
    """How a note is meant."""

    NEUTRAL = "neutral"
    GOOD = "good"
    CARE = "care"
    BAD = "bad"


_TONES = {True: Tone.GOOD, False: Tone.BAD, None: Tone.CARE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One thing that happened. A note with the same key takes its place."""

    at: float
    text: str
    key: str = ""
    tone: Tone = Tone.NEUTRAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A time in which this computer slept, or all our programs were stopped: what it did to figures says nothing."""

    at: float
    """Epoch seconds of its end."""
    seconds: float
    failed: int
    """Requests that failed because of it, so far as they have ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewState:
    """Everything on the screen."""

    search_url: str
    console_url: str = ""
    """With the token; empty where no console is served."""
    why: str = ""
    """Why it is this driver and how to get the other, in two sentences; empty where somebody chose it."""
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
    """What was typed so far into the search line; None while it is not open."""
    mine: frozenset[str] = frozenset()
    """Instances that an experiment killed: their deaths are told by their kill's own note."""

    @property
    def shorts(self) -> Mapping[str, str]:
        """Short ids, unique among all that is known."""
        return short_ids(self.cloud_state.instances)

    def short(self, instance_id: str) -> str:
        """The instance's short id."""
        return self.shorts.get(instance_id, instance_id[:6])


def noted(state: ViewState, note: Note) -> ViewState:
    """With the note at the end, or in the place of the one with its key."""
    if note.key and any(each.key == note.key for each in state.notes):
        notes = tuple(replace(note, at=each.at) if each.key == note.key else each for each in state.notes)
    else:
        notes = (*state.notes, note)[-NOTES_MAX:]
    return replace(state, notes=notes)


def on_cloud(state: ViewState, event: CloudEvent, now: float) -> ViewState:
    """After an event of the platform."""
    before = state.cloud_state.instances
    after = replace(state, cloud_state=fold(state.cloud_state, event))
    if isinstance(event, InstanceView) and (text := _story(after, before.get(event.id), event)):
        tone = Tone.NEUTRAL if event.state == "running" and not event.impaired else Tone.CARE
        return noted(after, Note(at=now, text=text, tone=tone))
    return after


def _story(state: ViewState, old: InstanceView | None, new: InstanceView) -> str:
    """What the change is worth telling; empty for the steps in between and for what we did ourselves."""
    short = state.short(new.id)
    if new.state == "running" and (old is None or old.state != "running"):
        shard = shard_of(new)
        return f"{short} runs on {new.host}" + ("" if shard is None else f" and serves shard {shard}")
    if old is not None and new.state == "running" and old.impaired != new.impaired:
        return f"{short} cannot answer: {clean(new.impaired)}" if new.impaired else f"{short} can answer again"
    if old is not None and old.state == "running" and new.state != "running" and new.id not in state.mine:
        return f"{short} is {new.state}{_why(new.reason)}"
    if new.state == "terminated" and old is not None and old.state == "pending":
        return f"{short} could not start{_why(new.reason)}"
    return ""


def _why(reason: ReasonView | None) -> str:
    """EC2's reason as people say it: without its code."""
    if reason is None or not reason.message:
        return ""
    if reason.code == _OWNER_ENDED:
        return ": terminated by its owner"
    return f": {clean(reason.message.removeprefix(f'{reason.code}: '))}"


def on_answering(state: ViewState, answers: bool, now: float) -> ViewState:
    """The platform has stopped answering, or answers again."""
    if answers:
        return noted(state, Note(at=now, text="the platform answers again", tone=Tone.GOOD))
    text = "the platform does not answer; the instances shown may be out of date"
    return noted(state, Note(at=now, text=text, tone=Tone.BAD))


def on_load(state: ViewState, snapshot: LoadSnapshot | None) -> ViewState:
    """After half a second of load, or after its end."""
    if snapshot is None:
        return replace(state, load=None, pause=None)
    state = _after_pause(state, snapshot)
    traced = snapshot.last
    trace = None if traced is None else parse(traced.server_timing)
    if traced is None or trace is None:
        return replace(state, load=snapshot)
    return replace(state, load=snapshot, last=trace, last_query=clean(traced.label))


def _after_pause(state: ViewState, snapshot: LoadSnapshot) -> ViewState:
    """Notes a pause between two snapshots, and counts what fails until its requests have ended."""
    before = state.load
    if before is None or snapshot.elapsed_s < before.elapsed_s:
        return replace(state, pause=None)
    failed, gap_s = snapshot.total.failed - before.total.failed, snapshot.at - before.at
    if gap_s >= PAUSE_S_MIN:
        text = f"this computer or its programs were paused for {gap_s:.0f} s; figures of that time are left out"
        lost = failed + (0 if state.pause is None else state.pause.failed)
        pause = Pause(at=snapshot.at, seconds=gap_s, failed=lost)
        return noted(replace(state, pause=pause), Note(at=snapshot.at, text=text, tone=Tone.CARE))
    if state.pause is not None and snapshot.at - state.pause.at < PAUSE_SETTLES_S:
        return replace(state, pause=replace(state.pause, failed=state.pause.failed + failed))
    return state


def on_step(state: ViewState, step: Step, now: float) -> ViewState:
    """An experiment has come so far, or to its end, whoever asked for it."""
    key, by = f"experiment {step.number}", "you" if step.by == TERMINAL else step.by
    match step.what:
        case KillProgress():
            return _on_kill(state, step.what, now, key=key, by=by)
        case KillResult():
            return _on_killed(state, step.what, now, key=key, by=by)
        case HogProgress():
            return _on_hog(state, step.what, now, key=key)
        case HogResult():
            return _on_hogged(state, step.what, now, key=key)
    note = Note(at=now, text=f"the {step.what.kind}: {step.what.error}", key=key, tone=Tone.BAD)
    return noted(state, note)


def _on_kill(state: ViewState, progress: KillProgress, now: float, *, key: str, by: str) -> ViewState:
    """A kill has come so far."""
    victim = progress.victim
    parts = []
    if progress.seen_s is not None:
        parts.append(f"noticed after {seconds(progress.seen_s)}")
    if victim.fleet is None:
        parts.append("nothing replaces it: it belongs to no fleet")
    elif progress.replaced_s is not None:
        parts.append(f"replaced after {seconds(progress.replaced_s)}")
    text = f"{by} killed {state.short(victim.id)}{': ' + ', '.join(parts) if parts else ''} …"
    state = replace(state, mine=state.mine | {victim.id})
    return noted(state, Note(at=now, text=text, key=key, tone=Tone.CARE))


def _on_killed(state: ViewState, result: KillResult, now: float, *, key: str, by: str) -> ViewState:
    """A kill has been accounted for."""
    window = result.window
    account = kill_account(
        seen_s=result.seen_s,
        replaced_s=result.replaced_s,
        lost=None if window is None else window.failed,
        requests=None if window is None else window.offered,
        alone=result.alone,
        brief=True,
    )
    text = f"{by} killed {state.short(result.instance_id)}: {account}"
    return noted(state, Note(at=now, text=text, key=key, tone=_TONES[result.judgement.held]))


def _on_hog(state: ViewState, progress: HogProgress, now: float, *, key: str) -> ViewState:
    """A CPU hog has come so far."""
    short, plan = state.short(progress.victim.id), progress.plan
    text = {
        Stage.BEFORE: f"measuring at {plan.rate_per_s:.0f} requests/s first; then {short} hogs the CPU …",
        Stage.DURING: f"{short} hogs the CPU for {plan.hog_s:.0f} s; watch the others …",
        Stage.AFTER: f"{short} stopped hogging; measuring how the others recover …",
    }[progress.stage]
    return noted(state, Note(at=now, text=text, key=key, tone=Tone.CARE))


def _on_hogged(state: ViewState, result: HogResult, now: float, *, key: str) -> ViewState:
    """A CPU hog has been judged."""
    state = noted(state, Note(at=now, text=hog_account(state.short(result.instance_id), result), key=key))
    sentence = shortened(result.isolation.sentence, short_ids(state.cloud_state.instances))
    return noted(state, Note(at=now, text=sentence, tone=_TONES[result.isolation.held]))


def hog_account(short: str, result: HogResult) -> str:
    """What clients noticed of the hog, in a sentence."""
    figures = ", ".join("-" if value is None else f"{value:.1f}" for value in result.others_p99_ms())
    return (
        f"{short} hogged the CPU: {result.lost} of {result.during.offered} requests lost; "
        f"p99 of the others before, during, after: {figures} ms"
    )


def on_found(state: ViewState, found: SearchResult, now: float) -> ViewState:
    """A search was answered."""
    hits = f"{found.total} hit" if found.total == 1 else f"{found.total} hits"
    first = f"; first: {clean(found.titles[0])}" if found.titles else ""
    part = " (a shard is missing)" if found.partial else ""
    state = noted(
        state, Note(at=now, text=f'search "{cut(clean(found.query), _QUERY_COLUMNS_MAX)}": {hits}{part}{first}')
    )
    if found.trace is None:
        return state
    return noted(state, Note(at=now, text=f"  {path_of(state, found.trace)}"))


def path_of(state: ViewState, trace: RequestTrace, *, brief: bool = False) -> str:
    """How long a request took and where: "3.4 ms = front end 0.5 + slower of [i-0a12 2.1 | i-0d90 2.9]"."""
    attempts = sorted((each for each in trace.attempts if each.outcome == "won"), key=lambda each: each.shard)
    ways = " | ".join(f"{state.short(each.instance_id)} {each.dur_ms:.1f}{_role(each.hedge)}" for each in attempts)
    which = "" if brief or len(attempts) < 2 else "slower of " if len(attempts) == 2 else "slowest of "
    leaves = f" + {which}[{ways}]" if ways else ""
    return f"{trace.total_ms:.1f} ms = front end {trace.frontend_ms:.1f}{leaves}"


def _role(hedge: bool) -> str:
    return " hedge" if hedge else ""


def next_rate(rate: float, step: int) -> float:
    """The rate a step up or down the ladder."""
    if step > 0:
        return next((each for each in RATES if each > rate), RATES[-1])
    return next((each for each in reversed(RATES) if each < rate), RATES[0])


def seconds(value: float) -> str:
    """Seconds as people read them."""
    return f"{value:.2f} s" if value < 0.1 else f"{value:.1f} s"
