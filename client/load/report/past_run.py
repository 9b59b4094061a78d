"""A run that has ended, kept for reading and comparing. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from client.load.report.compare import Comparison, compare
from client.load.report.recorded_run import record_run
from client.load.report.report import Report
from client.terminal.plain_text import short_rate


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """A run that has ended. `began` and `ended` are epoch seconds. `error`: why it ended, if it failed."""

    number: int
    began: float
    ended: float
    report: Report
    error: str = ""

    @property
    def title(self) -> str:
        """The name of the plan, if it has one, and the load model in words."""
        return f"{self.report.plan.name}: {self.report.model}" if self.report.plan.name else self.report.model


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


def compare_past_runs(a: PastRun, b: PastRun) -> Comparison:
    """Compares two runs; they are named like "run 3"."""
    left, right = (record_run(f"run {past.number}", past.report) for past in (a, b))
    return compare(left, right)
