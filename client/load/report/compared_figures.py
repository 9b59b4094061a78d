"""The figures that a comparison uses, read from the JSON of a run: for the whole run and for its ten equal parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from client.load.report.json_report import BATCHES

Document = dict[str, Any]
"""A run as `client.load.report.json_report.report_json` writes it, schema 2."""

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


def headline(document: Document) -> Values:
    """Returns the figures of the whole run. Raises KeyError or TypeError if the document is not a run."""
    failed = sum(document["errors"].values())
    return {
        RATE: float(document["completed_per_s"]),
        ERRORS: _percent(failed, document["requests"]["ok"] + failed),
        **_latencies(document["response_ms"], document["service_ms"]),
    }


def parts(document: Document) -> list[Values]:
    """Returns the figures of up to ten equal parts of the run. Raises the same errors as `headline`."""
    service = document.get("service_batches", [])
    latencies = [
        _latencies(_ranked(batch), _ranked(service[number]) if number < len(service) else {})
        for number, batch in enumerate(document["batches"])
    ]
    unknown: Values = {RATE: None, ERRORS: None}
    counts = list(_counts(document))
    return [(counts[number] if number < len(counts) else unknown) | latency for number, latency in enumerate(latencies)]


def _ranked(batch: Document) -> Document:
    """Returns the latencies of a part with all percentiles; reports of older versions lack some."""
    return {**batch, **batch.get("ranked", {})}


def _latencies(response: Document, service: Document) -> Values:
    found = {f"response {name} ms": response.get(key) for name, key in _RESPONSE.items()}
    return {**found, "service p99 ms": service.get("p99")}


def _counts(document: Document) -> Iterator[Values]:
    """Yields rate and errors of the same parts, from the timeline, without a last second that was cut short."""
    complete_s = document["elapsed_s"] * 1.005
    all_columns = [column for column in document["timeline"] if not column["warm_up"]]
    size = len(all_columns) // BATCHES or 1
    for begin in range(0, min(len(all_columns), size * BATCHES), size):
        columns = all_columns[begin : begin + size]
        if len(columns) == size and columns[-1]["began"] + columns[-1]["seconds"] <= complete_s:
            failed = sum(sum(column["errors"].values()) for column in columns)
            yield {
                RATE: sum(column["completed"] for column in columns) / sum(column["seconds"] for column in columns),
                ERRORS: _percent(failed, sum(column["ok"] for column in columns) + failed),
            }


def _percent(failed: int, ended: int) -> float:
    return round(100 * failed / ended, 4) if ended else 0.0
