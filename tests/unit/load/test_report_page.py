"""The report's page: one file that needs nothing else, whose figures are the report's, and which believes no text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from importlib import resources

import pytest

from client.load.environment import Environment
from client.load.metrics import Metrics
from client.load.plan.words import ClosedLoop, Hedge, Plan, Source, Target, constant
from client.load.report.page.axes import LinearAxis, LogAxis, log_axis, nines, round_down, round_up, time_ticks
from client.load.report.page.chart import steps
from client.load.report.page.course import folded
from client.load.report.page.curves import percents
from client.load.report.page.figures import ms, per_s, share
from client.load.report.page.heat import SHADES, shade
from client.load.report.page.page import report_page
from client.load.report.report import Report, make_report
from client.load.schedule import NS_PER_S
from client.load.summary import Fault, Outcome, Process, latency_of
from client.load.tally import GOOD, InstanceTally, Tally

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
        tally = Tally(second * NS_PER_S, (second + 1) * NS_PER_S)
        for number in range(per_second):
            slow = number % 10 == 0
            service_us = 1000 + 700 * (number % spread) ** 2 + second
            tally.arrived()
            tally.sent(40, 300_000 if slow else 0)
            tally.ended((number % len(names), 200, GOOD), service_us + (300_000 if slow else 0), service_us)
        for number in range(bad):
            tally.arrived()
            tally.ended((0, 503 if number % 2 else 0, Fault.SERVER_ERROR if number % 2 else Fault.TIMEOUT), 90_000, 1)
        for number, host in enumerate(hosts):
            one = tally.instances[f"i-{number}"] = InstanceTally("t3.nano", host, number % 2)
            one.answered = per_second
            one.latency.record(2000)
        metrics.add(tally)
    for number, text in enumerate(marks):
        metrics.mark(text, 1.5 + number)
    outcome = Outcome(
        total=metrics.total(float(seconds)), elapsed_s=float(seconds), missed=0,
        processes=(Process(name="process 1", cpu_percent=cpu, precise_timer=True, missed=0),), stopped=False,
        marks=tuple(metrics.marks), timeline=metrics.timeline.columns(),
    )  # fmt: skip
    return make_report(plan, outcome, HERE)


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
def test_the_page_is_well_formed_and_needs_nothing_else(made: list[Report]) -> None:
    page = report_page(made)
    root = Reader(page).root
    for name in ("script", "link", "img", "iframe", "object", "use", "image", "form"):
        assert root.all(name) == []
    assert "default-src 'none'" in page
    assert "@import" not in page
    assert "url(" not in page
    for element in [found for name in ("a", "svg", "path", "div", "span", "i", "abbr") for found in root.all(name)]:
        assert not any(name.startswith("on") for name in element.attributes)
        assert (element.attributes.get("href") or "#").startswith("#")
        assert "src" not in element.attributes
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("made", MANY)
def test_every_chart_has_a_name_a_description_and_its_numbers(made: Report) -> None:
    for figure in read(made).all("figure"):
        (svg,) = figure.all("svg")
        assert svg.all("title")[0].text
        assert svg.all("desc")[0].text
        assert len(figure.all("details")[0].all("tr")) >= 2
        assert not re.search(r"nan|inf", "".join(path.attributes["d"] or "" for path in svg.all("path")))


def test_the_page_opens_with_the_verdict_its_sentence_and_what_that_means() -> None:
    made = report(plan=replace(PLAN, thresholds=("p99<50ms",)))
    header = read(made).all("header")[0]
    assert "FAILED" in header.text
    assert made.reason in header.text
    assert "requests failed or a threshold is broken" in header.text
    assert "say nothing about the service" in read(report(bad=3, cpu=99.0)).all("header")[0].text
    unsure = report(plan=replace(PLAN, thresholds=("p99.99<1s",)))
    assert "too few responses to judge" in read(unsure).all("header")[0].text
    assert "the figures are the service's" in read(report(plan=replace(PLAN, thresholds=()))).all("header")[0].text


def test_the_figures_are_the_reports() -> None:
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


def test_the_charts_numbers_are_the_timelines() -> None:
    page = read(RICH)
    for told, column in zip(rows(page, "Requests a second over time"), RICH.outcome.timeline, strict=True):
        failed = sum(column.errors.values())
        counts = (column.offered, column.started, column.completed, column.offered - column.started, failed)
        assert told == [f"{column.began:g}", *map(per_s, counts)]
    for told, column in zip(rows(page, "Response time over time in milliseconds"), RICH.outcome.timeline, strict=True):
        latency = latency_of(column.response_histogram)
        assert (told[1], told[3], told[4]) == (ms(latency.p50 or 0), "–", ms(latency.max or 0))
    heat = rows(page, "Requests by response time, from so many milliseconds on, over time")
    for told, column in zip(heat, RICH.outcome.timeline, strict=True):
        assert sum(int(cell) for cell in told[1:] if cell) == column.response_histogram.total


def test_the_curves_numbers_are_the_histograms_and_end_where_samples_do() -> None:
    told = rows(read(RICH), "Latency by percentile in milliseconds")
    response, service = RICH.summary.response_histogram, RICH.summary.service_histogram
    assert told[0][0] == "p0"
    assert float(told[-2][0][1:]) <= 100 - 1000 / response.total
    for name, saw, would in told[:-1]:
        for cell, histogram in ((saw, response), (would, service)):
            value_us = histogram.percentile_us(float(name[1:]))
            assert cell == ("–" if value_us is None else ms(value_us / 1000))
    assert told[-1] == ["max", ms(response.max_us / 1000), ms(service.max_us / 1000)]


def test_what_another_tool_would_say_stands_beside_what_users_saw() -> None:
    made = report()
    page = read(made)
    other = next(each for each in page.all("div") if each.attributes.get("class") == "other")
    response, service = made.summary.response, made.summary.service
    assert (response.p99, service.p99) == (301.009, 1.009)
    assert "p99 301.0 ms" in other.text
    assert "p99 1.01 ms" in other.text
    assert "298 times better" in other.text


def test_where_nobody_was_answered_only_the_age_reached_is_shown() -> None:
    page = read(report(bad=200, per_second=0))
    assert all(len(row) == 2 for row in rows(page, "Latency by percentile in milliseconds"))
    assert "Another tool would say p99 –" in section(page, "Latency").text
    assert "1,000 requests too that got no answer in time" in section(page, "Latency").text


def test_a_percentile_of_too_few_is_a_dash_that_says_why() -> None:
    made = report(per_second=5)
    response = rows(read(made), "Latencies in milliseconds")[0]
    assert response[2:8] == ["1.01", "–", "–", "–", "–", ms(made.summary.response.max or 0)]
    titles = [abbr.attributes["title"] or "" for abbr in read(made).all("abbr")]
    assert any("50 samples are too few to tell p99" in title for title in titles)


def test_marks_warm_up_hedging_thresholds_and_surroundings_are_told() -> None:
    page = read(RICH)
    assert [item.text for item in page.all("ol")[0].all("li")] == ["1.5 s a host dies", "2.5 s it is back"]
    assert [flag.text for flag in page.all("span") if flag.attributes.get("class") == "flag"] == ["1", "2"] * 3
    assert "warm-up, left out" in page.text
    assert "sent again, at most 5 %" in section(page, "Hedging").text
    held = [item.text for item in section(page, "Thresholds").all("li")]
    assert [next(w for w in ("holds", "broken", "cannot be judged") if w in text) for text in held] == [
        "broken", "cannot be judged", "holds",
    ]  # fmt: skip
    around = section(page, "Environment").text
    assert "share its processors" in around
    for fact in ("Linux 6", "a processor", "2, of which this program may use 1", "Python 3.11, uvloop 0.2", "0.1"):
        assert fact in around
    assert rows(page, "The generator's processes") == [["process 1", "12", "yes", "0", "no"]]
    plan = section(page, "Plan").text
    assert '"after_ms": 5' in plan
    assert "Seed 1" in plan


def test_a_closed_loop_says_that_it_has_no_schedule() -> None:
    page = read(report(plan=CLOSED, cpu=97.0))
    assert "no schedule" in section(page, "Send lag").text
    assert section(page, "Send lag").all("table") == []
    assert len(rows(page, "Latencies in milliseconds")) == 1
    assert "Another tool would say the same" in section(page, "Latency").text
    assert "the generator was the limit" in page.all("header")[0].text
    assert "Generator-bound: its CPU was at 97 %" in section(page, "Environment").text
    assert "offered" not in page.all("dl")[0].text


def test_an_empty_run_says_so() -> None:
    page = read(report(seconds=0))
    assert "Nothing was measured." in page.all("header")[0].text
    assert "Nothing was due" in page.text
    assert "No answer came" in page.text
    assert page.all("svg") == []


def test_text_from_outside_never_becomes_markup() -> None:
    plan = replace(
        PLAN, targets=(Target(url=f"http://h/{HOSTILE}", name=HOSTILE), Target(url="http://h/", name="b")),
        name=HOSTILE, sources={HOSTILE: Source(values=(HOSTILE,))},
    )  # fmt: skip
    made = report(plan=plan, marks=(HOSTILE,), names=(HOSTILE, "b"), hosts=(HOSTILE,))
    total = replace(made.summary, errors={HOSTILE: 3}, classes={HOSTILE: made.summary.response}, statuses={HOSTILE: 1})
    judgement = replace(made.judgement, reason=HOSTILE)
    process = replace(made.outcome.processes[0], name=HOSTILE)
    made = replace(
        made, judgement=judgement, outcome=replace(made.outcome, total=total, processes=(process,)),
        environment=replace(HERE, cpu=HOSTILE, system=HOSTILE, python=HOSTILE, versions={HOSTILE: HOSTILE}),
    )  # fmt: skip
    page = report_page([made, made])
    assert "<script" not in page
    assert "<img" not in page
    assert "\x00" not in page
    root = Reader(page).root
    shown = HOSTILE.replace("\x00", "\ufffd")
    assert root.all("header")[0].all("p")[0].text == shown
    assert shown in root.all("title")[0].text
    assert shown in root.all("ol")[0].text


def test_several_runs_open_with_an_overview_that_leads_to_each() -> None:
    page = read(RICH, report(), report(plan=CLOSED))
    overview = rows(page, "All runs")
    assert [row[1] for row in overview] == ["FAILED", "FAILED", "VALID"]
    assert overview[0][7] == ms(RICH.summary.response.p99 or 0)
    links = [link.attributes["href"] for link in page.all("a")]
    assert links == [f"#{article.attributes['id']}" for article in page.all("article")]


def test_hours_in_600_columns_stay_below_a_megabyte() -> None:
    long = report(seconds=1200, per_second=60, spread=40, bad=2)
    assert len(long.outcome.timeline) == 600
    one = report_page([long])
    assert len(one.encode()) < 1_000_000
    assert len(rows(Reader(one).root, "Requests a second over time")) == 600
    assert len(report_page([long] * 5).encode()) < 1_000_000


def test_folded_columns_hold_what_was_in_theirs() -> None:
    columns = report(seconds=10, bad=3).outcome.timeline
    few = folded(columns, 4)
    assert [column.seconds for column in few] == [3.0, 3.0, 3.0, 1.0]
    assert sum(column.offered for column in few) == sum(column.offered for column in columns)
    assert few[0].errors == {"5xx": 3, "timeout": 6}
    assert few[0].response_histogram.total == sum(column.response_histogram.total for column in columns[:3])
    assert folded(columns, 600) == columns


def test_a_last_column_that_had_hardly_begun_has_no_rate() -> None:
    made = report(seconds=10)
    made = replace(made, outcome=replace(made.outcome, elapsed_s=9.05))
    assert rows(read(made), "Requests a second over time")[-1][1:3] == ["–", "–"]
    half = replace(made, outcome=replace(made.outcome, elapsed_s=9.5))
    assert rows(read(half), "Requests a second over time")[-1][1] == "200.0"


def test_axes_place_and_label_values() -> None:
    axis = log_axis([0.3, 700.0])
    assert axis == LogAxis(0.2, 1000.0)
    assert axis.at(0.2) == 0
    assert axis.at(1000) == 1
    assert axis.at(10) - axis.at(1) == pytest.approx(axis.at(100) - axis.at(10))
    assert [tick.text for tick in axis.ticks()] == ["1 ms", "10 ms", "100 ms", "1,000 ms"]
    assert [tick.text for tick in LinearAxis(430).ticks()] == ["0", "200", "400"]
    assert log_axis([]).high > log_axis([]).low
    assert log_axis([0.0]).at(0.0) == 0
    assert [(round_down(value), round_up(value)) for value in (1, 3, 0.07, 1000)] == [
        (1, 1), (2, 5), (0.05, 0.1), (1000, 1000),
    ]  # fmt: skip
    assert [nines(percent) for percent in (0, 90, 99, 99.9)] == pytest.approx([0, 1, 2, 3])
    assert [tick.text for tick in time_ticks(9.5)] == ["0 s", "2 s", "4 s", "6 s", "8 s"]
    assert [tick.text for tick in time_ticks(7200)] == ["0 min", "30 min", "60 min", "90 min", "120 min"]
    assert time_ticks(3 * 86400)[-1] == time_ticks(3 * 86400)[-1].__class__(1.0, "72 h")


def test_percentiles_of_the_curves_rise_and_hold_those_that_people_name() -> None:
    names = percents()
    values = [float(name) for name in names]
    assert values == sorted(set(values))
    assert {"0", "50", "75", "90", "95", "99", "99.9", "99.99"} <= set(names)
    assert names[-1].startswith("99.9999")


def test_steps_break_where_nothing_is_known() -> None:
    edges = [(0.0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.0)]
    assert 'd="M0 500H500V0H1000"' in steps("p50", edges, [0.5, 1.0, None, None])
    assert 'd="M0 500H1000M1500 500H2000"' in steps("p50", edges, [0.5, 0.5, None, 0.5])
    assert steps("p50", edges, [None] * 4) == ""


def test_shades_go_from_one_request_to_the_most() -> None:
    assert shade(1, 1000) == 1
    assert shade(1000, 1000) == SHADES
    assert [shade(count, 128) for count in (1, 3, 128)] == sorted(shade(count, 128) for count in (1, 3, 128))
    assert shade(1, 1) == SHADES


@pytest.mark.parametrize(
    ("part", "whole", "told"),
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
def test_shares_do_not_round_to_none_or_all(part: int, whole: int, told: str) -> None:
    assert share(part, whole) == told


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_shapes_have_the_contrast_that_wcag_asks_for(scheme: str) -> None:
    style = resources.files("client.load.report.page").joinpath("style.css").read_text(encoding="utf-8")
    light, dark = (dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", part)) for part in style.split("@media", 2)[:2])
    assert light.keys() == dark.keys()
    colours = light if scheme == "light" else dark
    for ground in ("paper", "panel"):
        for text in ("ink", "soft", "blue", "orange", "green", "red"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for text, ground in (("green", "good-paper"), ("red", "bad-paper"), ("doubt", "doubt-paper"), ("paper", "violet")):
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for number in range(1, SHADES + 1):
        assert contrast(colours[f"heat{number}"], colours["paper"]) >= 3, number


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
