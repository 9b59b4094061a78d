"""Refuses a plan that makes no sense, with the first reason, before anything is sent."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass

from client.load.plan.model import ONCE, ClosedLoop, DataSource, Hedge, OpenLoop, Plan, Spacing, Target
from client.load.plan.placeholders import sources_in
from client.load.plan.urls import parse_resolve, parse_url
from vmhost.base.errors import InvalidInput

RATE_MAX_PER_S = 1_000_000.0
CONNECTIONS_MAX = 10_000
TIMEOUT_MAX_S = 300.0
TARGETS_MAX = 100
TRACE_MAX = 5_000_000
DRAWS = ("uniform", "zipf", "in turn", ONCE)
REQUESTS_MAX = 1_000_000_000
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# A target's name may hold anything, also colons: what follows the last colon is what must hold.
_TEXT = re.compile(
    r"(?:(?P<target>.+):)?(?P<metric>(?:service\.)?(?:p\d+(?:\.\d+)?|max|mean)|errors|rate)\s*"
    r"(?P<compare><=|>=|<|>)\s*(?P<bound>\d+(?:\.\d+)?)\s*(?P<unit>us|ms|s|%|/s)?"
)
_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, None: 1.0}
NO_ERRORS = "errors<=0%"
"""Added where no threshold is about errors: failures must not go unnoticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """One threshold. Latencies are in milliseconds, errors a share of 0 to 1, rate good answers a second."""

    text: str
    target: str
    metric: str
    compare: str
    bound: float


def check_plan(plan: Plan) -> Plan:
    """The plan. Raises InvalidInput naming the first value that makes no sense."""
    if (plan.open is None) == (plan.closed is None):
        raise InvalidInput("the plan needs either a rate (open loop) or users (closed loop)")
    if plan.open is not None:
        _check_open(plan.open)
    if plan.closed is not None:
        _check_closed(plan.closed)
    if plan.duration_s is not None:
        _expect(0 < plan.duration_s < math.inf, f"duration {plan.duration_s:g} s", "more than 0")
    _expect(
        0 <= plan.warm_up_s < (plan.duration_s or math.inf), f"warm-up {plan.warm_up_s:g} s", "less than the duration"
    )
    if plan.connections is not None:
        _expect(1 <= plan.connections <= CONNECTIONS_MAX, f"{plan.connections} connections", f"1 to {CONNECTIONS_MAX}")
    _expect(
        0 < plan.timeout_s <= TIMEOUT_MAX_S,
        f"timeout {plan.timeout_s:g} s",
        f"more than 0 and at most {TIMEOUT_MAX_S:.0f}",
    )
    if plan.requests is not None:
        _expect(1 <= plan.requests <= REQUESTS_MAX, f"{plan.requests} requests", f"1 to {REQUESTS_MAX:,}")
    parse_resolve(plan.resolve)
    if plan.cert is not None and plan.key is None:
        raise InvalidInput(
            "a client certificate (cert) needs its private key: add key, with the same file where it holds both"
        )
    if plan.key is not None and plan.cert is None:
        raise InvalidInput("a private key (key) needs the client certificate that it belongs to: add cert")
    _check_targets(plan)
    for name, source in (plan.sources or {}).items():
        _check_source(name, source)
    if plan.hedge is not None:
        _check_hedge(plan, plan.hedge)
    for text in plan.thresholds:
        threshold = parse_threshold(text)
        known = [target.name for target in plan.targets]
        if threshold.target and threshold.target not in known and plan.script is None:
            names = ", ".join(name for name in known if name) or "none has a name"
            raise InvalidInput(f"threshold {text!r} is for target {threshold.target!r}; the plan has: {names}")
    return plan


def check_rate(rate_per_s: float) -> float:
    """The rate. Raises InvalidInput unless it is 0 (a pause) to a million a second."""
    if not 0 <= rate_per_s <= RATE_MAX_PER_S:
        raise InvalidInput(
            f"rate {rate_per_s:g}/s is not possible; expected 0 to {RATE_MAX_PER_S:.0f} requests a second"
        )
    return rate_per_s


def _check_open(loop: OpenLoop) -> None:
    check_rate(loop.rate_per_s)
    ways = sum((bool(loop.stages), loop.wave is not None, loop.trace is not None))
    if ways > 1:
        raise InvalidInput("the plan has more than one of stages, wave and trace; use one of them")
    for stage in loop.stages:
        _expect(0 < stage.seconds < math.inf, f"a stage of {stage.seconds:g} s", "more than 0")
        check_rate(stage.from_per_s)
        check_rate(stage.to_per_s)
    if loop.wave is not None:
        _expect(0 < loop.wave.period_s < math.inf, f"a wave's period of {loop.wave.period_s:g} s", "more than 0")
        _expect(
            0 <= loop.wave.amplitude_per_s <= loop.rate_per_s,
            f"a wave's amplitude of {loop.wave.amplitude_per_s:g}/s",
            f"0 to the rate, {loop.rate_per_s:g}/s",
        )
        check_rate(loop.rate_per_s + loop.wave.amplitude_per_s)
    if loop.trace is not None:
        _check_trace(loop.trace)
        _expect(loop.spacing is Spacing.EVEN, "Poisson spacing of a trace", "the trace's own arrivals")


def _check_trace(trace: tuple[float, ...]) -> None:
    _expect(0 < len(trace) <= TRACE_MAX, f"a trace of {len(trace)} arrivals", f"1 to {TRACE_MAX}")
    before = 0.0
    for number, at_s in enumerate(trace):
        if not before <= at_s < math.inf:
            raise InvalidInput(
                f"arrival {number + 1} of the trace is at {at_s:g} s after one at {before:g} s; expected rising seconds"
            )
        before = at_s


