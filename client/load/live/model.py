"""What the live view shows and what its keys mean, folded from snapshots and keys. Pure: no clock, no terminal."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from client.terminal.numbers import short_rate
from client.load.plan.check import RATE_MAX_PER_S
from client.load.plan.words import Plan
from client.load.summary import Snapshot
from client.load.verdict import OWN_FAULT_PERCENT

_TENTHS = (1, 1.25, 1.6, 2, 2.5, 3.15, 4, 5, 6.3, 8)
RATES = (1, 2, 5, 10, 20, 50, *(round(tenth * 10**power) for power in range(2, 6) for tenth in _TENTHS), RATE_MAX_PER_S)
"""The rates that + and - go through: 1, 2, 5 at first, from 100 on a quarter more each (the preferred numbers R10)."""
NOW_S = 5.0
SETTLED_S = 1.0
"""A second's requests have all been told of so long after it; before that, its rates would look too low."""
ANSWER_S = 8.0
NEAR_LIMIT_PERCENT = 80.0
NEAR_LIMIT_LAG_MS = 5.0
LIMIT = "the generator is near its limit, so response times include its own delays"
KEPT_AWAY = "this computer is busy, so requests are sent late"
NO_RATE = "users have no rate: each sends its next request after its response"
CURVE_ENDS = "; the plan's own rates end here"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRate:
    """Change the rate, and note it as a mark."""

    per_s: float
    text: str


@dataclass(frozen=True, slots=True)
class NoteMark:
    """Note an event, numbered."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End the schedule; what is under way may still end."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Draw no more."""


Deed = SetRate | NoteMark | Stop | Leave


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveState:
    """Everything on the screen. `rate_per_s` is what keys asked for last, None while the plan's own rate goes on.

    `answer` is what the last key had to say, for a few seconds."""

    title: str
    plan: Plan
    snapshot: Snapshot | None = None
    rate_per_s: float | None = None
    paused: bool = False
    stopping: bool = False
    explaining: bool = False
    answer: str = ""
    answer_until_s: float = 0.0

    @property
    def rate(self) -> float:
        """The rate that + and - start from, and that a pause goes back to."""
        if self.rate_per_s is not None:
            return self.rate_per_s
        if self.snapshot is not None:
            return self.snapshot.rate_per_s
        return self.plan.open.rate_per_s if self.plan.open is not None else 0.0

    @property
    def draining(self) -> bool:
        """Whether nothing is due any more and only answers are waited for."""
        duration_s, snapshot = self.plan.duration_s, self.snapshot
        return self.stopping or (duration_s is not None and snapshot is not None and snapshot.elapsed_s >= duration_s)

    @property
    def model(self) -> str:
        """The arrival process in words, and what of it was changed or does not count."""
        by_hand = ", then by hand" if self.rate_per_s is not None else ""
        warm_up = f"; the first {self.plan.warm_up_s:g} s do not count" if self.plan.warm_up_s else ""
        return f"{self.plan.model}{by_hand}{warm_up}"

    @property
    def _curved(self) -> bool:
        """Whether the plan's rate goes its own way, which a change by hand ends."""
        loop = self.plan.open
        varies = loop is not None and bool(loop.stages or loop.wave or loop.trace)
        return varies and self.rate_per_s is None


def on_snapshot(state: LiveState, snapshot: Snapshot) -> LiveState:
    """After half a second."""
    answer = state.answer if snapshot.elapsed_s < state.answer_until_s else ""
    return replace(state, snapshot=snapshot, answer=answer)


def answered(state: LiveState, text: str) -> LiveState:
    """With something to say to who pressed a key."""
    elapsed_s = state.snapshot.elapsed_s if state.snapshot is not None else 0.0
    return replace(state, answer=text, answer_until_s=elapsed_s + ANSWER_S)


