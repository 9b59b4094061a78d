"""A run that is over, kept to be read and compared. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from client.terminal.numbers import short_rate
from client.load.report.compare import Comparison, compare
from client.load.report.recorded import recorded
from client.load.report.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """`began` and `ended` are epoch seconds. `error` says in words what ended it, where it did not end as it should."""

    number: int
    began: float
    ended: float
    report: Report
    error: str = ""

    @property
    def title(self) -> str:
        """The plan in words, after its name where it has one."""
        return f"{self.report.plan.name}: {self.report.model}" if self.report.plan.name else self.report.model


def past_run_json(past: PastRun) -> dict[str, Any]:
    """A line of a list of runs; times in milliseconds are response times, null where there are too few samples."""
    report = past.report
    total = report.summary
    return {
        "number": past.number,
        "title": past.title,
        "began": round(past.began, 3),
        "ended": round(past.ended, 3),
        "seconds": round(report.outcome.elapsed_s, 1),
        "rate": f"{short_rate(round(total.offered / report.seconds, 1))} requests/s",
        "requests": total.offered,
        "failed": total.failed,
        "p50_ms": total.response.p50,
        "p99_ms": total.response.p99,
        "verdict": report.verdict.value,
        "reason": report.reason,
        "stopped": report.outcome.stopped,
        "error": past.error,
    }


def compare_past(a: PastRun, b: PastRun) -> Comparison:
    """The comparison of two runs, for `compare_lines` and `compare_json`; they are named "run 3"."""
    left, right = (recorded(f"run {past.number}", past.report) for past in (a, b))
    return compare(left, right)
