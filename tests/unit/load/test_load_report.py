"""Verdict and report of a run: INVALID is the load generator's fault and takes precedence over FAILED."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from client.load.generator_limits import GeneratorLimits, Shortage
from client.load.interval_stats import GOOD, IntervalStats
from client.load.metrics import Metrics
from client.load.plan.model import ClosedLoop, Plan, Target, constant
from client.load.report.json_report import batches, report_json
from client.load.report.text_report import text_report
from client.load.run_report import Environment, Report, make_report
from client.load.run_result import ProcessResult, RunResult
from client.load.schedule import NS_PER_S
from client.load.summary import Fault
from client.load.verdict import Verdict

PLAN = constant("http://127.0.0.1:8000/", 100, duration_s=10)
CLOSED = Plan(targets=PLAN.targets, closed=ClosedLoop(users=10), duration_s=10)
HERE = Environment(
    system="Linux 6", cpu="a processor", cores=2, usable_cores=1, python="3.11", versions={}, load_average=0.1,
    same_host=True,
)  # fmt: skip


def result(
    *, good: int = 1000, refused: int = 0, unsent: int = 0, lag_us: int = 50, missed: int = 0, cpu: float = 12.0,
    lost: bool = False, response_us: int = 2000, **changes: object,
) -> RunResult:  # fmt: skip
    metrics = Metrics(1_700_000_000.0, targets=("only",))
    for second in range(10):
        stats = IntervalStats(second * NS_PER_S, (second + 1) * NS_PER_S)
        for _ in range(good // 10):
            stats.record_arrival()
            stats.record_sent(lag_us, 0)
            stats.record_outcome((0, 200, GOOD), response_us + second, response_us - 100)
        metrics.add(stats)
    rest = IntervalStats(0, NS_PER_S)
    for _ in range(refused):
        rest.record_arrival()
        rest.record_outcome((0, 0, Fault.CONNECT), 100, 0)
    for _ in range(unsent):
        rest.record_arrival()
        rest.record_outcome((0, 0, Fault.TIMEOUT), 2_000_000, 0)
    metrics.add(rest)
    metrics.missed(missed)
    process = ProcessResult(name="process 1", cpu_percent=cpu, precise_timer=True, missed=missed, lost=lost)
    made = RunResult(
        total=metrics.total(10.0), elapsed_s=10.0, missed=missed, processes=(process,), stopped=False, marks=(),
        timeline=metrics.timeline.columns(),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def report(measured: RunResult, plan: Plan = PLAN) -> Report:
    return make_report(plan, measured, HERE)


@pytest.mark.parametrize(
    ("measured", "verdict", "exit_code", "expected"),
    [
        (result(), Verdict.VALID, 0, "the generator kept its schedule; all 1000 requests got a good response"),
        (result(refused=3), Verdict.FAILED, 1, "3 of 1003 requests failed"),
        (result(good=0), Verdict.FAILED, 1, "no request was due"),
        (result(missed=50), Verdict.INVALID, 3, "started 95.2 %"),
        (result(missed=9), Verdict.VALID, 0, "1000 of 1009"),
        (result(unsent=50, cpu=98.0), Verdict.INVALID, 3, "(generator CPU 98 %): try --processes 2 or --rate 70"),
        (result(unsent=50), Verdict.FAILED, 1, "50 of 1050"),
        (result(lag_us=20_000, refused=3), Verdict.INVALID, 3, "p99 20.0 ms where 10 is allowed"),
        (result(lost=True), Verdict.INVALID, 3, "1 of 1 generator processes were lost (process 1)"),
    ],
)
def test_verdict_and_reason(measured: RunResult, verdict: Verdict, exit_code: int, expected: str) -> None:
    made = report(measured)
    assert (made.verdict, made.exit_code) == (verdict, exit_code)
    assert expected in made.reason


def late(*, requests: int, of_which: int) -> RunResult:
    """A run in which a number of requests were sent 20 ms late."""
    metrics = Metrics(1_700_000_000.0, targets=("only",))
    stats = IntervalStats(0, NS_PER_S)
    for number in range(requests):
        stats.record_arrival()
        stats.record_sent(20_000 if number < of_which else 50, 0)
        stats.record_outcome((0, 200, GOOD), 2000, 2000)
    metrics.add(stats)
    return replace(result(), total=metrics.total(10.0))


@pytest.mark.parametrize(
    ("requests", "of_which", "verdict"),
    [
        (1, 1, Verdict.VALID),
        (30, 1, Verdict.VALID),
        (30, 9, Verdict.VALID),
        (30, 10, Verdict.INVALID),
        (8, 4, Verdict.INVALID),
        (300, 40, Verdict.INVALID),
        (2000, 30, Verdict.INVALID),
    ],
)
def test_one_late_request_does_not_invalidate_a_small_run(requests: int, of_which: int, verdict: Verdict) -> None:
    assert report(late(requests=requests, of_which=of_which)).verdict is verdict


def limited(*, first_ms: float | None, connections: int = 64, waited: int = 400, **changes: int) -> RunResult:
    """A run in which requests waited because all connections were busy."""
    own = GeneratorLimits(connections=connections, waited=waited, first_service_ms=first_ms)
    process = ProcessResult(name="process 1", cpu_percent=12.0, precise_timer=True, missed=0, own=own)
    return result(processes=(process,), **changes)  # type: ignore[arg-type]


def test_too_few_connections_make_a_run_invalid() -> None:
    made = report(limited(first_ms=1000, unsent=300))
    assert made.verdict is Verdict.INVALID
    assert made.reason == (
        "all 64 connections of the generator were busy for 31 % of the requests: an answer takes 1000 ms, so this rate"
        " needs about 130 at once; try --connections 260"
    )


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        # The service needed one connection when it was quick, and took all when it got slow.
        (limited(first_ms=5, unsent=300), "because the service got slower"),
        (limited(first_ms=None, good=0, unsent=300), "because the service did not answer"),
    ],
)
def test_slow_service_with_busy_connections_fails(measured: RunResult, expected: str) -> None:
    made = report(measured)
    assert made.verdict is Verdict.FAILED
    assert expected in made.reason


def test_few_waiting_requests_are_ignored() -> None:
    assert report(limited(first_ms=1000, waited=10)).verdict is Verdict.VALID


@pytest.mark.parametrize("plan", [PLAN, CLOSED])
@pytest.mark.parametrize("shortage", [Shortage.FILES, Shortage.PORTS, Shortage.MEMORY])
def test_shortage_of_the_generator_makes_a_run_invalid(plan: Plan, shortage: Shortage) -> None:
    own = GeneratorLimits(short_of=shortage, short_times=1234, files_max=256)
    process = ProcessResult(name="process 1", cpu_percent=12.0, precise_timer=True, missed=0, own=own)
    made = report(result(processes=(process,), refused=50), plan)
    assert made.verdict is Verdict.INVALID
    assert made.reason.startswith(f"the generator ran out of {shortage}")
    assert "connections" in made.reason.partition(": ")[2]


@pytest.mark.parametrize(
    ("thresholds", "verdict", "expected"),
    [
        (("p99<50ms", "errors<1%", "rate>=90"), Verdict.VALID, "hold"),
        (("p99<1ms",), Verdict.FAILED, "p99<1ms is broken: p99 2.0"),
        (("errors<0.1%",), Verdict.FAILED, "errors<0.1% is broken: 3 of 1003 requests failed (0.299 %)"),
        (("rate>=101",), Verdict.FAILED, "rate>=101 is broken: 100 good responses/s"),
        (("errors<1%", "service.p50<=1.9ms"), Verdict.VALID, "hold"),
        (("errors<1%", "p99.99<1s"), Verdict.FAILED, "too few for a p99.99"),
    ],
)
def test_broken_threshold_fails_the_run(thresholds: tuple[str, ...], verdict: Verdict, expected: str) -> None:
    measured = result(refused=3) if any("errors" in text for text in thresholds) else result()
    made = report(measured, replace(PLAN, thresholds=thresholds))
    assert made.verdict is verdict
    assert expected in made.reason


def test_error_threshold_allows_failures() -> None:
    assert report(result(refused=3), replace(PLAN, thresholds=("p99<1s", "errors<1%"))).verdict is Verdict.VALID
    assert report(result(refused=3), replace(PLAN, thresholds=("p99<1s",))).verdict is Verdict.FAILED


def test_closed_loop_is_generator_bound() -> None:
    made = report(result(cpu=99.0, lag_us=50_000), CLOSED)
    assert made.verdict is Verdict.VALID
    assert made.assessment.generator_bound
    assert "generator-bound" in made.reason
    assert not report(result(cpu=40.0), CLOSED).assessment.generator_bound


def test_json_fields_and_latencies_in_ms() -> None:
    data = json.loads(json.dumps(report_json(report(result(refused=1)))))
    assert data["verdict"] == "FAILED"
    assert (data["offered_per_s"], data["started_per_s"], data["completed_per_s"]) == (100.1, 100.0, 100.0)
    assert data["errors"] == {"connect": 1}
    assert data["instances"] == []
    for name in ("response_ms", "service_ms"):
        assert {"p50", "p90", "p99", "p999", "max"} <= data[name].keys()
    assert data["response_ms"]["p50"] == pytest.approx(2.0, rel=0.01)
    assert data["response_ms"]["p999"] is None
    assert len(data["timeline"]) == 10


def test_secrets_are_hidden() -> None:
    headers = (("Authorization", "Bearer geheim"), ("Accept", "text/html"), ("X-Key", "geheim"))
    plan = replace(PLAN, targets=(Target(url="http://127.0.0.1:8000/", headers=headers),))
    told = json.dumps(report_json(report(result(), plan))) + "\n".join(text_report(report(result(), plan)))
    assert "geheim" not in told
    assert "text/html" in told


def test_run_is_cut_into_ten_batches() -> None:
    parts = batches(result().timeline)
    assert len(parts) == 10
    assert [part.max_us for part in parts] == [2000 + second for second in range(10)]
    assert sum(part.total for part in parts) == 1000


def test_text_report_has_no_percentile_of_few_samples() -> None:
    lines = text_report(report(result(good=100)))
    assert lines[0] == "VALID: the generator kept its schedule; all 100 requests got a good response"
    response = next(line for line in lines[1:] if "response" in line)
    assert response.split()[1:7] == ["2.00", "2.01", "-", "-", "-", "2.01"]
