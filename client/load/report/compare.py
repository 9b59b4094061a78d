"""Compares two runs: the difference of each figure, and whether it exceeds the noise. Pure.

The noise of one run is estimated from batches: the run is cut into ten equal parts, and the figures of the parts are
used as independent samples (the method of batch means: Law, Simulation Modeling and Analysis, chapter 9.5.3; Schmeiser,
Batch size effects in the analysis of simulation output, Operations Research 30 (1982): ten to thirty batches suffice;
with fewer, down to three, the interval becomes wider). The percentile of a part counts even if the part has few
samples, as long as the whole run has enough. Welch's interval at 95 % compares the two sets of samples (Law, 10.2.2;
Welch, The generalization of 'Student's' problem when several different population variances are involved, Biometrika 34
(1947)); they may have different sizes and variances.
If both sides were repeated, the runs are the samples instead: the batches of one run cannot show how runs differ.

Two limits: with eight figures, about every third comparison of two equal runs shows one difference beyond the noise;
and batches are not independent if they are shorter than the server's own cycles (garbage collection, a full queue).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from client.load.report.recorded_run import FIGURES, Figure, RecordedRun, record_run
from client.load.run_report import PastRun

BATCHES_MIN = 3
REPEATS_MIN = 3
SCHEMA = 1
_PLAN_DETAILS = frozenset({"name", "seed", "thresholds"})
_COMPUTER = ("system", "cpu", "cores", "usable_cores")
_PROGRAMS = ("python", "versions", "same_host")
_QUANTILES = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788, 2.1604, 2.1448,
    2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484,
    2.0452, 2.0423,
)  # fmt: skip
"""The 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom."""
_NORMAL = 1.9600
"""The same for any number of degrees."""


class Significance(StrEnum):
    """Whether a difference is more than noise."""

    BEYOND = "beyond the noise"
    WITHIN = "within the noise"
    UNKNOWN = "cannot tell"


@dataclass(frozen=True, slots=True)
class ConfidenceInterval:
    """The range that contains the true difference with 95 % confidence."""

    low: float
    high: float

    @property
    def contains_zero(self) -> bool:
        """Whether there may be no difference at all."""
        return self.low <= 0 <= self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedFigure:
    """One figure of both runs. `interval`: of the mean difference of the samples; None if there are too few samples.

    `worse`: B is worse, beyond the noise."""

    name: str
    a: float | None
    b: float | None
    noise: Significance
    interval: ConfidenceInterval | None
    worse: bool

    @property
    def difference(self) -> float | None:
        """B minus A."""
        return None if self.a is None or self.b is None else self.b - self.a

    @property
    def percent(self) -> float | None:
        """The difference as a percentage of A."""
        return 100 * self.difference / self.a if self.difference is not None and self.a else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The comparison of two runs. `warnings`: why they may not be comparable; `samples`: where the noise comes from."""

    a: RecordedRun
    b: RecordedRun
    rows: tuple[ComparedFigure, ...]
    warnings: tuple[str, ...]
    samples: str

    @property
    def unknown(self) -> bool:
        """Whether none of the figures can be compared."""
        return all(row.noise is Significance.UNKNOWN for row in self.rows)

    @property
    def worse(self) -> tuple[str, ...]:
        """The figures in which B is worse, beyond the noise."""
        return tuple(row.name for row in self.rows if row.worse)


def compare(a: RecordedRun, b: RecordedRun) -> Comparison:
    """Compares two recorded runs."""
    repeated = len(a.repeats) >= REPEATS_MIN and len(b.repeats) >= REPEATS_MIN
    samples = (
        f"{len(a.repeats)} and {len(b.repeats)} runs"
        if repeated
        else f"{len(a.batches)} and {len(b.batches)} parts of one run each; --repeat shows how runs differ"
    )
    return Comparison(
        a=a,
        b=b,
        rows=tuple(_row(figure, a, b, repeated=repeated) for figure in FIGURES),
        warnings=tuple(_warnings(a, b)),
        samples=samples,
    )


def compare_past_runs(a: PastRun, b: PastRun) -> Comparison:
    """Compares two runs; they are named like "run 3"."""
    left, right = (record_run(f"run {past.number}", past.report) for past in (a, b))
    return compare(left, right)


def _row(figure: Figure, a: RecordedRun, b: RecordedRun, *, repeated: bool) -> ComparedFigure:
    enough = REPEATS_MIN if repeated else BATCHES_MIN
    samples = [
        [value for each in (side.repeats if repeated else side.batches) if (value := each[figure.name]) is not None]
        for side in (a, b)
    ]
    value_a, value_b = a.values[figure.name], b.values[figure.name]
    interval, noise, worse = None, Significance.UNKNOWN, False
    if value_a is not None and value_b is not None and min(map(len, samples)) >= enough:
        interval = mean_difference(*samples)
        more = value_b - value_a
        # A few slow requests in one part can move the figure of the run but not the mean of the parts: both must agree.
        agrees = (interval.low + interval.high) * more > 0
        beyond = not interval.contains_zero and agrees and abs(more) > figure.grain_at(max(value_a, value_b))
        noise = Significance.BEYOND if beyond else Significance.WITHIN
        worse = beyond and (more < 0 if figure.more_is_better else more > 0)
    return ComparedFigure(name=figure.name, a=value_a, b=value_b, noise=noise, interval=interval, worse=worse)


