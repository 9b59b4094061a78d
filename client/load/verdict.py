"""What a run is worth: whether the generator kept its schedule, and whether the service met the thresholds. Pure."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from client.load.generator_limits import GeneratorLimits, Shortage
from client.load.histogram import Histogram
from client.load.plan.model import Plan
from client.load.plan.validation import CONNECTIONS_MAX, NO_ERRORS, Threshold, parse_threshold, with_default
from client.load.run_result import RunResult, Snapshot
from client.load.standstill import describe_standstills
from client.load.summary import LATE_US, Summary

STARTED_SHARE_MIN = 0.99
LAG_MAX_MS = LATE_US / 1000
FEW_LATE = 10
"""In a run too small for percentiles, this number of late requests, or half of all, is more than chance."""
BUSY_PERCENT = 90.0
OWN_FAULT_PERCENT = 50.0
"""A generator that is late with less CPU than this waits for others, not for itself."""
BLOCKED_SHARE_MAX = 0.01
BLOCKED_MIN_S = 0.2
"""A script that keeps its process from running for more of the time spoils the 99th percentile of all its flows."""
COMPUTER_BUSY = "other programs keep this computer busy"
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Verdict(StrEnum):
    """What a run is worth."""

    VALID = "VALID"
    INVALID = "INVALID"
    """The generator did not keep the schedule: the figures say nothing about the service."""
    FAILED = "FAILED"
    """The figures hold, and requests failed or a threshold is broken."""

    @property
    def exit_code(self) -> int:
        """0, 3, 1."""
        return {Verdict.VALID: 0, Verdict.INVALID: 3, Verdict.FAILED: 1}[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdResult:
    """Whether a threshold held; `held` None where too few samples were there to say. `measured` is in its words."""

    text: str
    held: bool | None
    measured: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAssessment:
    """A verdict, the sentence behind it, and what became of each threshold.

    `generator_bound`: a closed loop's generator had no time left, so a faster one would have got more answers."""

    verdict: Verdict
    reason: str
    thresholds: tuple[ThresholdResult, ...]
    generator_bound: bool = False


def assess_run(plan: Plan, result: RunResult) -> RunAssessment:
    """The verdict; INVALID beats FAILED. Its reason names the times in which the generator's computer stood still."""
    assessment = _judge(plan, result)
    words = describe_standstills(result.standstills)
    return replace(assessment, reason=f"{assessment.reason}; {words}") if words else assessment


def _judge(plan: Plan, result: RunResult) -> RunAssessment:
    total = result.total
    thresholds = _judged(plan, total)
    bound = plan.closed is not None and result.cpu_percent >= BUSY_PERCENT
    doubt = _lost(result) or _shortage(result.own) or _blocked(result)
    if doubt is None and plan.open is not None:
        doubt = _generator_fault(plan, result)
    if doubt is not None:
        return RunAssessment(verdict=Verdict.INVALID, reason=doubt, thresholds=thresholds)
    if not total.completed and not total.failed:
        return RunAssessment(verdict=Verdict.FAILED, reason="no request was due in the run", thresholds=thresholds)
    broken = [each for each in thresholds if not each.held]
    if broken:
        reasons = "; ".join(_broken_words(each) for each in broken) + _most_frequent(result)
        if plan.open is not None and (note := connections_note(plan, result)):
            reasons += f"; {note}, because the service {_slower(result.own)}"
        return RunAssessment(verdict=Verdict.FAILED, reason=reasons, thresholds=thresholds, generator_bound=bound)
    good = f"all {total.ok}" if total.ok == total.offered else f"{total.ok} of {total.offered}"
    reason = f"{good} requests got a good response"
    if plan.open is not None:
        reason = f"the generator kept its schedule; {reason}"
    if plan.thresholds:
        reason += f"; {'the threshold holds' if len(plan.thresholds) == 1 else 'all thresholds hold'}"
    if result.own.used_up:
        reason += f"; it ended with the last row of {result.own.used_up!r}"
    if bound:
        reason += (
            f"; generator-bound: its CPU was at {result.cpu_percent:.0f} %, so more may be possible with"
            f" --processes {_more(result)}"
        )
    return RunAssessment(verdict=Verdict.VALID, reason=reason, thresholds=thresholds, generator_bound=bound)


def _broken_words(threshold: ThresholdResult) -> str:
    if threshold.text == NO_ERRORS:
        return threshold.measured
    return f"{threshold.text} {'cannot be judged' if threshold.held is None else 'is broken'}: {threshold.measured}"


