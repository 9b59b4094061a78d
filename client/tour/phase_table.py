"""The tour's table: each instance in each phase. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from client.load.summary import InstanceSummary, Summary

SLOWER_MS = 5.0
"""An instance whose slow responses slowed down by more than this is marked in the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRow:
    """One instance in one phase. `requests` counts its attempts; `affected` is None without a comparison.

    `tail_ms` is the highest percentile that the samples support, `tail` its name: p99, else p90, else max."""

    phase: str
    instance_id: str
    type: str
    host: str
    shard: int
    requests: int
    errors: int
    p50_ms: float | None
    p99_ms: float | None
    tail: str
    tail_ms: float | None
    slowest_ms: float | None
    affected: bool | None


def phase_table(phases: Mapping[str, Summary]) -> tuple[PhaseRow, ...]:
    """Return a row for each instance in each phase; later phases are compared with the first."""
    if not phases:
        return ()
    first = next(iter(phases.values()))
    return tuple(
        _row(phase, instance, None if summary is first else first.instance(instance.id))
        for phase, summary in phases.items()
        for instance in summary.instances
    )


def _row(phase: str, instance: InstanceSummary, before: InstanceSummary | None) -> PhaseRow:
    failed = instance.errors + instance.late
    tail, tail_ms = instance.latency.tail
    return PhaseRow(
        phase=phase,
        instance_id=instance.id,
        type=instance.type,
        host=instance.host,
        shard=instance.shard,
        requests=instance.answered + instance.lost + failed,
        errors=failed,
        p50_ms=instance.latency.p50,
        p99_ms=instance.latency.p99,
        tail=tail,
        tail_ms=tail_ms,
        slowest_ms=instance.latency.max,
        affected=_affected(instance, before),
    )


def _affected(instance: InstanceSummary, before: InstanceSummary | None) -> bool | None:
    """Return whether it failed requests or slowed down by more than `SLOWER_MS`, at a percentile that both support."""
    if instance.errors or instance.late:
        return True
    if before is None:
        return None
    for now_ms, then_ms in (
        (instance.latency.p99, before.latency.p99),
        (instance.latency.p90, before.latency.p90),
        (instance.latency.p50, before.latency.p50),
    ):
        if now_ms is not None and then_ms is not None:
            return now_ms - then_ms > SLOWER_MS
    return None
