"""The tour's report as text and as JSON."""

from __future__ import annotations

from client_builders import IDS, summary

from client.experiments.results import Result
from client.load.plan.model import constant
from client.load.run_report import Environment, make_report
from client.load.run_result import ProcessResult, RunResult
from client.tour.tour_report import TourPlan, TourReport, report_json, report_lines

HERE = Environment(
    system="Linux 6", cpu="a processor", cores=2, usable_cores=1, python="3.11", versions={}, load_average=0.1,
    same_host=True,
)  # fmt: skip


def report(requests: int, *, problems: tuple[str, ...] = ()) -> TourReport:
    """A tour in which each instance got `requests / 2` in each phase, with 2.0 to 2.2 ms each."""
    figures = summary(requests=requests)
    result = RunResult(
        total=figures, elapsed_s=10.0, missed=0, stopped=False, marks=(), timeline=(),
        processes=(ProcessResult(name="process 1", cpu_percent=3.0, precise_timer=True, missed=0, lost=False),),
    )  # fmt: skip
    return TourReport(
        plan=TourPlan(),
        driver="process",
        stands_for="plain processes on one OS",
        phases={"quiet": figures, "hog": figures},
        results=(
            Result(
                experiment="kill", instance_id=IDS[0], action=f"killed {IDS[0]}", account="noticed after 0.08 s",
                verdict="passed", held=True, reason="none was lost", problems=problems,
            ),
            Result(
                experiment="noisy_neighbor", instance_id=IDS[2], action=f"ran a CPU hog in {IDS[2]}", account="0 lost",
                verdict="isolated", held=True, reason="its neighbor got its CPU",
            ),
        ),
        load=make_report(constant("http://127.0.0.1:8000/", 20, duration_s=10), result, HERE),
    )  # fmt: skip


def test_rows_show_the_highest_supported_percentile() -> None:
    for requests, tail in ((2000, "p99 2.1"), (400, "p90 2.1"), (100, "max 2.1")):
        lines = report_lines(report(requests))
        assert [text.split("  ")[0] for text in lines[1:3]] == ["PHASE", "quiet"]
        assert tail in lines[2]
        assert lines[10].startswith("TAIL: p99 from 1,000 requests on, p90 from 100")
        assert "AFFECTED: an error, or a tail 5 ms above" in lines[10]


def test_short_ids_everywhere() -> None:
    lines = report_lines(report(2000))
    assert lines[-5:] == [
        "killed i-00a1: noticed after 0.08 s",
        "  passed: none was lost",
        "ran a CPU hog in i-00c7: 0 lost",
        "  isolated: its neighbor got its CPU",
        "passed: none of 2000 requests was lost, nothing is left behind; kill passed, noisy neighbor isolated",
    ]
    assert not any(each in "\n".join(lines) for each in IDS)


def test_problem_of_an_experiment_fails_the_tour() -> None:
    failed = report(2000, problems=("it was not replaced within 30 s",))
    assert not failed.good
    assert report_lines(failed)[-1] == "failed: killed i-00a1: it was not replaced within 30 s"


def test_json_has_whole_ids() -> None:
    document = report_json(report(400))
    assert [each["verdict"] for each in document["experiments"]] == ["passed", "isolated"]
    assert [each["instance_id"] for each in document["experiments"]] == [IDS[0], IDS[2]]
    assert document["experiments"][0]["account"] == f"killed {IDS[0]}: noticed after 0.08 s"
    row = document["phases"][0]["instances"][0]
    assert (row["p99_ms"], row["tail"], row["tail_ms"]) == (None, "p90", row["tail_ms"])
    assert row["tail_ms"] > 2
