"""One side of a comparison: a run, or a run repeated, as `--json` wrote it, or a run in memory."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from client.load.report.document import SCHEMA, report_json
from client.load.report.figures import FIGURES, Document, Values, headline, parts
from client.load.report.report import Report
from vmhost.base.errors import InvalidInput

_FIELDS = ("verdict", "reason", "model", "plan", "environment", "elapsed_s", "stopped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One side of a comparison. `run` is the document of the run, or of the median one of several.

    `batches` are the figures of the run's equal parts, `repeats` those of each whole run that counts (none of a single
    run). `verdict` is that of the whole document."""

    name: str
    verdict: str
    reason: str
    run: Document
    values: Values
    batches: tuple[Values, ...]
    repeats: tuple[Values, ...]


def read(name: str, data: Any) -> Recorded:
    """What the JSON of a file tells. Raises InvalidInput for anything but a run or a repeated one of this schema."""
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        found = data.get("schema") if isinstance(data, dict) else None
        raise InvalidInput(f"{name}: report schema {found!r}; expected {SCHEMA}, as glasscloud load --json writes it")
    try:
        return _read_repeat(name, data) if "runs" in data else _read_run(name, data)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise InvalidInput(
            f"{name}: no report of a run: {error!r}; expected what glasscloud load --json writes"
        ) from error


def recorded(name: str, report: Report) -> Recorded:
    """A run in memory."""
    return _read_run(name, report_json(report))


def _read_run(name: str, data: Document) -> Recorded:
    missing = [field for field in _FIELDS if field not in data]
    if missing:
        raise KeyError(*missing)
    return Recorded(
        name=name, verdict=data["verdict"], reason=data["reason"], run=data, values=headline(data),
        batches=tuple(parts(data)), repeats=(),
    )  # fmt: skip


def _read_repeat(name: str, data: Document) -> Recorded:
    runs = [_read_run(name, run) for run in data["runs"]]
    counted = [runs[number] for number in data["counted"]]
    median = data["median_run"]
    chosen = runs[-1 if median is None else median]
    return Recorded(
        name=name, verdict=data["verdict"], reason=data["reason"], run=chosen.run,
        values=_medians([run.values for run in counted]) if counted else chosen.values,
        batches=chosen.batches, repeats=tuple(run.values for run in counted),
    )  # fmt: skip


def _medians(runs: Sequence[Values]) -> Values:
    result: Values = {}
    for figure in FIGURES:
        told = [value for run in runs if (value := run[figure.name]) is not None]
        result[figure.name] = statistics.median_high(told) if len(told) == len(runs) else None
    return result
