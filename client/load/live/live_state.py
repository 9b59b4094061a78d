"""The state of the live view and the meaning of its keys, updated by snapshots and keys; the present figures of a run.

Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from client.load.plan.model import Plan
from client.load.plan.validation import RATE_MAX_PER_S
from client.load.run_result import Snapshot
from client.load.verdict import OWN_FAULT_PERCENT
from client.terminal.plain_text import clock, milliseconds, per_second, short_rate

_TENTHS = (1, 1.25, 1.6, 2, 2.5, 3.15, 4, 5, 6.3, 8)
RATES = (1, 2, 5, 10, 20, 50, *(round(tenth * 10**power) for power in range(2, 6) for tenth in _TENTHS), RATE_MAX_PER_S)
"""The rates that + and - step through: 1, 2, 5 at first, above 100 in steps of a quarter (preferred numbers R10)."""
NOW_S = 5.0
SETTLED_S = 1.0
"""All processes have sent their statistics of a second by then; before that its rates would look too low."""
MESSAGE_S = 8.0
NEAR_LIMIT_PERCENT = 80.0
NEAR_LIMIT_LAG_MS = 5.0
NEAR_LIMIT = "the load generator is near its limit, so response times include its own delays"
COMPUTER_BUSY = "this computer is busy, so requests are sent late"
NO_RATE = "users have no rate: each sends its next request after its response"
SCHEDULE_ENDS = "; this ends the rates of the plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRate:
    """Change the rate, and add a mark."""

    per_s: float
    text: str


class Action(Enum):
    """What a key may request besides a rate."""

    ADD_MARK = "add a numbered mark"
    STOP = "stop sending; requests that are in flight may still end"
    LEAVE = "leave the view at once"


KeyAction = SetRate | Action


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveState:
    """Everything on the screen. `rate_per_s` is the rate set by keys; None while the rate of the plan applies.

    `message` is the response to the last key, shown for a few seconds."""

    title: str
    plan: Plan
    snapshot: Snapshot | None = None
    rate_per_s: float | None = None
    paused: bool = False
    stopping: bool = False
    explaining: bool = False
    message: str = ""
    message_until_s: float = 0.0

    @property
    def rate(self) -> float:
        """The rate from which + and - start, and to which a pause returns."""
        if self.rate_per_s is not None:
            return self.rate_per_s
        if self.snapshot is not None:
            return self.snapshot.rate_per_s
        return self.plan.open.rate_per_s if self.plan.open is not None else 0.0

    @property
    def draining(self) -> bool:
        """Whether nothing more is due and only responses are awaited."""
        duration_s, snapshot = self.plan.duration_s, self.snapshot
        return self.stopping or (duration_s is not None and snapshot is not None and snapshot.elapsed_s >= duration_s)

    @property
    def model(self) -> str:
        """The load model in words, with changes by hand and the warm-up."""
        by_hand = ", then by hand" if self.rate_per_s is not None else ""
        warm_up = f"; the first {self.plan.warm_up_s:g} s do not count" if self.plan.warm_up_s else ""
        return f"{self.plan.model}{by_hand}{warm_up}"

    @property
    def _varies(self) -> bool:
        """Whether the rate changes by the plan; a change by hand ends that."""
        loop = self.plan.open
        varies = loop is not None and bool(loop.stages or loop.wave or loop.trace)
        return varies and self.rate_per_s is None


def on_snapshot(state: LiveState, snapshot: Snapshot) -> LiveState:
    """Returns the state with a new snapshot."""
    message = state.message if snapshot.elapsed_s < state.message_until_s else ""
    return replace(state, snapshot=snapshot, message=message)


def with_message(state: LiveState, text: str) -> LiveState:
    """Returns the state with a message in response to a key."""
    elapsed_s = state.snapshot.elapsed_s if state.snapshot is not None else 0.0
    return replace(state, message=text, message_until_s=elapsed_s + MESSAGE_S)


def press(state: LiveState, key: str) -> tuple[LiveState, KeyAction | None]:
    """Returns the state after a key, and the action that the key requests. Other keys change nothing."""
    key = key.lower()
    if key == "q" or (key == "s" and not state.explaining):
        if state.stopping:
            return state, Action.LEAVE if key == "q" else None
        return replace(state, stopping=True, explaining=False, message=""), Action.STOP
    if state.explaining:
        return replace(state, explaining=False), None
    if key == "?":
        return replace(state, explaining=True, message=""), None
    if state.draining:
        return state, None
    if key == "m":
        return replace(state, message=""), Action.ADD_MARK
    if key in ("+", "=", "-", "_", "p"):
        if state.plan.open is None:
            return with_message(state, NO_RATE), None
        return _pause(state) if key == "p" else _step(state, 1 if key in "+=" else -1)
    return state, None


def _step(state: LiveState, step: int) -> tuple[LiveState, KeyAction | None]:
    rate = next_rate(state.rate, step)
    if rate == state.rate:
        edge = "lowest rate; p pauses" if step < 0 else "highest rate"
        return with_message(state, f"{short_rate(rate)} requests/s is the {edge}"), None
    if state.paused:
        message = f"paused; p continues at {short_rate(rate)} requests/s"
        return with_message(replace(state, rate_per_s=rate), message), None
    return _rated(state, rate)


def _pause(state: LiveState) -> tuple[LiveState, KeyAction | None]:
    if state.paused:
        return _rated(replace(state, paused=False), state.rate)
    if not state.rate:
        return with_message(state, "the rate is 0; + raises it to 1 request/s"), None
    message = f"paused; p continues at {short_rate(state.rate)} requests/s{SCHEDULE_ENDS if state._varies else ''}"
    return with_message(replace(state, rate_per_s=state.rate, paused=True), message), SetRate(per_s=0.0, text="paused")


def _rated(state: LiveState, rate: float) -> tuple[LiveState, KeyAction]:
    message = f"{short_rate(rate)} requests/s from now on{SCHEDULE_ENDS if state._varies else ''}"
    return with_message(replace(state, rate_per_s=rate), message), SetRate(per_s=rate, text=f"{short_rate(rate)}/s")


def next_rate(rate: float, step: int, rates: Sequence[float] = RATES) -> float:
    """Returns the rate a step up or down, within the lowest and the highest; - never raises a rate."""
    if step > 0:
        return next((float(each) for each in rates if each > rate), max(rate, rates[-1]))
    return next((float(each) for each in reversed(rates) if each < rate), rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class RatesNow:
    """The rates of the last few full seconds; None before the first one has ended."""

    offered: float | None = None
    started: float | None = None
    completed: float | None = None
    failed: float | None = None


def rates_now(snapshot: Snapshot) -> RatesNow:
    """Returns the rates of the last five full seconds (in a long run: of the last full column of the timeline).

    Only full ones: some processes have not yet sent their statistics of the newest half second."""
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
    """Returns the p99 of the send lag of the last ten seconds, else of the run; None if there are too few samples."""
    recent = snapshot.recent.lag.generator.p99
    return snapshot.total.lag.generator.p99 if recent is None else recent


def near_limit(snapshot: Snapshot) -> bool:
    """Returns whether the load generator begins to distort the figures."""
    return snapshot.cpu_percent > NEAR_LIMIT_PERCENT or (lag_p99_ms(snapshot) or 0.0) > NEAR_LIMIT_LAG_MS


def limit_warning(snapshot: Snapshot) -> str:
    """Returns why the load generator begins to distort the figures; empty while it does not."""
    if not near_limit(snapshot):
        return ""
    return NEAR_LIMIT if snapshot.cpu_percent >= OWN_FAULT_PERCENT else COMPUTER_BUSY


def progress_line(snapshot: Snapshot) -> str:
    """Returns the progress of a run for output that is not a terminal: the rates of the last full seconds, response
    times of the last ten, all failures."""
    now = rates_now(snapshot)
    seconds = max(snapshot.total.seconds, 1e-9)
    # Before the first full second, use the mean.
    started = snapshot.total.started / seconds if now.started is None else now.started
    completed = snapshot.total.completed / seconds if now.completed is None else now.completed
    name, tail = snapshot.recent.response.tail
    text = (
        f"{clock(snapshot.elapsed_s):>5}  {per_second(started)} started/s  {per_second(completed)} completed/s"
        f"  failed {snapshot.total.failed:,}  p50 {milliseconds(snapshot.recent.response.p50)} ms"
        f"  {name} {milliseconds(tail)} ms  in flight {snapshot.in_flight:,}  waiting {snapshot.waiting:,}"
    )
    return f"{text}  (generator near its limit: CPU {snapshot.cpu_percent:.0f} %)" if near_limit(snapshot) else text