def _most_frequent(result: RunResult) -> str:
    """The most frequent failure in words; empty without failures, or without an example of it."""
    errors = result.total.errors
    fault = max(errors, key=lambda name: errors[name], default="")
    words = next((each.error.partition("\n")[0] for each in result.examples if each.fault == fault), "")
    return f"; {fault}: {words}" if words else ""


def broken_so_far(plan: Plan, snapshot: Snapshot) -> str:
    """What has failed so far in a run that goes on, in words; empty while nothing has.

    A service that answers nothing has failed before its first request times out."""
    broken = [each for each in _judged(plan, snapshot.total) if each.held is False]
    if broken:
        return "; ".join(_broken_words(each) for each in broken)
    recent = snapshot.recent
    awaited = recent.offered - snapshot.moment.offered
    if awaited > 0 and not recent.ok and not recent.failed:
        return f"none of {awaited} requests that were due more than {snapshot.moment.seconds:.0f} s ago got a response"
    return ""


def broken_for_good(plan: Plan, total: Summary) -> str:
    """The thresholds that do not hold so far, in words; empty if all do. A rate can be judged only at the end."""
    broken = [
        each for each in _judged(plan, total) if each.held is False and parse_threshold(each.text).metric != "rate"
    ]
    return "; ".join(f"{each.text} does not hold: {each.measured}" for each in broken)


def _judged(plan: Plan, total: Summary) -> tuple[ThresholdResult, ...]:
    return tuple(evaluate_threshold(parse_threshold(text), total) for text in with_default(plan.thresholds))


def _lost(result: RunResult) -> str | None:
    lost = [each.name for each in result.processes if each.lost]
    if not lost:
        return None
    return f"{len(lost)} of {len(result.processes)} generator processes were lost ({', '.join(lost[:3])}): run it again"


def _shortage(own: GeneratorLimits) -> str | None:
    """Cause and remedy where this side had nothing left to open a connection with."""
    if not own.short_of:
        return None
    remedies = {
        Shortage.FILES: "raise the hard limit (ulimit -Hn), or use fewer connections or more --processes",
        Shortage.PORTS: "use fewer connections that stay open, or send from several computers (--listen)",
        Shortage.MEMORY: "use fewer connections, or send from several computers (--listen)",
    }
    limit = f" (limit {own.files_max:,} per process)" if own.short_of is Shortage.FILES and own.files_max else ""
    return (
        f"the generator ran out of {own.short_of}{limit}, {own.short_times:,} times when it opened a connection:"
        f" {remedies[own.short_of]}"
    )


def connections_note(plan: Plan, result: RunResult) -> str:
    """How many requests waited because all connections were busy, in words; empty where hardly any did."""
    own, offered = result.own, result.total.offered
    if own.waited <= (1 - STARTED_SHARE_MIN) * offered or not own.connections:
        return ""
    what = "connections" if plan.script is None else "places for flows"
    share = min(100.0, 100 * own.waited / max(1, offered))
    return f"all {own.connections:,} {what} of the generator were busy for {share:.0f} % of the requests"


def _slower(own: GeneratorLimits) -> str:
    return "did not answer" if own.first_service_ms is None else "got slower"


def connections_bind(plan: Plan, result: RunResult) -> bool:
    """Whether the limit of connections, and not the service, kept requests waiting: the service, as quick as it was at
    first, needs more connections for this rate. What it needs only because it got slower is its own affair."""
    own = result.own
    if own.first_service_ms is None or not connections_note(plan, result):
        return False
    return _needed(plan, result, own.first_service_ms / 1000) > own.connections


def _connections_fault(plan: Plan, result: RunResult) -> str | None:
    if not connections_bind(plan, result):
        return None
    first_ms = result.own.first_service_ms
    assert first_ms is not None
    wanted = min(CONNECTIONS_MAX, _needed(plan, result, max(plan.timeout_s, first_ms / 1000)))
    return (
        f"{connections_note(plan, result)}: an answer takes {first_ms:.0f} ms, so this rate needs about"
        f" {_needed(plan, result, first_ms / 1000):,} at once; try --connections {wanted}"
    )


def _needed(plan: Plan, result: RunResult, seconds: float) -> int:
    """How many requests are under way at once at this rate if each takes that long (Little's law)."""
    assert plan.open is not None
    offered_per_s = result.total.offered / max(result.elapsed_s - plan.warm_up_s, 1e-9)
    return math.ceil(max(plan.open.peak_per_s, offered_per_s) * seconds)


