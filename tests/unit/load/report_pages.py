"""Reports of runs, and a reader of their pages, for the tests of the page."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser

from client.load.interval_stats import GOOD, InstanceStats, IntervalStats
from client.load.metrics import Metrics
from client.load.plan.model import ClosedLoop, Hedge, Plan, Target, constant
from client.load.report.page.page import report_page
from client.load.run_report import Environment, Report, make_report
from client.load.run_result import ProcessResult, RunResult
from client.load.schedule import NS_PER_S
from client.load.summary import Fault

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