def press(state: LiveState, key: str) -> tuple[LiveState, Deed | None]:
    """After a key, and what it asks for. Keys without a meaning change nothing."""
    key = key.lower()
    if key == "q" or (key == "s" and not state.explaining):
        if state.stopping:
            return state, Leave() if key == "q" else None
        return replace(state, stopping=True, explaining=False, answer=""), Stop()
    if state.explaining:
        return replace(state, explaining=False), None
    if key == "?":
        return replace(state, explaining=True, answer=""), None
    if state.draining:
        return state, None
    if key == "m":
        return replace(state, answer=""), NoteMark()
    if key in ("+", "=", "-", "_", "p"):
        if state.plan.open is None:
            return answered(state, NO_RATE), None
        return _pause(state) if key == "p" else _step(state, 1 if key in "+=" else -1)
    return state, None


def _step(state: LiveState, step: int) -> tuple[LiveState, Deed | None]:
    rate = next_rate(state.rate, step)
    if rate == state.rate:
        edge = "lowest step; p pauses" if step < 0 else "highest rate"
        return answered(state, f"{short_rate(rate)} requests a second is the {edge}"), None
    if state.paused:
        answer = f"paused; p goes on with {short_rate(rate)} requests a second"
        return answered(replace(state, rate_per_s=rate), answer), None
    return _rated(state, rate)


def _pause(state: LiveState) -> tuple[LiveState, Deed | None]:
    if state.paused:
        return _rated(replace(state, paused=False), state.rate)
    if not state.rate:
        return answered(state, "the rate is 0; + starts with 1 request a second"), None
    answer = f"paused; p goes on with {short_rate(state.rate)} requests a second{CURVE_ENDS if state._curved else ''}"
    return answered(replace(state, rate_per_s=state.rate, paused=True), answer), SetRate(per_s=0.0, text="paused")


def _rated(state: LiveState, rate: float) -> tuple[LiveState, Deed]:
    answer = f"{short_rate(rate)} requests a second from now on{CURVE_ENDS if state._curved else ''}"
    return answered(replace(state, rate_per_s=rate), answer), SetRate(per_s=rate, text=f"{short_rate(rate)}/s")


def next_rate(rate: float, step: int) -> float:
    """The rate a step up or down; the lowest and the highest stay, and a rate below the lowest does not rise by -."""
    if step > 0:
        return next((float(each) for each in RATES if each > rate), max(rate, RATES[-1]))
    return next((float(each) for each in reversed(RATES) if each < rate), rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class RatesNow:
    """What was due, sent, answered and failed each second of the last few that are over; None before there is one."""

    offered: float | None = None
    started: float | None = None
    completed: float | None = None
    failed: float | None = None


def rates_now(snapshot: Snapshot) -> RatesNow:
    """The rates of the last five whole seconds (later in a long run: of the last whole column of its timeline).

    Whole ones only: the newest half second has not been told of by every process yet."""
    width_s = snapshot.timeline[0].seconds if snapshot.timeline else 1.0
    end_s = math.floor((snapshot.elapsed_s - SETTLED_S) / width_s) * width_s
    begin_s = max(0.0, end_s - max(NOW_S, width_s))
    if end_s <= begin_s:
        return RatesNow()
    seconds = end_s - begin_s
    columns = [each for each in snapshot.timeline if begin_s <= each.began < end_s]
    return RatesNow(
        offered=sum(each.offered for each in columns) / seconds,
        started=sum(each.started for each in columns) / seconds,
        completed=sum(each.completed for each in columns) / seconds,
        failed=sum(sum(each.errors.values()) for each in columns) / seconds,
    )


def lag_p99_ms(snapshot: Snapshot) -> float | None:
    """How late the generator sent by its own fault: of the last ten seconds, else of all; None with too few samples."""
    recent = snapshot.recent.lag.generator.p99
    return snapshot.total.lag.generator.p99 if recent is None else recent


def near_limit(snapshot: Snapshot) -> bool:
    """Whether the figures begin to be the generator's own."""
    return snapshot.cpu_percent > NEAR_LIMIT_PERCENT or (lag_p99_ms(snapshot) or 0.0) > NEAR_LIMIT_LAG_MS


def limit_words(snapshot: Snapshot) -> str:
    """Why the figures begin to be the generator's own; empty while they do not."""
    if not near_limit(snapshot):
        return ""
    return LIMIT if snapshot.cpu_percent >= OWN_FAULT_PERCENT else KEPT_AWAY
