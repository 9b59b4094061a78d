"""One side of a comparison: a run or a repeated run from a `--json` file, or a run in memory."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from client.load.report.compared_figures import FIGURES, Document, Values, headline, parts
from client.load.report.json_report import SCHEMA, report_json
from client.load.report.report import Report
from vmhost.base.errors import InvalidInput

_FIELDS = ("verdict", "reason", "model", "plan", "environment", "elapsed_s", "stopped")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRun:
    """One side of a comparison. `run` is the JSON of the run, or of the median one of several runs.

    `batches` are the figures of the equal parts of the run; `repeats` those of each repetition that counts, empty for a
    single run. `verdict` is that of the whole document."""

    name: str
    verdict: str
    reason: str
    run: Document
    values: Values
    batches: tuple[Values, ...]
    repeats: tuple[Values, ...]


def read_run(name: str, data: Any) -> RecordedRun:
    """Reads the JSON of a run or a repeated run. Raises InvalidInput for anything else and for other schemas."""
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        found = data.get("schema") if isinstance(data, dict) else None
        raise InvalidInput(f"{name}: report schema {found!r} cannot be read; glasscloud load --json writes {SCHEMA}")
    try:
        return _read_repeat(name, data) if "runs" in data else _read_run(name, data)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise InvalidInput(
            f"{name}: not a report of a run ({error!r}); give a file that glasscloud load --json wrote"
        ) from error


def record_run(name: str, report: Report) -> RecordedRun:
    """Returns a run in memory as one side of a comparison."""
    return _read_run(name, report_json(report))


def _read_run(name: str, data: Document) -> RecordedRun:
    missing = [field for field in _FIELDS if field not in data]
    if missing:
        raise KeyError(*missing)
    return RecordedRun(
        name=name, verdict=data["verdict"], reason=data["reason"], run=data, values=headline(data),
        batches=tuple(parts(data)), repeats=(),
    )  # fmt: skip


def _read_repeat(name: str, data: Document) -> RecordedRun:
    runs = [_read_run(name, run) for run in data["runs"]]
    counted = [runs[number] for number in data["counted"]]
    median = data["median_run"]
    chosen = runs[-1 if median is None else median]
    return RecordedRun(
        name=name, verdict=data["verdict"], reason=data["reason"], run=chosen.run,
        values=_medians([run.values for run in counted]) if counted else chosen.values,
        batches=chosen.batches, repeats=tuple(run.values for run in counted),
    )  # fmt: skip


def _medians(runs: Sequence[Values]) -> Values:
    result: Values = {}
    for figure in FIGURES:
        known = [value for run in runs if (value := run[figure.name]) is not None]
        result[figure.name] = statistics.median_high(known) if len(known) == len(runs) else None
    return result
