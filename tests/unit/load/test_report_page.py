"""The report's page: one file that needs nothing else, with the figures of the report, and every text escaped."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from importlib import resources

import pytest

from client.load.interval_stats import GOOD, InstanceStats, IntervalStats
from client.load.metrics import Metrics
from client.load.plan.model import ClosedLoop, DataSource, Hedge, Plan, Target, constant
from client.load.report.page.charts import fewer_columns, percents
from client.load.report.page.elements import ms, per_s, share
from client.load.report.page.page import page_policy, report_page
from client.load.run_report import Environment, Report, make_report
from client.load.run_result import ProcessResult, RunResult
from client.load.schedule import NS_PER_S
from client.load.summary import Fault, latency_of

BEGAN = 1_700_000_000.0
VOID = frozenset({"meta", "br", "link", "img", "input"})
PLAN = constant("http://127.0.0.1:8000/", 100, duration_s=10, thresholds=("p99<50ms", "p99.99<1s", "errors<5%"))
CLOSED = Plan(targets=PLAN.targets, closed=ClosedLoop(users=10), duration_s=10)
HERE = Environment(
    system="Linux 6", cpu="a processor", cores=2, usable_cores=1, python="3.11", versions={"uvloop": "0.2"},
    load_average=0.1, same_host=True,
)  # fmt: skip
HOSTILE = '"><script>alert(1)</script><img src=http://evil.test/x onerror=alert(1)>&amp;\x00'


def report(
    *, seconds: int = 10, per_second: int = 100, plan: Plan = PLAN, cpu: float = 12.0, marks: Iterable[str] = (),
    bad: int = 0, names: tuple[str, ...] = ("only",), hosts: tuple[str, ...] = (), spread: int = 1,
) -> Report:  # fmt: skip
    """A run in which every tenth request of a second is slow and waited to be sent."""
    metrics = Metrics(BEGAN, targets=names, warm_up_s=plan.warm_up_s)
    for second in range(seconds):
        stats = IntervalStats(second * NS_PER_S, (second + 1) * NS_PER_S)
        for number in range(per_second):
            slow = number % 10 == 0
            service_us = 1000 + 700 * (number % spread) ** 2 + second
            stats.record_arrival()
            stats.record_sent(40, 300_000 if slow else 0)
            stats.record_outcome((number % len(names), 200, GOOD), service_us + (300_000 if slow else 0), service_us)
        for number in range(bad):
            stats.record_arrival()
            stats.record_outcome(
                (0, 503 if number % 2 else 0, Fault.SERVER_ERROR if number % 2 else Fault.TIMEOUT), 90_000, 1
            )
        for number, host in enumerate(hosts):
            one = stats.instances[f"i-{number}"] = InstanceStats("t3.nano", host, number % 2)
            one.answered = per_second
            one.latency.record(2000)
        metrics.add(stats)
    for number, text in enumerate(marks):
        metrics.mark(text, 1.5 + number)
    result = RunResult(
        total=metrics.total(float(seconds)), elapsed_s=float(seconds), missed=0,
        processes=(ProcessResult(name="process 1", cpu_percent=cpu, precise_timer=True, missed=0),), stopped=False,
        marks=tuple(metrics.marks), timeline=metrics.timeline.columns(),
    )  # fmt: skip
    return make_report(plan, result, HERE)


@dataclass
class Element:
    name: str
    attributes: dict[str, str | None]
    parts: list[Element | str] = field(default_factory=list)

    def all(self, name: str) -> list[Element]:
        below = [part for part in self.parts if isinstance(part, Element)]
        return [found for each in below for found in ([each] if each.name == name else []) + each.all(name)]

    @property
    def text(self) -> str:
        return "".join(part if isinstance(part, str) else part.text for part in self.parts)


class Reader(HTMLParser):
    """Reads a page that closes what it opens, and nothing else."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.root = Element("", {})
        self._open = [self.root]
        self.feed(page)
        self.close()
        assert self._open == [self.root], f"never closed: {[each.name for each in self._open[1:]]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute of {tag} is there twice"
        element = Element(tag, dict(attrs))
        self._open[-1].parts.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].parts.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().name == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self._open[-1].parts.append(data)


def read(*reports: Report) -> Element:
    return Reader(report_page(reports)).root


def rows(page: Element, name: str) -> list[list[str]]:
    """A table's rows, found by its region's name."""
    region = next(each for each in page.all("div") if each.attributes.get("aria-label") == name)
    return [[cell.text for cell in row.parts if isinstance(cell, Element)] for row in region.all("tr")[1:]]


def options(page: Element, kind: str) -> dict[str, object]:
    """What the script gets for a chart beside its table."""
    figure = next(each for each in page.all("figure") if each.attributes.get("data-chart") == kind)
    found: dict[str, object] = json.loads(figure.attributes["data-options"] or "")
    return found


def section(page: Element, title: str) -> Element:
    return next(each for each in page.all("section") if any(title in head.text for head in each.all("h3")))


