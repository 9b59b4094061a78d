"""The report of `demo --once`: each instance in each phase, the experiments, and whether the tour passed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from client.experiments.noisy_neighbor import RATE_PER_S
from client.experiments.results import Result, result_json, shortened
from client.load.run_report import Report
from client.load.summary import InstanceSummary, Summary
from client.terminal.plain_text import columns_of
from vmhost.base.ids import short_ids

SCHEMA = 3
SLOWER_MS = 5.0
"""An instance whose slow responses slowed down by more than this is marked in the table."""
_HEADINGS = ("PHASE", "INSTANCE", "HOST", "SHARD", "REQUESTS", "ERRORS", "P50 ms", "TAIL ms", "SLOWEST", "AFFECTED")
_LEGEND = (
    "TAIL: p99 from 1,000 requests on, p90 from 100, else the slowest. "
    f"AFFECTED: an error, or a tail {SLOWER_MS:g} ms above that of the first phase."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TourPlan:
    """`seconds` is the length of the quiet phase and of the hog; other phases take half of it or more.

    At this rate each of four instances gets about the 1,000 requests in ten seconds that a p99 needs."""

    seconds: float = 10.0
    rate_per_s: float = RATE_PER_S * 1.1
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TourReport:
    """Everything about one tour."""

    plan: TourPlan
    driver: str
    stands_for: str
    phases: Mapping[str, Summary]
    results: tuple[Result, ...]
    """Of the experiments, in their order."""
    load: Report
    up_s: float = 0.0
    left_behind: tuple[str, ...] = ()
    """Programs, containers, networks and volumes that still exist after the end."""

    @property
    def lost(self) -> int:
        """Requests that failed, in all phases and between them."""
        return self.load.summary.failed

    @property
    def failures(self) -> tuple[str, ...]:
        """Why the tour failed; empty if it passed. That a CPU hog was not isolated is no failure of the service."""
        found = []
        if self.lost:
            kinds = ", ".join(f"{name} {count}" for name, count in self.load.summary.errors.items())
            found.append(f"{self.lost} of {self.load.summary.offered} requests were lost ({kinds})")
        found += [f"{each.action}: {problem}" for each in self.results for problem in each.problems]
        found += [f"left behind: {each}" for each in self.left_behind]
        return tuple(found)

    @property
    def good(self) -> bool:
        """Whether the tour passed."""
        return not self.failures


def report_json(report: TourReport) -> dict[str, Any]:
    """Return the report as JSON, schema 3; latencies in milliseconds, null for too few samples.

    `experiments` holds for each experiment its verdict, the reason, and rows of figures before, during and after."""
    rows = phase_table(report.phases)
    return {
        "schema": SCHEMA,
        "good": report.good,
        "failures": list(report.failures),
        "driver": report.driver,
        "stands_for": report.stands_for,
        "up_s": round(report.up_s, 3),
        "rate_per_s": report.plan.rate_per_s,
        "seed": report.plan.seed,
        "requests": report.load.summary.offered,
        "lost": report.lost,
        "generator": {"verdict": report.load.verdict.value, "reason": report.load.reason},
        "experiments": [result_json(each) for each in report.results],
        "phases": [_phase_json(name, summary, rows) for name, summary in report.phases.items()],
        "left_behind": list(report.left_behind),
    }


def _phase_json(name: str, summary: Summary, rows: tuple[PhaseRow, ...]) -> dict[str, Any]:
    return {
        "phase": name,
        "seconds": round(summary.seconds, 3),
        "requests": summary.offered,
        "errors": summary.failed,
        "p50_ms": summary.response.p50,
        "p99_ms": summary.response.p99,
        "instances": [asdict(row) for row in rows if row.phase == name],
    }


def report_lines(report: TourReport) -> list[str]:
    """Return the report as text lines, the verdict last."""
    rows = phase_table(report.phases)
    shorts = short_ids([*(row.instance_id for row in rows), *(each.instance_id for each in report.results)])
    lines = [
        f"instances: {report.stands_for}",
        *columns_of([_HEADINGS, *(_cells(row, shorts[row.instance_id]) for row in rows)]),
        _LEGEND,
        "",
    ]
    for each in report.results:
        lines += [shortened(f"{each.action}: {each.account}", shorts), shortened(f"  {each.sentence}", shorts)]
    if report.load.verdict.value == "INVALID":
        lines.append(f"note: {report.load.reason}")
    return [*lines, *_verdict(report, shorts)]


def _cells(row: PhaseRow, short: str) -> tuple[str, ...]:
    return (
        row.phase, short, row.host, str(row.shard), str(row.requests), str(row.errors), _ms(row.p50_ms),
        "-" if row.tail_ms is None else f"{row.tail} {row.tail_ms:.1f}", _ms(row.slowest_ms),
        {True: "yes", False: "no", None: "-"}[row.affected],
    )  # fmt: skip


def _verdict(report: TourReport, shorts: Mapping[str, str]) -> list[str]:
    if not report.good:
        return [shortened(f"failed: {reason}", shorts) for reason in report.failures]
    verdicts = ", ".join(f"{each.experiment.replace('_', ' ')} {each.verdict}" for each in report.results)
    total = report.load.summary.offered
    return [f"passed: none of {total} requests was lost, nothing is left behind; {verdicts}"]


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


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
