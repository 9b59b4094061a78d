"""The report as JSON with a schema number. docs/load.md describes the fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from msgspec import to_builtins

from client.load.histogram import Histogram, merged
from client.load.plan.plan_json import redacted_plan_json
from client.load.run_report import PastRun, Report
from client.load.run_result import TimelineColumn
from client.load.summary import PERCENTS, InstanceSummary, TargetSummary, latency_of
from client.terminal.plain_text import short_rate

T = TypeVar("T")
SCHEMA = 2
"""Raised if a program that reads the former schema would misread the new one; new fields do not raise it."""
BATCHES = 10
"""The number of equal parts into which a run is cut; their spread is the noise in comparisons."""


def report_json(report: Report) -> dict[str, Any]:
    """Returns the report, schema 2; latencies are in milliseconds, null if there are too few samples."""
    total, result, assessment = report.summary, report.result, report.assessment
    seconds = report.seconds
    return {
        "schema": SCHEMA,
        "verdict": report.verdict.value,
        "reason": report.reason,
        "generator_bound": assessment.generator_bound,
        "thresholds": to_builtins(assessment.thresholds),
        "model": report.model,
        "offered_per_s": round(total.offered / seconds, 2),
        "started_per_s": round(total.started / seconds, 2),
        "completed_per_s": round(total.completed / seconds, 2),
        "requests": {"offered": total.offered, "started": total.started, "completed": total.completed, "ok": total.ok},
        "response_ms": to_builtins(total.response),
        "service_ms": to_builtins(total.service),
        "errors": total.errors,
        "messages": total.messages,
        "examples": to_builtins(result.examples),
        "output": list(result.output),
        "statuses": total.statuses,
        "classes_ms": to_builtins(total.classes),
        "targets": [_target(target) for target in total.targets],
        "instances": [_instance(instance) for instance in total.instances],
        "resent": total.resent,
        "hedges": {"sent": total.hedged, "won": total.hedges_won},
        "received_bytes": total.received_bytes,
        "send_lag_ms": to_builtins(total.lag),
        "generator": {
            "cpu_percent": result.cpu_percent,
            "missed": result.missed,
            "precise_timer": result.precise_timer,
            "own_limits": to_builtins(result.own),
            "standstills": [{"at": each.at, "seconds": each.seconds} for each in result.standstills],
            "processes": to_builtins(result.processes),
        },
        "began": round(total.since, 3),
        "elapsed_s": round(result.elapsed_s, 3),
        "stopped": result.stopped,
        "marks": to_builtins(result.marks),
        "batches": [_batch(batch) for batch in batches(result.timeline)],
        "service_batches": [_batch(batch) for batch in batches(result.timeline, service=True)],
        "timeline": [_column(column) for column in result.timeline],
        "environment": to_builtins(report.environment),
        "plan": redacted_plan_json(report.plan),
    }


def past_run_json(past: PastRun) -> dict[str, Any]:
    """Returns a row of the list of runs. Times are response times in ms, null if there are too few samples."""
    report = past.report
    total = report.summary
    return {
        "number": past.number,
        "title": past.title,
        "began": round(past.began, 3),
        "ended": round(past.ended, 3),
        "seconds": round(report.result.elapsed_s, 1),
        "rate": f"{short_rate(round(total.offered / report.seconds, 1))} requests/s",
        "requests": total.offered,
        "failed": total.failed,
        "p50_ms": total.response.p50,
        "p99_ms": total.response.p99,
        "verdict": report.verdict.value,
        "reason": report.reason,
        "stopped": report.result.stopped,
        "error": past.error,
    }


def equal_parts(columns: Sequence[T]) -> list[Sequence[T]]:
    """Cuts the columns into up to ten equal parts, without the remainder."""
    size = len(columns) // BATCHES or 1
    return [columns[begin : begin + size] for begin in range(0, min(len(columns) // size, BATCHES) * size, size)]


def batches(timeline: Sequence[TimelineColumn], *, service: bool = False) -> list[Histogram]:
    """Returns the response (or service) times of up to ten equal parts of the run, without its warm-up."""
    parts = equal_parts([column for column in timeline if not column.warm_up])
    return [
        merged(column.service_histogram if service else column.response_histogram for column in part) for part in parts
    ]


def _batch(batch: Histogram) -> dict[str, Any]:
    """Returns the latencies of a part. `ranked` are percentiles with any number of samples beyond them: one of them
    says little, but those of several parts are samples of the percentile of the run."""
    ranked = batch.percentiles_us(PERCENTS, beyond_min=0)
    names = ("p50", "p90", "p99", "p999", "p9999")
    ranked_ms = {name: None if value is None else value / 1000 for name, value in zip(names, ranked, strict=True)}
    return {**to_builtins(latency_of(batch)), "ranked": ranked_ms}


def _target(target: TargetSummary) -> dict[str, Any]:
    return {
        "name": target.name,
        "completed": target.completed,
        "ok": target.ok,
        "errors": target.errors,
        "response_ms": to_builtins(target.response),
        "service_ms": to_builtins(target.service),
    }


def _instance(instance: InstanceSummary) -> dict[str, Any]:
    return {
        "id": instance.id, "type": instance.type, "host": instance.host, "shard": instance.shard,
        "answered": instance.answered, "lost": instance.lost, "late": instance.late, "errors": instance.errors,
        "latency": to_builtins(instance.latency),
    }  # fmt: skip


def _column(column: TimelineColumn) -> dict[str, Any]:
    latency = latency_of(column.response_histogram)
    return {
        "began": column.began, "seconds": column.seconds, "offered": column.offered, "started": column.started,
        "completed": column.completed, "ok": column.ok, "errors": column.errors, "p50": latency.p50,
        "p99": latency.p99, "max": latency.max, "warm_up": column.warm_up,
    }  # fmt: skip
