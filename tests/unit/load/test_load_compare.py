"""Comparing two runs: differences beyond the noise, within it, and those that cannot be judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from load_runs import run

from client.cli import main
from client.load.plan.model import ClosedLoop, Plan, constant
from client.load.repeat import Repeats, repeat_json
from client.load.report.compare import ComparedFigure, Comparison, Significance, compare, compare_json, compare_lines
from client.load.report.json_report import report_json
from client.load.report.recorded_run import read_run
from client.load.run_report import Report
from client.program_name import program_name
from vmhost.base.errors import InvalidInput

NOISY = (2000, 2300, 1900, 2500, 2100, 2200, 2600, 1800, 2400, 2000)
SLOWER = tuple(took_us + 1500 for took_us in reversed(NOISY))
MOVED = (*NOISY[:0:-1], 2100)


def of(a: Report, b: Report) -> Comparison:
    return compare(read_run("a.json", report_json(a)), read_run("b.json", report_json(b)))


def row(comparison: Comparison, name: str) -> ComparedFigure:
    return next(row for row in comparison.rows if row.name == name)


def test_large_difference_is_beyond_the_noise() -> None:
    comparison = of(run(NOISY), run(SLOWER))
    found = row(comparison, "response p50 ms")
    assert found.noise is Significance.BEYOND
    assert found.worse
    assert found.interval is not None
    assert found.interval.low < 1.5 < found.interval.high
    assert found.difference == pytest.approx(1.5, abs=0.2)
    assert "service p99 ms" in comparison.worse
    assert "requests/s" not in comparison.worse


def test_faster_is_not_worse() -> None:
    comparison = of(run(SLOWER), run(NOISY))
    assert row(comparison, "response p99 ms").noise is Significance.BEYOND
    assert comparison.worse == ()


def test_small_difference_is_within_the_noise() -> None:
    comparison = of(run(NOISY), run(MOVED))
    assert {row.noise for row in comparison.rows} == {Significance.WITHIN}


def test_one_slow_second_is_within_the_noise() -> None:
    # The whole run's p99 goes from 2.6 to 900 ms, by one part of ten.
    found = row(of(run(NOISY), run((*NOISY[:-1], 900_000))), "response p99 ms")
    assert (found.b, found.noise) == (pytest.approx(900, rel=0.01), Significance.WITHIN)


def test_lower_rate_is_worse() -> None:
    comparison = of(run(per_s=1000), run(per_s=900))
    assert comparison.worse == ("requests/s",)
    assert row(comparison, "requests/s").percent == pytest.approx(-10)


def test_errors_are_a_share_of_ended_requests() -> None:
    comparison = of(run(), run(errors=(10, 12, 9, 11, 10, 10, 13, 9, 11, 10)))
    assert row(comparison, "errors %").b == pytest.approx(1.05)
    assert "errors %" in comparison.worse
    assert row(of(run(), run(errors=(1,))), "errors %").noise is Significance.WITHIN


def test_difference_below_the_resolution_is_ignored() -> None:
    assert row(of(run((2000,) * 10), run((2001,) * 10)), "response p50 ms").noise is Significance.WITHIN
    assert row(of(run((2000,) * 10), run((2100,) * 10)), "response p50 ms").noise is Significance.BEYOND


def test_parts_with_few_requests_are_compared() -> None:
    comparison = of(run(NOISY, per_s=500), run(SLOWER, per_s=500))
    assert row(comparison, "response p99 ms").noise is Significance.BEYOND
    assert row(of(run(NOISY, per_s=500), run(MOVED, per_s=500)), "response p99 ms").noise is Significance.WITHIN
    # 5,000 requests have no 99.99th percentile worth the name, 300 no 99th.
    few = of(run(NOISY, per_s=30), run(SLOWER, per_s=30))
    assert row(few, "response p99 ms").noise is Significance.UNKNOWN
    assert {"response mean ms", "response p50 ms", "response p90 ms", "response max ms"} <= set(few.worse)


def test_short_run_can_be_worse() -> None:
    # A smoke test of 30 requests: 5 ms before, 91 ms after.
    comparison = of(run((5000, 5200, 4900), per_s=10), run((91_000, 90_000, 92_500), per_s=10))
    mean = row(comparison, "response mean ms")
    assert mean.worse
    assert mean.percent == pytest.approx(1711, rel=0.01)
    assert of(run((5000, 5200, 4900), per_s=10), run((5100, 4900, 5000), per_s=10)).worse == ()


def test_two_seconds_are_too_short_to_compare() -> None:
    comparison = of(run(NOISY[:2]), run(SLOWER[:2]))
    assert comparison.unknown
    assert row(comparison, "response p50 ms").interval is None


def test_report_of_an_older_version_is_compared() -> None:
    old = report_json(run(NOISY, per_s=500))
    for batch in (*old["batches"], *old["service_batches"]):
        del batch["ranked"]
    comparison = compare(read_run("a", old), read_run("b", report_json(run(SLOWER, per_s=500))))
    assert row(comparison, "response p99 ms").noise is Significance.UNKNOWN
    assert row(comparison, "response p90 ms").noise is Significance.BEYOND


def test_incomplete_last_second_does_not_lower_the_rate() -> None:
    cut: dict[str, Any] = report_json(run((2000,) * 7))
    cut["elapsed_s"] = 6.4
    cut["timeline"][6]["completed"] = 400
    comparison = compare(
        read_run("a", report_json(run((2000,) * 7))), read_run("b", {**cut, "completed_per_s": 1000.0})
    )
    assert row(comparison, "requests/s").noise is Significance.WITHIN


def repeated(*tooks_us: int, invalid: bool = False) -> dict[str, Any]:
    runs = [run((took_us,) * 10) for took_us in tooks_us]
    if invalid:
        runs.append(run((900_000,) * 10, lag_us=50_000))
    return repeat_json(Repeats(runs=tuple(runs), times=len(runs)))


def test_repeated_runs_are_the_samples() -> None:
    comparison = compare(read_run("a", repeated(2000, 2400, 2900)), read_run("b", repeated(2200, 2300, 3100)))
    found = row(comparison, "response p99 ms")
    assert (found.a, found.b) == (pytest.approx(2.4), pytest.approx(2.3))
    assert found.noise is Significance.WITHIN
    assert comparison.samples == "3 and 3 runs"
    assert (
        "response p99 ms"
        in compare(read_run("a", repeated(2000, 2050, 2100)), read_run("b", repeated(2500, 2600, 2550))).worse
    )


def test_few_repetitions_use_parts_of_the_median_run() -> None:
    comparison = compare(read_run("a", repeated(2000, 2000, 2000)), read_run("b", report_json(run((2500,) * 10))))
    assert comparison.samples.startswith("10 and 10 parts of one run each; --repeat shows")
    assert "response p50 ms" in comparison.worse


def test_invalid_repetition_gives_a_warning() -> None:
    b = read_run("b", repeated(2000, 2010, 2020, invalid=True))
    assert len(b.repeats) == 3
    assert any(
        text.startswith("b is INVALID") for text in compare(read_run("a", repeated(2000, 2010, 2020)), b).warnings
    )


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (run(lag_us=50_000), "b.json is INVALID, so its figures say nothing about the server: the generator sent late"),
        (run(stopped=True), "b.json was stopped early"),
        (run(cpu="another one"), "different computers: cpu a processor and another one"),
        (
            run(plan=constant("http://127.0.0.1:9000/", 1000, duration_s=10)),
            "different plans: they differ in targets",
        ),
        (
            run(plan=Plan(targets=run().plan.targets, closed=ClosedLoop(users=3), duration_s=10)),
            "different load models: ",
        ),
    ],
)
def test_runs_that_are_not_comparable_give_a_warning(other: Report, expected: str) -> None:
    comparison = of(run(), other)
    assert any(expected in text for text in comparison.warnings)
    assert any(expected in line for line in compare_lines(comparison) if line.startswith("warning: "))


def test_equal_plans_give_no_warning() -> None:
    assert of(run(), run(plan=constant(run().plan.targets[0].url, 1000, duration_s=10, seed=7))).warnings == ()


def test_plan_of_an_older_version_without_a_new_setting() -> None:
    earlier = report_json(run())
    del earlier["plan"]["resolve"], earlier["plan"]["cacert"]
    assert compare(read_run("a.json", earlier), read_run("b.json", report_json(run()))).warnings == ()


def test_table_shows_every_figure() -> None:
    lines = compare_lines(of(run(NOISY), run(SLOWER)))
    p50 = next(line.split() for line in lines if "response p50" in line)
    assert p50[3:5] == ["2.10", "3.60"]
    assert p50[5].startswith("+1.50")
    assert "beyond the noise, worse" in " ".join(p50)
    assert sum("noise" in line or "cannot tell" in line for line in lines) == 10


def test_comparison_json_has_the_interval() -> None:
    data = json.loads(json.dumps(compare_json(of(run(NOISY), run(SLOWER)))))
    assert (data["schema"], data["kind"], data["a"]["name"]) == (1, "compare", "a.json")
    (p50,) = (each for each in data["figures"] if each["name"] == "response p50 ms")
    assert p50["noise"] == "beyond the noise"
    assert p50["interval"][0] < p50["difference"] < p50["interval"][1]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ([], "schema None cannot be read"),
        ({"schema": 1}, "schema 1 cannot be read"),
        ({"schema": 2}, "not a report of a run"),
        ({"schema": 2, "runs": []}, "not a report of a run"),
        ({"schema": 2, "runs": [], "counted": [], "median_run": None}, "not a report of a run"),
        ({**report_json(run()), "errors": 3}, "not a report of a run"),
    ],
)
def test_other_documents_are_refused(data: Any, expected: str) -> None:
    with pytest.raises(InvalidInput, match=expected):
        read_run("x.json", data)


# The command


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    runs = {"usual": run(NOISY), "slower": run(SLOWER), "invalid": run(NOISY, lag_us=50_000)}
    runs["short"] = run(NOISY[:2])
    for name, made in runs.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(report_json(made)))
    (tmp_path / "torn.json").write_text('{"schema": 2, ')
    return {name: str(tmp_path / f"{name}.json") for name in (*runs, "torn", "absent")}


@pytest.mark.parametrize(
    ("a", "b", "code", "gate"),
    [
        ("usual", "slower", 0, 1),
        ("slower", "usual", 0, 0),
        ("usual", "usual", 0, 0),
        ("usual", "invalid", 0, 3),
        ("short", "short", 0, 3),
    ],
)
def test_exit_code_with_fail_if_worse(files: dict[str, str], a: str, b: str, code: int, gate: int) -> None:
    assert main(["load", "compare", files[a], files[b]]) == code
    assert main(["load", "compare", files[a], files[b], "--fail-if-worse", "--json"]) == gate


@pytest.mark.parametrize(("name", "expected"), [("torn", "not JSON"), ("absent", "No such file")])
def test_unreadable_file_is_named(
    files: dict[str, str], name: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["load", "compare", files["usual"], files[name]]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"glasscloud load compare: {files[name]} ")
    assert expected in said


@pytest.mark.parametrize("asked", [["load", "compare", "--help"], ["help", "load", "compare"]])
def test_subcommand_has_its_own_help(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(asked) == 0
    assert f"usage: {program_name()} load compare" in capsys.readouterr().out


def test_other_words_are_urls(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["load", "compar"]) == 2
    assert capsys.readouterr().err.startswith("glasscloud load: URL 'compar'")