def mean_difference(a: Sequence[float], b: Sequence[float]) -> ConfidenceInterval:
    """Returns the interval for the mean of `b` minus the mean of `a`, each of two or more samples.

    Samples without any scatter give an interval of width 0."""
    difference = statistics.fmean(b) - statistics.fmean(a)
    parts = [statistics.variance(samples) / len(samples) for samples in (a, b)]
    variance = sum(parts)
    if variance == 0:
        return ConfidenceInterval(difference, difference)
    freedom = variance**2 / sum(part**2 / (len(samples) - 1) for part, samples in zip(parts, (a, b), strict=True))
    half = t_quantile(freedom) * math.sqrt(variance)
    return ConfidenceInterval(difference - half, difference + half)


def t_quantile(freedom: float) -> float:
    """Returns the 97.5 % quantile of Student's t for 2 or more degrees of freedom.

    Welch's degrees are not a whole number. Between the values of the table the quantile is nearly linear in 1/freedom:
    from 5 degrees on, this is exact to 0.005; between 2 and 3, up to 2 % too large."""
    whole = int(freedom)
    if whole >= len(_QUANTILES):
        return _NORMAL + (_QUANTILES[-1] - _NORMAL) * len(_QUANTILES) / freedom
    below, above = _QUANTILES[whole - 1], _QUANTILES[whole]
    share = (1 / whole - 1 / freedom) / (1 / whole - 1 / (whole + 1))
    return below + (above - below) * share


def _warnings(a: RecordedRun, b: RecordedRun) -> Iterator[str]:
    for side in (a, b):
        if side.verdict == "INVALID":
            yield f"{side.name} is INVALID, so its figures say nothing about the server: {side.reason}"
        if side.run.stopped:
            yield f"{side.name} was stopped early"
        if side.run.generator_bound:
            yield f"{side.name} was limited by its generator, not by the server"
    if a.run.model != b.run.model:
        yield f"different load models: {a.run.model} and {b.run.model}"
    if plan := _differing(a.run.plan, b.run.plan, without=_PLAN_DETAILS):
        yield f"different plans: they differ in {', '.join(plan)}"
    here, there = a.run.environment, b.run.environment
    for what, keys in (("computers", _COMPUTER), ("programs", _PROGRAMS)):
        if differing := [key for key in keys if here.get(key) != there.get(key)]:
            values = "; ".join(f"{key} {_words(here.get(key))} and {_words(there.get(key))}" for key in differing)
            yield f"different {what}: {values}"


def _differing(a: dict[str, Any], b: dict[str, Any], *, without: frozenset[str]) -> list[str]:
    # A report of an earlier version lacks the fields that a later one writes as empty.
    return sorted(
        key for key in a.keys() | b.keys() if key not in without and (a.get(key) or None) != (b.get(key) or None)
    )


def _words(value: Any) -> str:
    return " ".join(f"{key} {each}" for key, each in value.items()) if isinstance(value, dict) else str(value)


def compare_lines(comparison: Comparison) -> list[str]:
    """Returns the two runs, warnings, and the table as text."""
    a, b = comparison.a, comparison.b
    lines = [f"{letter}  {side.name}   {side.verdict}: {side.reason}" for letter, side in (("A", a), ("B", b))]
    lines += [f"warning: {text}" for text in comparison.warnings]
    lines.append(f"  {'':<18}{'A':>11}{'B':>11}{'B - A':>11}")
    for row in comparison.rows:
        percent = "" if row.percent is None else f"{row.percent:+.1f} %"
        more = _short(row.difference, like=max(row.a or 0, row.b or 0), signed=True)
        figures = f"{_short(row.a):>11}{_short(row.b):>11}{more:>11} {percent:>11}"
        lines.append(f"  {row.name:<18}{figures}   {row.noise}{', worse' if row.worse else ''}")
    lines.append(f"  noise: Welch's interval at 95 % over {comparison.samples}")
    return lines


def compare_json(comparison: Comparison) -> dict[str, Any]:
    """Returns the comparison as JSON, schema 1: `a` and `b` (`name`, `verdict`, `reason`), `warnings`, `samples` in
    words, `worse` (names of figures) and `figures`, each with `name`, `a`, `b`, `difference`, `percent`, `noise`,
    `worse` and `interval` (of the mean difference of the samples: two ends). Null if there are too few samples."""
    return {
        "schema": SCHEMA,
        "kind": "compare",
        "a": _side(comparison.a),
        "b": _side(comparison.b),
        "warnings": list(comparison.warnings),
        "samples": comparison.samples,
        "worse": list(comparison.worse),
        "figures": [
            {
                "name": row.name, "a": row.a, "b": row.b, "difference": _rounded(row.difference),
                "percent": _rounded(row.percent), "noise": row.noise.value, "worse": row.worse,
                "interval": row.interval and [_rounded(row.interval.low), _rounded(row.interval.high)],
            }
            for row in comparison.rows
        ],
    }  # fmt: skip


def _side(side: RecordedRun) -> dict[str, str]:
    return {"name": side.name, "verdict": side.verdict, "reason": side.reason}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _short(value: float | None, *, like: float | None = None, signed: bool = False) -> str:
    """Writes the value with the number of digits that suits values as large as `like`."""
    if value is None:
        return "-"
    size = abs(value if like is None else like)
    digits = 1 if size >= 100 else 2 if size >= 1 or not size else 3
    return f"{value:{'+' if signed else ''}.{digits}f}"