def _blocked(result: RunResult) -> str | None:
    """Which place of a script kept the generator from running, where that spoils the figures, else None."""
    total_s, places = max(
        ((sum(place.total_s for place in each.blocked), each.blocked) for each in result.processes),
        default=(0.0, ()),
        key=lambda each: each[0],
    )
    if total_s < BLOCKED_MIN_S or total_s < BLOCKED_SHARE_MAX * result.elapsed_s:
        return None
    worst = places[0]
    times = "once" if worst.count == 1 else f"{worst.count} times"
    return (
        f"the script blocked the generator for {total_s:.1f} s of {result.elapsed_s:.1f} s, so the response times are"
        f" not the service's: {worst.where} in {worst.function} ({worst.line}), {times}, up to {worst.longest_s:.2f} s"
        " each; use asyncio.sleep or another call with await, or asyncio.to_thread"
    )


def _generator_fault(plan: Plan, result: RunResult) -> str | None:
    """Cause, figure and next step where the generator did not keep the schedule, else None."""
    total = result.total
    cpu = f"generator CPU {result.cpu_percent:.0f} %"
    busy = result.cpu_percent >= BUSY_PERCENT
    if total.offered:
        ours = total.offered - total.started if busy else result.missed
        if ours > (1 - STARTED_SHARE_MIN) * total.offered:
            share = 100 * (total.offered - ours) / total.offered
            return f"the generator started {share:.1f} % of what was due ({cpu}): {_next_step(plan, result, busy)}"
    if (fault := _connections_fault(plan, result)) is not None:
        return fault
    name, lag_ms = total.lag.generator.tail
    if lag_ms is not None and lag_ms > LAG_MAX_MS and not _accident(total):
        step = _next_step(plan, result, result.cpu_percent >= OWN_FAULT_PERCENT)
        return f"the generator sent late, {name} {lag_ms:.1f} ms where {LAG_MAX_MS:.0f} is allowed ({cpu}): {step}"
    return None


def _accident(total: Summary) -> bool:
    """Whether a run too small for percentiles was late only now and then: one late wake-up says nothing."""
    lag = total.lag
    return lag.generator.p90 is None and lag.late < min(FEW_LATE, max(2, total.started // 2))


def _next_step(plan: Plan, result: RunResult, busy: bool) -> str:
    if not busy:
        return COMPUTER_BUSY
    reached = result.total.started / max(result.elapsed_s - plan.warm_up_s, 1e-9)
    return f"try --processes {_more(result)} or --rate {_lower(reached)}"


def _more(result: RunResult) -> int:
    return 2 * max(1, len(result.processes))


def _lower(rate_per_s: float) -> str:
    return f"{max(1.0, rate_per_s * 0.7):.2g}" if rate_per_s < 100 else str(int(rate_per_s * 0.7) // 10 * 10)


# Thresholds


def evaluate_threshold(threshold: Threshold, total: Summary) -> ThresholdResult:
    """Whether the threshold held in what was measured."""
    value, measured = _measure(threshold, total)
    held = None if value is None else _COMPARE[threshold.compare](value, threshold.bound)
    return ThresholdResult(text=threshold.text, held=held, measured=measured)


def _measure(threshold: Threshold, total: Summary) -> tuple[float | None, str]:
    part = next((each for each in total.targets if each.name == threshold.target), None) if threshold.target else total
    if part is None:
        names = ", ".join(each.name for each in total.targets) or "none"
        return None, f"no request or step was called {threshold.target!r}; there were: {names}"
    if threshold.metric == "errors":
        ended = part.ok + part.failed
        if not ended:
            return None, "no request ended"
        return part.failed / ended, f"{part.failed} of {ended} requests failed ({100 * part.failed / ended:.3g} %)"
    if threshold.metric == "rate":
        rate = part.ok / total.seconds if total.seconds else 0.0
        return rate, f"{rate:.4g} good responses/s"
    histogram = part.service_histogram if threshold.metric.startswith("service.") else part.response_histogram
    return _latency(histogram, threshold.metric.removeprefix("service."))


def _latency(histogram: Histogram, metric: str) -> tuple[float | None, str]:
    if not histogram.total:
        return None, "there was no response"
    if metric == "max":
        value_us: float | None = histogram.max_us
    elif metric == "mean":
        value_us = histogram.mean_us()
    else:
        value_us = histogram.percentile_us(float(metric[1:]))
    if value_us is None:
        return None, f"{histogram.total} responses are too few for a {metric}"
    return value_us / 1000, f"{metric} {value_us / 1000:.4g} ms"
