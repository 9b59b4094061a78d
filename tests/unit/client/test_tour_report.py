"""The tour's report as text and as JSON."""

from __future__ import annotations

from client_builders import IDS, summary

from client.experiments import cpu_isolation
from client.experiments.results import HogResult, KillResult
from client.load.environment import Environment
from client.load.plan.model import constant
from client.load.report.report import make_report
from client.load.summary import ProcessResult, RunResult
from client.tour.tour_report import TourPlan, TourReport, report_json, report_lines
from client.verdicts import judge_kill

HERE = Environment(
    system="Linux 6", cpu="a processor", cores=2, usable_cores=1, python="3.11", versions={}, load_average=0.1,
    same_host=True,
)  # fmt: skip


def report(requests: int) -> TourReport:
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
        kill=KillResult(
            instance_id=IDS[0], replacement_id=IDS[1], seen_s=0.08, replaced_s=0.9, window=figures,
            judgement=judge_kill(instance_id=IDS[0], seen_s=0.08, replaced_s=0.9, lost=0, requests=412),
        ),
        hog=HogResult(
            instance_id=IDS[2], before=figures, during=figures, after=figures,
            isolation=cpu_isolation.Isolation(
                outcome=cpu_isolation.Outcome.ISOLATED, sentence="isolated: its neighbor got its CPU", hog=None
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
        assert "SLOWER: an error, or a tail 5 ms above" in lines[10]


def test_short_ids_everywhere() -> None:
    text = "\n".join(report_lines(report(2000)))
    assert "i-00a1 killed: noticed after 0.08 s" in text
    assert "CPU hog in i-00c7: isolated: its neighbor got its CPU; clients of the other instances" in text
    assert not any(each in text for each in IDS)


def test_json_has_whole_ids_and_the_isolation() -> None:
    document = report_json(report(400))
    assert document["hog"]["isolation"]["outcome"] == "isolated"
    assert (document["hog"]["instance_id"], document["kill"]["instance_id"]) == (IDS[2], IDS[0])
    row = document["phases"][0]["instances"][0]
    assert (row["p99_ms"], row["tail"], row["tail_ms"]) == (None, "p90", row["tail_ms"])
    assert row["tail_ms"] > 2
