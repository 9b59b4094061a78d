"""One side of a comparison: a run or a repeated run from a `--json` file, or a run in memory, with the figures that are
compared: for the whole run and for its ten equal parts."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from client.load.report.json_report import SCHEMA, equal_parts, report_json
from client.load.run_report import Report
from vmhost.base.errors import InvalidInput

RATE = "requests/s"
ERRORS = "errors %"
_RESPONSE = {"mean": "mean", "p50": "p50", "p90": "p90", "p99": "p99", "p99.9": "p999", "max": "max"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure. `grain`: its resolution; smaller differences are ignored."""

    name: str
    more_is_better: bool = False
    grain: float = 0.0
    relative_grain: float = 0.0

    def grain_at(self, value: float) -> float:
        """Returns the resolution for values of this size."""
        return max(self.grain, self.relative_grain * abs(value))


# Latencies are exact to a microsecond or, above two milliseconds, to a thousandth: the buckets of the histogram.
FIGURES = (
    Figure(name=RATE, more_is_better=True, relative_grain=0.001),
    Figure(name=ERRORS),
    *(Figure(name=f"response {name} ms", grain=0.001, relative_grain=0.001) for name in _RESPONSE),
    Figure(name="service p99 ms", grain=0.001, relative_grain=0.001),
)

Values = dict[str, float | None]
"""The value of each figure by name; None if there were too few samples."""


class _Ranked(msgspec.Struct):
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    p999: float | None = None


class _Times(_Ranked):
    """Milliseconds, null if there were too few samples; `ranked` of a part are with any number of samples."""

    mean: float | None = None
    max: float | None = None
    ranked: _Ranked | None = None


class _Requests(msgspec.Struct):
    ok: int


class _Second(msgspec.Struct, kw_only=True):
    began: float
    seconds: float
    completed: int
    ok: int
    errors: dict[str, int]
    warm_up: bool


class RunDocument(msgspec.Struct, kw_only=True):
    """What a comparison needs of the JSON of a run, schema 2. Fields with a default are missing in older versions."""

    verdict: str
    reason: str
    model: str
    plan: dict[str, Any]
    environment: dict[str, Any]
    elapsed_s: float
    stopped: bool
    generator_bound: bool = False
    completed_per_s: float
    requests: _Requests
    errors: dict[str, int]
    response_ms: _Times
    service_ms: _Times
    batches: list[_Times]
    service_batches: list[_Times] = []
    timeline: list[_Second]


class _RepeatDocument(msgspec.Struct, kw_only=True):
    """The JSON of a repeated run; `counted` and `median_run` are positions in `runs`."""

    verdict: str
    reason: str
    runs: list[RunDocument]
    counted: list[int]
    median_run: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRun:
    """One side of a comparison. `run` is the run, or the median one of several runs.

    `batches` are the figures of the equal parts of the run; `repeats` those of each repetition that counts, empty for a
    single run. `verdict` is that of the whole document."""

    name: str
    verdict: str
    reason: str
    run: RunDocument
    values: Values
    batches: tuple[Values, ...]
    repeats: tuple[Values, ...]


def read_run(name: str, data: Any) -> RecordedRun:
    """Reads the JSON of a run or a repeated run. Raises InvalidInput for anything else and for other schemas."""
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        found = data.get("schema") if isinstance(data, dict) else None
        raise InvalidInput(f"{name}: report schema {found!r} cannot be read; glasscloud load --json writes {SCHEMA}")
    try:
        if "runs" in data:
            return _recorded_repeat(name, msgspec.convert(data, _RepeatDocument))
        return _recorded(name, msgspec.convert(data, RunDocument))
    except (msgspec.ValidationError, IndexError) as error:
        raise InvalidInput(
            f"{name}: not a report of a run ({error}); give a file that glasscloud load --json wrote"
        ) from error


def record_run(name: str, report: Report) -> RecordedRun:
    """Returns a run in memory as one side of a comparison."""
    return _recorded(name, msgspec.convert(report_json(report), RunDocument))


def run_figures(report: Report) -> Values:
    """Returns the figures of a whole run in memory."""
    return _figures(msgspec.convert(report_json(report), RunDocument))


def _recorded(name: str, run: RunDocument) -> RecordedRun:
    return RecordedRun(
        name=name, verdict=run.verdict, reason=run.reason, run=run, values=_figures(run), batches=tuple(_parts(run)),
        repeats=(),
    )  # fmt: skip


def _recorded_repeat(name: str, document: _RepeatDocument) -> RecordedRun:
    counted = [_figures(document.runs[number]) for number in document.counted]
    chosen = document.runs[-1 if document.median_run is None else document.median_run]
    return RecordedRun(
        name=name, verdict=document.verdict, reason=document.reason, run=chosen,
        values=_medians(counted) if counted else _figures(chosen),
        batches=tuple(_parts(chosen)), repeats=tuple(counted),
    )  # fmt: skip


def _medians(runs: Sequence[Values]) -> Values:
    result: Values = {}
    for figure in FIGURES:
        known = [value for run in runs if (value := run[figure.name]) is not None]
        result[figure.name] = statistics.median_high(known) if len(known) == len(runs) else None
    return result


def _figures(run: RunDocument) -> Values:
    counts = {RATE: run.completed_per_s, ERRORS: _percent(sum(run.errors.values()), run.requests.ok)}
    return counts | _latencies(run.response_ms, run.service_ms)


def _parts(run: RunDocument) -> Iterator[Values]:
    """Yields the figures of up to ten equal parts of the run."""
    unknown: Values = {RATE: None, ERRORS: None}
    counts = list(_counts(run))
    for number, response in enumerate(run.batches):
        service = run.service_batches[number] if number < len(run.service_batches) else _Times()
        yield (counts[number] if number < len(counts) else unknown) | _latencies(response, service)


def _latencies(response: _Times, service: _Times) -> Values:
    times = {f"response {name} ms": _time(response, key) for name, key in _RESPONSE.items()}
    return {**times, "service p99 ms": _time(service, "p99")}


def _time(times: _Times, name: str) -> float | None:
    ranked: float | None = getattr(times.ranked, name, None)
    plain: float | None = getattr(times, name)
    return plain if ranked is None else ranked


def _counts(run: RunDocument) -> Iterator[Values]:
    """Yields rate and errors of the same parts, from the timeline, without a last second that was cut short."""
    complete_s = run.elapsed_s * 1.005
    for columns in equal_parts([column for column in run.timeline if not column.warm_up]):
        if columns[-1].began + columns[-1].seconds <= complete_s:
            failed = sum(sum(column.errors.values()) for column in columns)
            yield {
                RATE: sum(column.completed for column in columns) / sum(column.seconds for column in columns),
                ERRORS: _percent(failed, sum(column.ok for column in columns)),
            }


def _percent(failed: int, ok: int) -> float:
    return round(100 * failed / (ok + failed), 4) if failed else 0.0