def _check_closed(loop: ClosedLoop) -> None:
    _expect(1 <= loop.users <= CONNECTIONS_MAX, f"{loop.users} users", f"1 to {CONNECTIONS_MAX}")
    _expect(0 <= loop.think_s < math.inf, f"thinking {loop.think_s:g} s", "0 or more")
    _expect(0 <= loop.ramp_up_s < math.inf, f"a ramp-up of {loop.ramp_up_s:g} s", "0 or more")


def _check_targets(plan: Plan) -> None:
    if plan.script is not None:
        _expect(not plan.targets, "a script beside targets", "one of them: a script sends its own requests")
        if plan.base is None:
            raise InvalidInput(f"script {plan.script} has no base URL; give one, or set BASE in the script")
        parse_url(plan.base)
        return
    _expect(plan.base is None, "a base without a script", "targets with URLs of their own")
    _expect(1 <= len(plan.targets) <= TARGETS_MAX, f"{len(plan.targets)} targets", f"1 to {TARGETS_MAX}")
    twice = [name for name, count in Counter(target.name for target in plan.targets).items() if count > 1]
    if twice:
        raise InvalidInput(f"target name {twice[0]!r} is used twice; give each target a name of its own")
    for target in plan.targets:
        _check_target(target)
        _check_places(plan, target)


def _check_target(target: Target) -> None:
    what = f"target {target.name!r}" if target.name else "the target"
    if target.method not in METHODS:
        raise InvalidInput(f"{what} has method {target.method!r}; use {', '.join(METHODS)}")
    for name, value in target.headers:
        if not _TOKEN.fullmatch(name):
            raise InvalidInput(
                f"{what} has the header name {name!r}; only ASCII letters, digits and !#$%&'*+-.^_`|~ fit"
            )
        if any(char in value for char in "\r\n\0"):
            raise InvalidInput(f"{what} has a line break in the header {name}; it cannot be sent with one")
        if name.lower() in ("content-length", "transfer-encoding"):
            raise InvalidInput(f"{what} has the header {name}; leave it out, the body's length is added automatically")
    bodies = (bool(target.body), target.body_file is not None, bool(target.form))
    if sum(bodies) > 1:
        raise InvalidInput(f"{what} has more than one of body, body-file and form; use one of them")
    _expect(0 < target.weight < math.inf, f"{what} with weight {target.weight:g}", "more than 0")
    for status in target.expect.statuses:
        _expect(100 <= status <= 599, f"{what} with expected status {status}", "100 to 599")


def _check_places(plan: Plan, target: Target) -> None:
    """Raise InvalidInput for a placeholder without a source, which would be sent unfilled."""
    where = (("the URL", (target.url,)), ("the body", (target.body,)))
    more = [(f"the header {name}", (value,)) for name, value in target.headers]
    more += [(f"the form field {field.name}", (field.value,)) for field in target.form]
    for place, texts in (*where, *more):
        for text in texts:
            for word in sources_in(text):
                name = word.partition(".")[0]
                if name not in (plan.sources or {}):
                    raise InvalidInput(
                        f"{place} has the placeholder {{{word}}} and there is no source {name!r}: add [source.{name}]"
                        f" to a plan, or write {{{{{word}}}}} to send it as it is"
                    )


def _check_source(name: str, source: DataSource) -> None:
    if source.draw not in DRAWS:
        raise InvalidInput(f"source {name!r} has draw {source.draw!r}; use {', '.join(DRAWS)}")
    if bool(source.values) == (source.file is not None):
        raise InvalidInput(f"source {name!r} needs either a list or a file")


def _check_hedge(plan: Plan, hedge: Hedge) -> None:
    if plan.open is None or plan.script is not None:
        raise InvalidInput("hedging needs an open loop of single requests: no users, no script")
    if hedge.after_ms is not None:
        _expect(0 < hedge.after_ms < plan.timeout_s * 1000, f"hedging after {hedge.after_ms:g} ms", "0 to the timeout")
    _expect(0 < hedge.after_percentile < 100, f"hedging after p{hedge.after_percentile:g}", "more than 0, below 100")
    _expect(0 < hedge.budget <= 1, f"a hedging budget of {hedge.budget:g}", "more than 0 and at most 1 (100 %)")


def _expect(holds: bool, subject: str, expectation: str) -> None:
    if not holds:
        raise InvalidInput(f"{subject}: not possible; use {expectation}")


# Thresholds


def parse_threshold(text: str) -> Threshold:
    """The threshold. Raises InvalidInput."""
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise InvalidInput(
            f"threshold {text!r} is not understood; write it like p99<50ms, errors<0.1%, rate>=900, search:p95<20ms"
        )
    metric, unit, bound = match["metric"], match["unit"], float(match["bound"])
    fits = {"errors": ("%", None), "rate": ("/s", None)}.get(metric, ("us", "ms", "s", None))
    if unit not in fits:
        units = " or ".join(each for each in fits if each)
        raise InvalidInput(f"threshold {text!r} has the unit {unit!r}; {metric} takes {units}")
    if metric == "errors":
        bound = bound / 100 if unit == "%" else bound
        if bound > 1:
            raise InvalidInput(f"threshold {text!r} can never be broken; errors are at most 100 %")
    elif metric != "rate":
        bound *= _MS[unit]
    return Threshold(
        text=text.strip(), target=match["target"] or "", metric=metric, compare=match["compare"], bound=bound
    )


def with_default(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The thresholds, and that nothing fails, unless one of them says what may fail."""
    if any(parse_threshold(text).metric == "errors" for text in texts):
        return texts
    return (*texts, NO_ERRORS)