RICH = report(
    per_second=150,
    plan=replace(PLAN, targets=(Target(url="http://h/a", name="a"), Target(url="http://h/b", name="b")), warm_up_s=2.0,
                 hedge=Hedge(after_ms=5)),
    marks=("a host dies", "it is back"), bad=4, names=("a", "b"), hosts=("host-1", "host-2", "host-1"), spread=9,
)  # fmt: skip
MANY = [
    RICH,
    report(),
    report(plan=CLOSED),
    report(seconds=0),
    report(seconds=0, plan=CLOSED),
    report(seconds=1, per_second=3),
    report(bad=200, per_second=0),
]


@pytest.mark.parametrize("made", [[each] for each in MANY] + [MANY])
def test_page_is_well_formed_and_needs_nothing_else(made: list[Report]) -> None:
    page = report_page(made)
    root = Reader(page).root
    for name in ("link", "img", "iframe", "object", "use", "image", "form", "svg"):
        assert root.all(name) == []
    assert "@import" not in page
    for element in [found for name in ("a", "div", "span", "i", "abbr", "td", "script") for found in root.all(name)]:
        assert not any(name.startswith("on") or name in ("src", "style") for name in element.attributes)
        assert (element.attributes.get("href") or "#").startswith("#")
    ids = re.findall(r' id="([^"]+)"', page.partition("<script")[0])
    assert len(ids) == len(set(ids))


def test_policy_allows_only_the_script_and_style_of_the_page() -> None:
    page = read(RICH)
    (script,), (style,) = page.all("script"), page.all("style")
    (meta,) = (each for each in page.all("meta") if each.attributes.get("http-equiv"))
    assert meta.attributes["content"] == page_policy()
    assert page_policy() == (
        f"default-src 'none'; script-src 'sha256-{sha256(script.text)}'; style-src 'sha256-{sha256(style.text)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert "url(" not in style.text


def sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@pytest.mark.parametrize("made", MANY)
def test_every_chart_has_a_text_and_its_numbers(made: Report) -> None:
    for figure in read(made).all("figure"):
        (plot,) = (each for each in figure.all("div") if each.attributes.get("class") == "plot")
        assert plot.attributes["role"] == "img"
        assert plot.attributes["aria-label"]
        assert figure.all("figcaption")[0].text
        assert len(figure.all("details")[0].all("tr")) >= 2
        assert not re.search(r"NaN|Infinity", figure.attributes["data-options"] or "")


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


def test_text_from_outside_is_escaped() -> None:
    plan = replace(
        PLAN, targets=(Target(url=f"http://h/{HOSTILE}", name=HOSTILE), Target(url="http://h/", name="b")),
        name=HOSTILE, sources={HOSTILE: DataSource(values=(HOSTILE,))},
    )  # fmt: skip
    made = report(plan=plan, marks=(HOSTILE,), names=(HOSTILE, "b"), hosts=(HOSTILE,))
    total = replace(made.summary, errors={HOSTILE: 3}, classes={HOSTILE: made.summary.response}, statuses={HOSTILE: 1})
    assessment = replace(made.assessment, reason=HOSTILE)
    process = replace(made.result.processes[0], name=HOSTILE)
    made = replace(
        made, assessment=assessment, result=replace(made.result, total=total, processes=(process,)),
        environment=replace(HERE, cpu=HOSTILE, system=HOSTILE, python=HOSTILE, versions={HOSTILE: HOSTILE}),
    )  # fmt: skip
    page = report_page([made, made])
    assert "\x00" not in page
    root = Reader(page).root
    assert len(root.all("script")) == 1
    assert root.all("img") == []
    shown = HOSTILE.replace("\x00", "\ufffd")
    assert root.all("header")[0].all("p")[0].text == shown
    assert shown in root.all("title")[0].text
    assert shown in root.all("ol")[0].text


def test_several_runs_have_an_overview_with_links() -> None:
    page = read(RICH, report(), report(plan=CLOSED))
    overview = rows(page, "All runs")
    assert [row[1] for row in overview] == ["FAILED", "FAILED", "VALID"]
    assert overview[0][7] == ms(RICH.summary.response.p99 or 0)
    links = [link.attributes["href"] for link in page.all("a")]
    assert links == [f"#{article.attributes['id']}" for article in page.all("article")]


def test_page_of_hours_stays_below_a_megabyte() -> None:
    long = report(seconds=1200, per_second=60, spread=40, bad=2)
    assert len(long.result.timeline) == 600
    one = report_page([long])
    assert len(one.encode()) < 1_000_000
    assert len(rows(Reader(one).root, "Requests per second over time")) == 600
    assert len(report_page([long] * 5).encode()) < 1_000_000


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_meets_wcag(scheme: str) -> None:
    style = resources.files("client.load.report.page").joinpath("style.css").read_text(encoding="utf-8")
    light, dark = (dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", part)) for part in style.split("@media", 2)[:2])
    assert light.keys() == dark.keys()
    colours = light if scheme == "light" else dark
    for ground in ("paper", "panel"):
        for text in ("ink", "soft", "blue", "orange", "green", "red"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for text, ground in (("green", "good-paper"), ("red", "bad-paper"), ("doubt", "doubt-paper"), ("paper", "violet")):
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for number in range(1, 8):
        assert contrast(colours[f"heat{number}"], colours["paper"]) >= 3, number


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
