"""The state of the load as JSON, for programs that draw it: figures, marks, and the new columns of a heat map. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from client.load.histogram import Histogram, band_of, banded, begins_ms
from client.load.metrics import COLUMNS_MAX
from client.load.plan.model import Plan
from client.load.run_result import Snapshot, TimelineColumn
from client.load.summary import Latency, Summary

BANDS_MAX = 40
FASTEST_US = 100
"""Everything faster is in the lowest band."""
_BANDS_PER_DECADE = (10, 8, 5, 4)
"""The finest first."""
COUNTED_AFTER_S = 1.0
"""Processes send their statistics each half second: this long after its end, a request is certainly counted."""


def live_json(
    snapshot: Snapshot | None, plan: Plan | None, *, number: int = 0, sent: str = "", since: float | None = None
) -> dict[str, Any]:
    """Returns the state of the load for a reader that has it until `since`, an earlier `elapsed_s`, or None.

    `state` is "idle" (and then the only field), "running", or "ending" when only responses are awaited. Times are
    milliseconds, null if there are too few samples. `columns` are those that may have changed: they replace former ones
    with the same `began_s`. If `column_s` has changed, `columns` contains all of them."""
    if snapshot is None or plan is None:
        return {"state": "idle"}
    bands = bands_of(plan.timeout_s)
    ending = plan.duration_s is not None and snapshot.elapsed_s >= plan.duration_s
    return {
        "state": "ending" if ending else "running",
        "number": number,
        "name": plan.name,
        "model": plan.model,
        "loop": "open" if plan.open is not None else "closed",
        "urls": list(plan.urls),
        "sent": sent,
        "began": round(snapshot.at - snapshot.elapsed_s, 3),
        "at": round(snapshot.at, 3),
        "elapsed_s": round(snapshot.elapsed_s, 3),
        "duration_s": plan.duration_s,
        "rate_per_s": snapshot.rate_per_s if plan.open is not None else None,
        "users": plan.closed.users if plan.closed is not None else None,
        "in_flight": snapshot.in_flight,
        "waiting": snapshot.waiting,
        "cpu_percent": round(snapshot.cpu_percent, 1),
        "processes": snapshot.processes,
        "windows": {
            "moment": _window(snapshot.moment),
            "recent": _window(snapshot.recent),
            "minute": {"response_ms": _latency(snapshot.minute)},
            "total": _window(snapshot.total),
        },
        "marks": [{"at": round(mark.at, 3), "text": mark.text} for mark in snapshot.marks],
        "bands_ms": bands.edges_ms,
        "column_s": snapshot.timeline[0].seconds if snapshot.timeline else 1.0,
        "columns": [_column(each, bands) for each in _new_columns(snapshot.timeline, plan, since)],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Bands:
    """At most forty adjacent bands; the lowest contains everything faster, the highest everything slower."""

    first: int
    count: int
    per_decade: int

    @property
    def edges_ms(self) -> list[float]:
        """The lower edges, and the upper edge of the last band."""
        return [round(begins_ms(self.first + n, self.per_decade), 4) for n in range(self.count + 1)]

    def counts(self, histogram: Histogram) -> list[int]:
        """Returns the number of samples in each band."""
        counts = [0] * self.count
        for band, count in banded(histogram, self.per_decade).items():
            counts[min(max(band - self.first, 0), self.count - 1)] += count
        return counts


def bands_of(timeout_s: float) -> Bands:
    """Returns the bands from 0.1 ms to the timeout, as fine as possible; the same for all columns of a run."""
    slowest_us = round(timeout_s * 1e6)
    for per_decade in _BANDS_PER_DECADE:
        first = band_of(FASTEST_US, per_decade)
        count = max(1, band_of(slowest_us, per_decade) - first + 1)
        if count <= BANDS_MAX:
            break
    return Bands(first=first, count=min(count, BANDS_MAX), per_decade=per_decade)


def _new_columns(timeline: tuple[TimelineColumn, ...], plan: Plan, since: float | None) -> tuple[TimelineColumn, ...]:
    """Returns the columns that may have changed since then; all of them if the columns have become wider."""
    if since is None or not timeline:
        return timeline
    width_s = timeline[0].seconds
    if width_s > 1 and since < (COLUMNS_MAX // 2) * width_s + plan.timeout_s + COUNTED_AFTER_S:
        return timeline
    settled_s = since - plan.timeout_s - COUNTED_AFTER_S
    return tuple(column for column in timeline if column.began + column.seconds > settled_s)


def _window(summary: Summary) -> dict[str, Any]:
    return {
        "seconds": round(summary.seconds, 3),
        "offered": summary.offered,
        "completed": summary.completed,
        "ok": summary.ok,
        "failed": summary.failed,
        "errors": summary.errors,
        "response_ms": _latency(summary.response),
        "service_ms": _latency(summary.service),
    }


def _latency(latency: Latency) -> dict[str, Any]:
    return {
        "count": latency.count, "p50": latency.p50, "p90": latency.p90, "p99": latency.p99, "p999": latency.p999,
        "max": latency.max,
    }  # fmt: skip


def _column(column: TimelineColumn, bands: Bands) -> dict[str, Any]:
    return {
        "began_s": column.began,
        "seconds": column.seconds,
        "offered": column.offered,
        "ok": column.ok,
        "failed": sum(column.errors.values()),
        "warm_up": column.warm_up,
        "bands": bands.counts(column.response_histogram),
    }
