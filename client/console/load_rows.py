"""The load as the page reads it: its figures of the moment for everybody, its course for whoever looks at it. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from client.cloud_state import CloudState
from client.load.histogram import merged
from client.load.live.live_json import COUNTED_AFTER_S, Bands, bands_of, live_json
from client.load.live.live_state import lag_p99_ms, limit_warning, rates_now
from client.load.plan.model import Plan
from client.load.report.past_run import PastRun, past_run_json
from client.load.summary import Latency, Mark, Snapshot, TimelineColumn, latency_of
from client.load.verdict import broken_so_far
from client.terminal.numbers import milliseconds

WINDOW_S = 10
"""A percentile of the course is that of the requests due in so many seconds until then: one second holds too few."""
WIDE_S = 60
"""A 99th percentile is of so many where the window holds too few for it: at 20 requests a second it needs fifty."""
MARKS_TOLD = 8
KEPT = "the generator keeps its schedule"
AT_EASE = "the generator has CPU to spare"
_MINOR = re.compile(r"(before|after) the CPU hog|CPU hog (at work|ends)|[\d.,]+/s")
_COURSE = ("columns", "bands_ms", "column_s")


def idle_json(past: tuple[PastRun, ...]) -> dict[str, Any]:
    """No load runs; `last` is the run that ended last, null before the first."""
    return {"running": False, "state": "idle", "last": past_run_json(past[0]) if past else None}


def running_json(snapshot: Snapshot, plan: Plan, *, number: int, sent: str) -> dict[str, Any]:
    """The load at this moment: `live_json` without its course and with the last marks only; the rates of the last whole
    seconds as `now`; whether the generator keeps its `schedule`, for else its figures are its own; and what has
    `broken` so far, empty for nothing."""
    told = live_json(snapshot, plan, number=number, sent=sent, since=snapshot.elapsed_s)
    return {
        **{name: value for name, value in told.items() if name not in _COURSE},
        "running": True,
        "marks": told["marks"][-MARKS_TOLD:],
        "now": {name: None if rate is None else round(rate, 1) for name, rate in asdict(rates_now(snapshot)).items()},
        "schedule": _schedule(snapshot, plan),
        "broken": broken_so_far(plan, snapshot),
    }


def aim_json(urls: Sequence[str], service_url: str, world: CloudState) -> dict[str, Any]:
    """Whether the load goes to the search service, and to which instances it goes directly."""
    targets = [urlsplit(url) for url in urls]
    service = urlsplit(service_url).netloc
    at = {f"{view.address}:{view.port or 80}": view.id for view in world.running if view.address}
    own = {view.address: view.id for view in world.running if view.address and view.port is None}
    hit = [at.get(f"{each.hostname}:{each.port or 80}") or own.get(each.hostname or "") for each in targets]
    return {
        "service": any(each.netloc == service for each in targets),
        "instances": sorted({instance_id for instance_id in hit if instance_id}),
    }


def _schedule(snapshot: Snapshot, plan: Plan) -> dict[str, Any]:
    lag_ms = lag_p99_ms(snapshot)
    limit = limit_warning(snapshot)
    late = "" if lag_ms is None else f"; 99 of 100 are sent at most {milliseconds(lag_ms)} ms late"
    return {
        "kept": not limit,
        "lag_p99_ms": lag_ms,
        "sentence": f"{limit or (KEPT if plan.open is not None else AT_EASE)}{late}",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A run from its beginning until now or its end. `began` is an epoch second."""

    number: int
    began: float
    elapsed_s: float
    over: bool
    timeout_s: float
    timeline: tuple[TimelineColumn, ...]
    marks: tuple[Mark, ...]

    @property
    def column_s(self) -> float:
        """How wide its columns are."""
        return self.timeline[0].seconds if self.timeline else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a reader has: that run until `until_s`, in columns of that width."""

    number: int
    until_s: float
    column_s: float


def course_now(snapshot: Snapshot, plan: Plan, number: int) -> Course:
    """The course of the run that goes on."""
    return Course(
        number=number, began=snapshot.at - snapshot.elapsed_s, elapsed_s=snapshot.elapsed_s, over=False,
        timeout_s=plan.timeout_s, timeline=snapshot.timeline, marks=snapshot.marks,
    )  # fmt: skip


def course_past(past: PastRun) -> Course:
    """The course of a run that is over."""
    plan, result = past.report.plan, past.report.result
    return Course(
        number=past.number, began=past.began, elapsed_s=result.elapsed_s, over=True,
        timeout_s=plan.timeout_s, timeline=result.timeline, marks=result.marks,
    )  # fmt: skip


def is_minor(text: str) -> bool:
    """Whether that mark gives way where a drawing has no room for all: an experiment's bounds, changes of rate."""
    return _MINOR.fullmatch(text) is not None


def course_json(course: Course | None, seen: Seen | None = None) -> dict[str, Any]:
    """The course for a reader who has seen a part of it; number 0 and nothing else where there was no run.

    `whole`: `columns` are all there are, else those that may have changed since; one that was told before takes its
    place, by `began_s`; until `timeout_s` and a second after its end it may change, unless all of it has ended. Their
    percentiles are of `window_s` until their end and null where there are too few requests; `p99_wide` is then that of
    `wide_s`, where those hold enough. `max` is the column's own slowest; milliseconds. `bands` counts how many fell in
    each of `bands_ms`."""
    if course is None:
        return {"number": 0}
    per_window = max(1, math.ceil(WINDOW_S / course.column_s))
    first = _first_news(course, seen)
    bands = bands_of(course.timeout_s)
    wide = max(1, math.ceil(WIDE_S / course.column_s))
    return {
        "number": course.number,
        "began": round(course.began, 3),
        "elapsed_s": round(course.elapsed_s, 3),
        "over": course.over,
        "timeout_s": course.timeout_s,
        "whole": first == 0,
        "column_s": course.column_s,
        "window_s": per_window * course.column_s,
        "wide_s": wide * course.column_s,
        "bands_ms": bands.edges_ms,
        "marks": [
            {"at_s": round(mark.at - course.began, 3), "text": mark.text, "minor": is_minor(mark.text)}
            for mark in course.marks
        ],
        "columns": [
            _column(course.timeline[max(0, n + 1 - wide) : n + 1], per_window, bands)
            for n in range(first, len(course.timeline))
        ],
    }


def _first_news(course: Course, seen: Seen | None) -> int:
    """The number of the first column in which a request may have been counted since."""
    if seen is None or (seen.number, seen.column_s) != (course.number, course.column_s):
        return 0
    settled_s = seen.until_s - course.timeout_s - COUNTED_AFTER_S
    return min(len(course.timeline), max(0, math.floor(settled_s / course.column_s)))


def _column(wide: tuple[TimelineColumn, ...], per_window: int, bands: Bands) -> dict[str, Any]:
    """The last column of the wide window, with the percentiles of the window of the last ones in it."""
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
        # Most bands are empty: those above the slowest are not told.
        "bands": list(islice(counts, max((n + 1 for n, count in enumerate(counts) if count), default=0))),
    }


def _latency(columns: tuple[TimelineColumn, ...]) -> Latency:
    return latency_of(merged(each.response_histogram for each in columns))
