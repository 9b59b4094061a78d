"""Thresholds of a run: `p99<50ms`, `errors<0.1%`, `search:p95<=20ms`, `rate>=900`. Pure."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from client.load.histogram import Histogram
from client.load.summary import Summary
from vmhost.base.errors import InvalidInput

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdResult:
    """Whether a threshold held; `held` None where too few samples were there to say. `measured` is in its words."""

    text: str
    held: bool | None
    measured: str


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
