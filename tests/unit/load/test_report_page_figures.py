"""The report's page shows the figures of the report."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report_pages import CLOSED, PLAN, RICH, options, read, report, rows, section

from client.load.report.page.charts import fewer_columns, percents
from client.load.report.page.elements import ms, per_s, share
from client.load.summary import latency_of


def test_page_opens_with_the_verdict_and_its_meaning() -> None:
    made = report(plan=replace(PLAN, thresholds=("p99<50ms",)))
    header = read(made).all("header")[0]
    assert "FAILED" in header.text
    assert made.reason in header.text
    assert "something failed or a threshold is broken" in header.text
    assert "say nothing about the service" in read(report(bad=3, cpu=99.0)).all("header")[0].text
    unsure = report(plan=replace(PLAN, thresholds=("p99.99<1s",)))
    assert "too few responses to judge" in read(unsure).all("header")[0].text
    assert "the figures show the service" in read(report(plan=replace(PLAN, thresholds=()))).all("header")[0].text


def test_figures_match_the_report() -> None:
    page, total = read(RICH), RICH.summary
    response, service = rows(page, "Latencies in milliseconds")
    for told, latency in ((response, total.response), (service, total.service)):
        assert told[2:5] == [ms(latency.p50 or 0), ms(latency.p90 or 0), ms(latency.p99 or 0)]
        assert told[7] == ms(latency.max or 0)
        assert told[8] == f"{latency.count:,}"
    cards = page.all("dl")[0].text
    for value in (total.offered, total.started, total.completed):
        assert f"{value:,} " in cards
        assert per_s(value / RICH.seconds) in cards
    assert [row[2] for row in rows(page, "Errors by class")] == [f"{count:,}" for count in total.errors.values()]
    assert [row[:2] for row in rows(page, "Responses by status")] == [[s, f"{n:,}"] for s, n in total.statuses.items()]
    assert [row[1:4] for row in rows(page, "Hosts")] == [["2", "2,400", "0"], ["1", "1,200", "0"]]
    assert [row[0] for row in rows(page, "Instances")] == ["i-0", "i-2", "i-1"]
    assert [row[2] for row in rows(page, "Targets")] == [f"{target.ok:,}" for target in total.targets]


def test_tables_over_time_match_the_timeline() -> None:
    page = read(RICH)
    for told, column in zip(rows(page, "Requests per second over time"), RICH.result.timeline, strict=True):
        failed = sum(column.errors.values())
        counts = (column.offered, column.started, column.completed, column.offered - column.started, failed)
        assert told == [f"{column.began:g}", *map(per_s, counts)]
    for told, column in zip(rows(page, "Response time over time in milliseconds"), RICH.result.timeline, strict=True):
        latency = latency_of(column.response_histogram)
        assert (told[1], told[3], told[4]) == (ms(latency.p50 or 0), "–", ms(latency.max or 0))
    heat = rows(page, "Requests by time and response time; each column is named by its lower limit")
    for told, column in zip(heat, RICH.result.timeline, strict=True):
        assert sum(int(cell) for cell in told[1:] if cell) == column.response_histogram.total


def test_percentile_table_matches_the_histograms() -> None:
    told = rows(read(RICH), "Latency by percentile in milliseconds")
    response, service = RICH.summary.response_histogram, RICH.summary.service_histogram
    assert told[0][0] == "p0"
    assert float(told[-2][0][1:]) <= 100 - 1000 / response.total
    for name, saw, would in told[:-1]:
        for cell, histogram in ((saw, response), (would, service)):
            value_us = histogram.percentile_us(float(name[1:]))
            assert cell == ("–" if value_us is None else ms(value_us / 1000))
    assert told[-1] == ["max", ms(response.max_us / 1000), ms(service.max_us / 1000)]


def test_both_latencies_are_compared_in_words() -> None:
    made = report()
    page = read(made)
    both = next(each for each in page.all("div") if each.attributes.get("class") == "both")
    response, service = made.summary.response, made.summary.service
    assert (response.p99, service.p99) == (301.009, 1.009)
    assert "p99 301.0 ms" in both.text
    assert "p99 1.01 ms" in both.text
    assert "298 times better" in both.text


def test_without_responses_only_ages_are_shown() -> None:
    page = read(report(bad=200, per_second=0))
    assert all(len(row) == 2 for row in rows(page, "Latency by percentile in milliseconds"))
    assert "Many tools would say p99 –" in section(page, "Latency").text
    assert "1,000 requests without a response in time" in section(page, "Latency").text


def test_unknown_percentile_is_a_dash_with_a_reason() -> None:
    made = report(per_second=5)
    response = rows(read(made), "Latencies in milliseconds")[0]
    assert response[2:8] == ["1.01", "–", "–", "–", "–", ms(made.summary.response.max or 0)]
    titles = [abbr.attributes["title"] or "" for abbr in read(made).all("abbr")]
    assert any("50 samples are too few for p99" in title for title in titles)


def test_marks_warm_up_hedging_thresholds_and_environment() -> None:
    page = read(RICH)
    assert [item.text for item in page.all("ol")[0].all("li")] == ["1.5 s a host dies", "2.5 s it is back"]
    shared = {"end": 10.0, "warmUp": 2.0, "marks": [[1.5, "1"], [2.5, "2"]]}
    for kind in ("rates", "times", "heat"):
        assert shared.items() <= options(page, kind).items()
    assert "Gray: warm-up" in section(page, "Heat map").text
    assert "sent again, at most 5 %" in section(page, "Hedging").text
    held = [item.text for item in section(page, "Thresholds").all("li")]
    assert [next(w for w in ("holds", "broken", "cannot be judged") if w in text) for text in held] == [
        "broken", "cannot be judged", "holds",
    ]  # fmt: skip
    around = section(page, "Environment").text
    assert "each takes CPU time from the other" in around
    for fact in ("Linux 6", "a processor", "2, of which this program may use 1", "Python 3.11, uvloop 0.2", "0.1"):
        assert fact in around
    assert rows(page, "Processes of the load generator") == [["process 1", "12", "yes", "0", "no"]]
    plan = section(page, "Plan").text
    assert '"after_ms": 5' in plan
    assert "Seed 1" in plan


def test_closed_loop_has_no_schedule() -> None:
    page = read(report(plan=CLOSED, cpu=97.0))
    assert "no schedule" in section(page, "Send lag").text
    assert section(page, "Send lag").all("table") == []
    assert len(rows(page, "Latencies in milliseconds")) == 1
    assert "other tools would show the same" in section(page, "Latency").text
    assert "the load generator was the limit" in page.all("header")[0].text
    assert "Generator-bound: its CPU use was 97 %" in section(page, "Environment").text
    assert "offered" not in page.all("dl")[0].text


def test_empty_run() -> None:
    page = read(report(seconds=0))
    assert "Nothing was measured." in page.all("header")[0].text
    assert "No request was due" in page.text
    assert "There were no responses" in page.text
    assert page.all("figure") == []


def test_fewer_columns_keep_all_requests() -> None:
    columns = report(seconds=10, bad=3).result.timeline
    few = fewer_columns(columns, 4)
    assert [column.seconds for column in few] == [3.0, 3.0, 3.0, 1.0]
    assert sum(column.offered for column in few) == sum(column.offered for column in columns)
    assert few[0].errors == {"5xx": 3, "timeout": 6}
    assert few[0].response_histogram.total == sum(column.response_histogram.total for column in columns[:3])
    assert fewer_columns(columns, 600) == columns


def test_last_column_without_enough_time_has_no_rate() -> None:
    made = report(seconds=10)
    made = replace(made, result=replace(made.result, elapsed_s=9.05))
    assert rows(read(made), "Requests per second over time")[-1][1:3] == ["–", "–"]
    half = replace(made, result=replace(made.result, elapsed_s=9.5))
    assert rows(read(half), "Requests per second over time")[-1][1] == "200.0"


def test_percentiles_of_the_chart() -> None:
    names = percents()
    values = [float(name) for name in names]
    assert values == sorted(set(values))
    assert {"0", "50", "75", "90", "95", "99", "99.9", "99.99"} <= set(names)
    assert names[-1].startswith("99.9999")


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [
        (0, 10, "0 %"),
        (10, 10, "100 %"),
        (1, 10_000_000, "0.001 %"),
        (9_999_999, 10_000_000, "99.999 %"),
        (995, 1000, "99.5 %"),
        (1, 3, "33.3 %"),
        (0, 0, "–"),
    ],
)
def test_shares_are_not_rounded_to_none_or_all(part: int, whole: int, expected: str) -> None:
    assert share(part, whole) == expected
