"""The load as JSON for the page: its current figures for every reader, its timeline on request. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Annotated, Any
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from client.cloud_state import CloudState
from client.experiments.experiment import MEASURING
from client.load.histogram import merged
from client.load.live.live_json import COUNTED_AFTER_S, Bands, bands_of, live_json
from client.load.live.live_state import lag_p99_ms, limit_warning, rates_now
from client.load.plan.model import Plan
from client.load.report.json_report import past_run_json
from client.load.run_report import PastRun
from client.load.run_result import Mark, Snapshot, TimelineColumn
from client.load.summary import Latency, latency_of
from client.load.verdict import broken_so_far
from client.terminal.plain_text import milliseconds

RunNumber = Annotated[int, Meta(ge=0, lt=10**9)]
WINDOW_S = 10
"""The timeline's percentiles are those of the requests due in the last 10 seconds: one second holds too few."""
WIDE_S = 60
"""The window of the 99th percentile where 10 seconds hold too few requests: at 20 a second it needs fifty."""
MARKS_SHOWN = 8
ON_SCHEDULE = "the generator keeps its schedule"
CPU_TO_SPARE = "the generator has CPU to spare"
_MINOR = re.compile(rf"{MEASURING} .*|[\d.,]+/s")
_TIMELINE = ("columns", "bands_ms", "column_s")


def idle_json(past: tuple[PastRun, ...]) -> dict[str, Any]:
    """Return the JSON of a session without a running load; `last` is the run that ended last, null before the first."""
    return {"running": False, "state": "idle", "last": past_run_json(past[0]) if past else None}


def running_json(snapshot: Snapshot, plan: Plan, *, number: int, sent: str) -> dict[str, Any]:
    """Return the load now: `live_json` without its timeline and with the last marks only.

    `now`: the rates of the last whole seconds. `schedule`: whether the generator keeps its schedule; if not, the
    figures say nothing about the service. `broken`: the thresholds that have failed so far; empty for none."""
    load = live_json(snapshot, plan, number=number, sent=sent, since=snapshot.elapsed_s)
    return {
        **{name: value for name, value in load.items() if name not in _TIMELINE},
        "running": True,
        "marks": load["marks"][-MARKS_SHOWN:],
        "now": {name: None if rate is None else round(rate, 1) for name, rate in asdict(rates_now(snapshot)).items()},
        "schedule": _schedule(snapshot, plan),
        "broken": broken_so_far(plan, snapshot),
    }


def target_json(urls: Sequence[str], service_url: str, world: CloudState) -> dict[str, Any]:
    """Return whether the load goes to the search service, and to which instances it goes directly."""
    targets = [urlsplit(url) for url in urls]
    service = urlsplit(service_url).netloc
    at = {f"{view.address}:{view.port or 80}": view.id for view in world.running if view.address}
    own = {view.address: view.id for view in world.running if view.address and view.port is None}
    ports = [each.port or (443 if each.scheme == "https" else 80) for each in targets]
    hit = [
        at.get(f"{each.hostname}:{port}") or own.get(each.hostname or "")
        for each, port in zip(targets, ports, strict=True)
    ]
    return {
        "service": any(each.netloc == service for each in targets),
        "instances": sorted({instance_id for instance_id in hit if instance_id}),
    }


