"""The same run several times, because one run cannot say how much chance is in it.

A run's figure is never averaged with another's: the median run is one that was made, and so is every figure shown.
"""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from client.load.report.json_report import SCHEMA, report_json
from client.load.report.recorded_run import FIGURES, run_figures
from client.load.run_report import Report
from client.load.verdict import Verdict
from vmhost.base.errors import CloudError, InvalidInput

TIMES_MAX = 100
ENOUGH = 3
"""A median of fewer runs leaves nothing out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The least, middle and largest value of a figure; of an even number the upper of the two in the middle."""

    min: float
    median: float
    max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """The runs that were made of `times` that were wanted, in order; `broken_off`: why there is no more."""

    runs: tuple[Report, ...]
    times: int
    broken_off: str | None = None

    @property
    def counted(self) -> tuple[Report, ...]:
        """The runs whose figures hold: not INVALID and not stopped early. A FAILED run was measured well."""
        return tuple(run for run in self.runs if _counts(run))

    @property
    def median_run(self) -> Report | None:
        """The counted run in the middle: by the answers a second of a closed loop, by the response time of an open
        one (its rate is always the same)."""
        return _middle(self.counted)

    @property
    def verdict(self) -> Verdict:
        """INVALID if any run is, else FAILED if any is or one could not be made, else VALID."""
        verdicts = {run.verdict for run in self.runs}
        if Verdict.INVALID in verdicts:
            return Verdict.INVALID
        return Verdict.FAILED if Verdict.FAILED in verdicts or self.broken_off else Verdict.VALID

    @property
    def reason(self) -> str:
        """The sentence behind it: the first run that has this verdict."""
        if self.verdict is Verdict.VALID:
            stopped = "stopped: " if len(self.runs) < self.times or self.runs[-1].result.stopped else ""
            return f"{stopped}{len(self.runs)} of {self.times} runs were made, each of them valid"
        found = [(number, run) for number, run in enumerate(self.runs, 1) if run.verdict is self.verdict]
        if not found:
            return f"run {len(self.runs) + 1} of {self.times} could not be made: {self.broken_off}"
        return f"run {found[0][0]} of {self.times}: {found[0][1].reason}"

    @property
    def exit_code(self) -> int:
        return self.verdict.exit_code

    def spread(self) -> dict[str, Spread | None]:
        """Each figure over the counted runs; None where not all of them can tell it."""
        figures = [run_figures(run) for run in self.counted]
        return {figure.name: _spread([values[figure.name] for values in figures]) for figure in FIGURES}


async def repeat(run_once: Callable[[int], Awaitable[Report]], times: int) -> Repeats:
    """Runs `run_once(0)`, `run_once(1)`, … one after the other; a run that was stopped early is the last one.

    A run that cannot be made ends them too, and those before it are kept; if it is the first, its error is raised.
    Raises InvalidInput for a number that makes no sense."""
    if not 1 <= times <= TIMES_MAX:
        raise InvalidInput(f"{times} repetitions are not possible; use 1 to {TIMES_MAX}")
    runs: list[Report] = []
    broken_off = None
    while len(runs) < times and not (runs and runs[-1].result.stopped):
        try:
            runs.append(await run_once(len(runs)))
        except CloudError as error:
            if not runs:
                raise
            broken_off = error.message
            break
    return Repeats(runs=tuple(runs), times=times, broken_off=broken_off)


def repeat_lines(repeats: Repeats) -> list[str]:
    """The verdict first, then each figure's spread, then each run in a line; the median run's report is not here."""
    counted, chosen = repeats.counted, repeats.median_run
    spreads = [spread for spread in repeats.spread().items() if spread[1] is not None]
    lines = [f"{repeats.verdict}: {repeats.reason}"]
    if repeats.broken_off is not None:
        lines.append(f"  broken off before run {len(repeats.runs) + 1}: {repeats.broken_off}")
    if len(counted) < ENOUGH:
        lines.append(f"  only {_runs(len(counted))} can be counted; a spread needs {ENOUGH} or more")
    if spreads and len(counted) > 1:
        lines.append(f"  {f'of {_runs(len(counted))}':<20}{'min':>12}{'median':>12}{'max':>12}")
        lines += [f"  {name:<20}{_row(spread)}" for name, spread in spreads if spread is not None]
    for number, run in enumerate(repeats.runs, 1):
        notes = ("   the median run" if run is chosen else "") + ("   (stopped early)" if run.result.stopped else "")
        lines.append(f"  run {number:<3} {run.verdict}: {run.reason}{notes}")
    return lines


def repeat_json(repeats: Repeats) -> dict[str, Any]:
    """The runs as a document of their own, schema 2 (docs/load.md):

    `kind` "repeat", `verdict`, `reason`, `times` wanted, `counted` (numbers, from 0, of the runs whose figures hold),
    `median_run` (such a number or null), `spread` (by figure: `min`, `median`, `max`, or null where a run has too few
    samples for it), `broken_off` (null or why there are fewer runs), and `runs`: the full document of each."""
    chosen = repeats.median_run
    return {
        "schema": SCHEMA,
        "kind": "repeat",
        "verdict": repeats.verdict.value,
        "reason": repeats.reason,
        "times": repeats.times,
        "counted": [number for number, run in enumerate(repeats.runs) if _counts(run)],
        "median_run": next((number for number, run in enumerate(repeats.runs) if run is chosen), None),
        "spread": {
            name: spread and {"min": spread.min, "median": spread.median, "max": spread.max}
            for name, spread in repeats.spread().items()
        },
        "broken_off": repeats.broken_off,
        "runs": [report_json(run) for run in repeats.runs],
    }


def _counts(run: Report) -> bool:
    return run.verdict is not Verdict.INVALID and not run.result.stopped


def _middle(runs: tuple[Report, ...]) -> Report | None:
    if not runs:
        return None
    if runs[0].plan.closed is not None:
        return sorted(runs, key=lambda run: run.summary.completed / run.seconds)[len(runs) // 2]
    # Of the percentiles that a person asks first for, the highest that all of them can tell.
    for name in ("p99", "p90", "p50"):
        if all(getattr(run.summary.response, name) is not None for run in runs):
            return sorted(runs, key=lambda run: float(getattr(run.summary.response, name)))[len(runs) // 2]
    return sorted(runs, key=lambda run: run.summary.response.max or 0.0)[len(runs) // 2]


def _spread(values: list[float | None]) -> Spread | None:
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    return Spread(min=min(known), median=statistics.median_high(known), max=max(known))


def _row(spread: Spread) -> str:
    values = (spread.min, spread.median, spread.max)
    return "".join(f"{value:>12.4g}" if value < 1000 else f"{value:>12.0f}" for value in values)


def _runs(number: int) -> str:
    return "1 run" if number == 1 else f"{number} runs"
