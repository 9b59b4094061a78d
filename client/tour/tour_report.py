"""The report of `demo --once`: what was measured and whether it is good. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from client.experiments.results import HOG_RATE, HogResult, KillResult, shortened, verdict_json
from client.load.report.report import Report
from client.load.summary import Summary
from client.terminal.text import columns_of
from client.verdicts import SLOWER_MS, PhaseRow, phase_table
from vmhost.base.ids import short_ids

SCHEMA = 2
_HEADINGS = ("PHASE", "INSTANCE", "HOST", "SHARD", "REQUESTS", "ERRORS", "P50 ms", "TAIL ms", "SLOWEST", "SLOWER")
_LEGEND = (
    "TAIL: p99 from 1,000 requests on, p90 from 100, else the slowest. "
    f"SLOWER: an error, or a tail {SLOWER_MS:g} ms above that of the first phase."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TourPlan:
    """`seconds` is the length of the quiet phase, of the kill's and of the hog; what comes between takes half.

    The rate gives each of four machines about the 1,000 requests in ten seconds that a p99 takes."""

    seconds: float = 10.0
    rate_per_s: float = HOG_RATE * 1.1
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TourReport:
    """Everything of one tour."""

    plan: TourPlan
    driver: str
    stands_for: str
    phases: Mapping[str, Summary]
    kill: KillResult
    hog: HogResult
    load: Report
    up_s: float = 0.0
    left_behind: tuple[str, ...] = ()
    """Programs, containers, networks and volumes that are still there after the end."""

    @property
    def lost(self) -> int:
        """Requests that failed, in all phases and between them."""
        return self.load.summary.failed

    @property
    def failures(self) -> tuple[str, ...]:
        """Why the tour did not go well; empty when it did."""
        found = []
        if self.lost:
            kinds = ", ".join(f"{name} {count}" for name, count in self.load.summary.errors.items())
            found.append(f"{self.lost} of {self.load.summary.offered} requests were lost ({kinds})")
        if self.kill.seen_s is None:
            found.append("the death was not noticed")
        if self.kill.replaced_s is None:
            found.append("the dead machine was not replaced")
        found += [f"left behind: {each}" for each in self.left_behind]
        return tuple(found)

    @property
    def good(self) -> bool:
        """Whether the tour went well."""
        return not self.failures


def report_json(report: TourReport) -> dict[str, Any]:
    """The report for programs, schema 2; latencies in milliseconds, null where there are too few samples.

    `hog.isolation` says what the CPU hog asked for and received, how its neighbors fared, and the outcome: isolated,
    leaked or inconclusive."""
    before, during, after = report.hog.others_p99_ms()
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
        "kill": {
            "instance_id": report.kill.instance_id,
            "replacement_id": report.kill.replacement_id,
            "seen_s": _rounded(report.kill.seen_s),
            "replaced_s": _rounded(report.kill.replaced_s),
            "requests": None if report.kill.window is None else report.kill.window.offered,
            "lost": None if report.kill.window is None else report.kill.window.failed,
            "sentence": report.kill.judgement.sentence,
        },
        "hog": {
            "instance_id": report.hog.instance_id,
            "requests": report.hog.during.offered,
            "lost": report.hog.lost,
            "others_p99_ms": {"before": before, "during": during, "after": after},
            "isolation": verdict_json(report.hog)["isolation"],
            "sentence": report.hog.judgement.sentence,
        },
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


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def report_lines(report: TourReport) -> list[str]:
    """The report for people, the verdict last."""
    rows = phase_table(report.phases)
    shorts = short_ids([*(row.instance_id for row in rows), report.kill.instance_id, report.hog.instance_id])
    return [
        f"instances: {report.stands_for}",
        *columns_of([_HEADINGS, *(_cells(row, shorts[row.instance_id]) for row in rows)]),
        _LEGEND,
        "",
        shortened(report.kill.judgement.sentence, shorts),
        shortened(f"CPU hog in {report.hog.instance_id}: {report.hog.judgement.sentence}", shorts),
        *([] if report.load.verdict.value != "INVALID" else [f"mind: {report.load.reason}"]),
        *_verdict(report),
    ]


def _cells(row: PhaseRow, short: str) -> tuple[str, ...]:
    return (
        row.phase, short, row.host, str(row.shard), str(row.requests), str(row.errors), _ms(row.p50_ms),
        "-" if row.tail_ms is None else f"{row.tail} {row.tail_ms:.1f}", _ms(row.slowest_ms),
        {True: "yes", False: "no", None: "-"}[row.affected],
    )  # fmt: skip


def _verdict(report: TourReport) -> list[str]:
    total = report.load.summary.offered
    if report.good:
        outcome = report.hog.isolation.outcome.value
        return [f"service: none of {total} requests was lost, nothing is left behind; CPU isolation: {outcome}"]
    return [f"not good: {reason}" for reason in report.failures]


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