def _schedule(snapshot: Snapshot, plan: Plan) -> dict[str, Any]:
    lag_ms = lag_p99_ms(snapshot)
    limit = limit_warning(snapshot)
    lag = "" if lag_ms is None else f"; 99 of 100 are sent at most {milliseconds(lag_ms)} ms late"
    return {
        "kept": not limit,
        "lag_p99_ms": lag_ms,
        "sentence": f"{limit or (ON_SCHEDULE if plan.open is not None else CPU_TO_SPARE)}{lag}",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTimeline:
    """A run from its start until now or its end. `began` is an epoch second."""

    number: int
    began: float
    elapsed_s: float
    over: bool
    timeout_s: float
    timeline: tuple[TimelineColumn, ...]
    marks: tuple[Mark, ...]

    @property
    def column_s(self) -> float:
        """The width of its columns."""
        return self.timeline[0].seconds if self.timeline else 1.0


class KnownTimeline(Struct, frozen=True, kw_only=True):
    """What a reader has already: that run until `since`, in columns of that width."""

    run: RunNumber
    since: Annotated[float, Meta(ge=0, le=1e9)]
    column_s: Annotated[float, Meta(ge=0, le=1e9)]


def current_timeline(snapshot: Snapshot, plan: Plan, number: int) -> RunTimeline:
    """Return the timeline of the current run."""
    return RunTimeline(
        number=number, began=snapshot.at - snapshot.elapsed_s, elapsed_s=snapshot.elapsed_s, over=False,
        timeout_s=plan.timeout_s, timeline=snapshot.timeline, marks=snapshot.marks,
    )  # fmt: skip


def past_timeline(past: PastRun) -> RunTimeline:
    """Return the timeline of a run that has ended."""
    plan, result = past.report.plan, past.report.result
    return RunTimeline(
        number=past.number, began=past.began, elapsed_s=result.elapsed_s, over=True,
        timeout_s=plan.timeout_s, timeline=result.timeline, marks=result.marks,
    )  # fmt: skip


def is_minor(text: str) -> bool:
    """Whether a chart without room for all marks leaves this one out: an experiment's bounds, changes of rate."""
    return _MINOR.fullmatch(text) is not None


def timeline_json(run: RunTimeline | None, known: KnownTimeline | None = None) -> dict[str, Any]:
    """Return the timeline for a reader that knows a part of it; only number 0 if there was no run.

    `columns` are all columns if `whole`, else those that may have changed since; one with a known `began_s` replaces
    the former. A column may change until `timeout_s` and a second after its end, unless all of its requests have ended.
    Its percentiles are those of the `window_s` until its end, null where there are too few requests; then `p99_wide` is
    the 99th percentile of `wide_s`, if those hold enough. `max` is the column's own slowest, in milliseconds. `bands`
    counts the requests in each of `bands_ms`."""
    if run is None:
        return {"number": 0}
    per_window = max(1, math.ceil(WINDOW_S / run.column_s))
    first = _first_changed(run, known)
    bands = bands_of(run.timeout_s)
    wide = max(1, math.ceil(WIDE_S / run.column_s))
    return {
        "number": run.number,
        "began": round(run.began, 3),
        "elapsed_s": round(run.elapsed_s, 3),
        "over": run.over,
        "timeout_s": run.timeout_s,
        "whole": first == 0,
        "column_s": run.column_s,
        "window_s": per_window * run.column_s,
        "wide_s": wide * run.column_s,
        "bands_ms": bands.edges_ms,
        "marks": [
            {"at_s": round(mark.at - run.began, 3), "text": mark.text, "minor": is_minor(mark.text)}
            for mark in run.marks
        ],
        "columns": [
            _column(run.timeline[max(0, n + 1 - wide) : n + 1], per_window, bands)
            for n in range(first, len(run.timeline))
        ],
    }


def _first_changed(run: RunTimeline, known: KnownTimeline | None) -> int:
    """Return the number of the first column in which a request may have been counted since."""
    if known is None or (known.run, known.column_s) != (run.number, run.column_s):
        return 0
    settled_s = known.since - run.timeout_s - COUNTED_AFTER_S
    return min(len(run.timeline), max(0, math.floor(settled_s / run.column_s)))


def _column(wide: tuple[TimelineColumn, ...], per_window: int, bands: Bands) -> dict[str, Any]:
    """Return the last column of the wide window, with the percentiles of the narrow window that ends with it."""
    column = wide[-1]
    own, latency = column.response_histogram, _latency(wide[-per_window:])
    counts = bands.counts(own)
    return {
        "began_s": column.began,
        "seconds": column.seconds,
        "offered": column.offered,
        "ok": column.ok,
        "failed": sum(column.errors.values()),
        "p50": latency.p50,
        "p90": latency.p90,
        "p99": latency.p99,
        "p99_wide": _latency(wide).p99 if latency.p99 is None else None,
        "max": round(own.max_us / 1000, 3) if own.total else None,
        # Most bands are empty: those above the slowest request are left out.
        "bands": list(islice(counts, max((n + 1 for n, count in enumerate(counts) if count), default=0))),
    }


def _latency(columns: tuple[TimelineColumn, ...]) -> Latency:
    return latency_of(merged(each.response_histogram for each in columns))
