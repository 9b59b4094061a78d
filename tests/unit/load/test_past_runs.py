"""Past runs: their row in a list, and the comparison of two of them."""

from __future__ import annotations

import json

from load_runs import CLOSED, run

from client.load.report.compare import compare_json, compare_lines, compare_past_runs
from client.load.report.json_report import past_run_json
from client.load.report.page.page import report_page
from client.load.run_report import PastRun, Report


def past(number: int, report: Report, **changes: str) -> PastRun:
    return PastRun(number=number, began=1_700_000_000.0, ended=1_700_000_010.5, report=report, **changes)  # type: ignore[arg-type]


def test_row_of_the_list_of_runs() -> None:
    report = run(errors=(5,))
    told = past_run_json(past(3, report, error="a process has gone"))
    assert json.loads(json.dumps(told)) == told
    assert told == {
        "number": 3, "title": "open loop, constant 1000/s", "began": 1_700_000_000.0, "ended": 1_700_000_010.5,
        "seconds": 10.0, "rate": "1,000 requests/s", "requests": 10_000, "failed": 5, "p50_ms": 2.0, "p99_ms": 2.0,
        "verdict": "FAILED", "reason": report.reason, "stopped": False, "error": "a process has gone",
    }  # fmt: skip


def test_title_names_the_users() -> None:
    assert past(1, run(plan=CLOSED)).title == "closed loop, 10 users without think time"


def test_two_past_runs_are_compared() -> None:
    comparison = compare_past_runs(past(1, run()), past(2, run((8000,) * 10)))
    assert (comparison.a.name, comparison.b.name) == ("run 1", "run 2")
    told = compare_json(comparison)
    assert json.loads(json.dumps(told)) == told
    assert any(row["name"].startswith("response p50") and row["difference"] == 6.0 for row in told["figures"])
    assert compare_lines(comparison)[0].startswith("A  run 1   VALID")


def test_page_of_a_past_run() -> None:
    assert "Heat map" in report_page([past(1, run()).report])
