"""The verdict comes from figures alone: INVALID is the generator's fault and beats FAILED."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from client.load.metrics import Metrics
from client.load.pacer import NS_PER_S
from client.load.plan import Plan
from client.load.report import Verdict, make_report, report_json, report_lines
from client.load.summary import Fault, Outcome
from client.load.wire import from_json, to_json

PLAN = Plan(url="http://127.0.0.1:8000/", rate_per_s=100, duration_s=10)


def outcome(*, good: int = 1000, refused: int = 0, unsent: int = 0, lag_us: int = 50, **changes: object) -> Outcome:
    metrics = Metrics(0, 1_700_000_000.0)
    tally = metrics.tally(0)
    for _ in range(good):
        tally.arrived()
        tally.sent(lag_us, 0)
        tally.answered(200, ())
        tally.succeeded(2000, 1900)
    for _ in range(refused):
        tally.arrived()
        tally.failed(Fault.CONNECT, 100)
    for _ in range(unsent):
        tally.arrived()
        tally.failed(Fault.TIMEOUT, 2_000_000)
    made = Outcome(
        total=metrics.summary(metrics.total(10 * NS_PER_S)), elapsed_s=10.0, missed=0, cpu_percent=12.0,
        precise_timer=True, stopped=False, marks=(),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("measured", "verdict", "exit_code", "told"),
    [
        (outcome(), Verdict.VALID, 0, "1000 of 1000 requests answered"),
        (outcome(refused=3), Verdict.FAILED, 1, "3 of 1003 requests failed"),
        (outcome(good=0), Verdict.FAILED, 1, "no request was due"),
        (outcome(missed=50), Verdict.INVALID, 3, "started 95.0 %"),
        (outcome(missed=9), Verdict.VALID, 0, "1000 of 1000"),
        (outcome(unsent=50, cpu_percent=98.0), Verdict.INVALID, 3, "generator CPU 98 %): try --rate 70"),
        (outcome(unsent=50), Verdict.FAILED, 1, "50 of 1050"),
        (outcome(lag_us=20_000, refused=3), Verdict.INVALID, 3, "p99 20.0 ms where 10 is allowed"),
    ],
)
def test_the_verdict_names_its_reason(measured: Outcome, verdict: Verdict, exit_code: int, told: str) -> None:
    report = make_report(PLAN, measured)
    assert (report.verdict, report.exit_code) == (verdict, exit_code)
    assert told in report.reason


def test_json_has_the_promised_top_level_and_latencies_in_ms() -> None:
    data = json.loads(json.dumps(report_json(make_report(PLAN, outcome(refused=1)))))
    assert data["verdict"] == "FAILED"
    assert (data["offered_per_s"], data["started_per_s"], data["completed_per_s"]) == (100.1, 100.0, 100.0)
    assert data["errors"] == {"connect": 1}
    assert data["instances"] == []
    for name in ("response_ms", "service_ms"):
        assert {"p50", "p90", "p99", "p999", "max"} <= data[name].keys()
    assert data["response_ms"]["p50"] == pytest.approx(2.0, rel=0.01)
    assert data["response_ms"]["p999"] is None


def test_the_text_opens_with_the_verdict_and_prints_no_percentile_of_too_few() -> None:
    lines = report_lines(make_report(PLAN, outcome(good=100)))
    assert lines[0] == "VALID: 100 of 100 requests answered"
    response = next(line for line in lines if "response" in line)
    assert response.split()[1:6] == ["2.00", "2.00", "-", "-", "2.00"]


def test_an_outcome_survives_json() -> None:
    measured = outcome(refused=2)
    assert from_json(Outcome, json.loads(json.dumps(to_json(measured)))) == measured
