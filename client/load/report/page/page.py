"""Puts pages together: the report of one or several runs, and the results of a sweep."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources

from client.load.plan.model import Plan
from client.load.report.page import details, results
from client.load.report.page.charts import chart, heat_map, rates, timeline_of, times
from client.load.report.page.elements import paragraph, per_s, percentile_cells, section, table, time_cell
from client.load.report.sweep_text import headline, note, row_of
from client.load.run_report import Report
from client.load.sweep import Sweep
from vmhost.base.html_template import Html, fill, join

COLUMNS_MAX = 600
"""The columns over time, shared by the runs of a page, which limits its size."""
_SWEEP_COLUMNS = ("offered/s", "completed/s", "errors", "response p50", "response p99", "response max", "service p99")
_HERE = "load/report/page/"
_UPLOT = "console/assets/vendor/uplot-1.6.32/"
"""The files of the library belong to the console; the page contains a copy of them."""
_RUN = '<article id="run-{number}" aria-label="{name}">\n{sections}\n</article>'
_OVERVIEW = '<section class="overview">\n<p class="facts">{count} runs in this page</p>\n{table}\n</section>'
_NO_SCHEDULE = Html('<abbr title="a closed loop has no schedule">–</abbr>')


def report_page(reports: Sequence[Report]) -> str:
    """Returns the page of one run or of several (tenants of one run, or repetitions); at least one report."""
    first = reports[0]
    several, name = len(reports) > 1, results.name_of(first)
    runs = join((_run(report, number, len(reports)) for number, report in enumerate(reports, 1)), "\n")
    return _page(
        title=f"{len(reports)} runs: {name}" if several else f"{first.verdict}: {name}",
        heading="Load report",
        content=join([_overview(reports), runs] if several else [runs], "\n"),
    )


def sweep_page(sweep: Sweep, plan: Plan) -> str:
    """Returns the page of a sweep."""
    urls = ", ".join(target.url for target in plan.targets)
    rows = ((*row_of(sweep, step), note(sweep, step)) for step in sweep.by_rate)
    numbers = table("Steps by rate; times in milliseconds", (*_SWEEP_COLUMNS, "note"), rows)
    text = "Latency by offered rate, in milliseconds; both scales are logarithmic. "
    text += f"The knee is the highest rate whose {sweep.tail} is at most five times that at the lowest rate."
    marks = [] if sweep.knee is None else [[sweep.knee.rate_per_s, f"knee {sweep.knee.rate_per_s:g}/s"]]
    drawing = chart("sweep", "Latency by offered rate", text, numbers, folded=False, options={"marks": marks})
    title = headline(sweep)
    summary = section(title[:1].upper() + title[1:], paragraph(f"{urls}: {sweep.reason}"), drawing)
    return _page(title=f"Sweep of {urls}", heading="Load sweep", content=summary)


@cache
def page_policy() -> str:
    """Returns the content security policy of all pages: their own script and style, and nothing else."""
    script, style = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (_script(), _style())
    )
    return (
        f"default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _page(*, title: str, heading: str, content: Html) -> str:
    return fill(
        _text(_HERE + "page.html"),
        policy=Html(page_policy()),
        title=title,
        style=Html(_style()),
        heading=heading,
        content=content,
        script=Html(_script()),
    )


@cache
def _script() -> str:
    # Braces, because the library's own names are names of the whole script.
    return f"{_text(_UPLOT + 'uPlot.esm.js')}\n{{\n{_text(_HERE + 'charts.js')}}}\n"


@cache
def _style() -> str:
    return f"{_text(_UPLOT + 'uPlot.min.css')}\n{_text(_HERE + 'style.css')}"


@cache
def _text(name: str) -> str:
    return resources.files("client").joinpath(name).read_text(encoding="utf-8")


def _run(report: Report, number: int, of: int) -> Html:
    timeline = timeline_of(report, max(1, COLUMNS_MAX // of))
    parts = [
        results.header(report),
        results.figures(report),
        rates(report, timeline) if timeline else section("Charts", paragraph("No request was due.")),
        results.latency(report),
        results.send_lag(report),
        *([times(timeline), heat_map(timeline)] if timeline else []),
        details.breakdown(report),
        details.errors(report),
        details.examples(report),
        details.output(report),
        details.thresholds(report),
        details.hedging(report),
        details.environment(report),
        details.plan(report),
    ]
    return fill(_RUN, number=number, name=results.name_of(report), sections=join(filter(None, parts), "\n"))


def _overview(reports: Sequence[Report]) -> Html:
    head = ("run", "verdict", "model", "offered/s", "completed/s", "failed", "p50 ms", "p99 ms", "max ms",
            "service p99 ms")  # fmt: skip
    rows = (_overview_row(report, number) for number, report in enumerate(reports, 1))
    return fill(_OVERVIEW, count=len(reports), table=table("All runs", head, rows, words=3))


def _overview_row(report: Report, number: int) -> list[object]:
    total, service = report.summary, report.summary.service
    scheduled = report.plan.closed is None
    name = report.plan.name or results.name_of(report)
    return [
        fill('<a href="#run-{number}">{number}. {name}</a>', number=number, name=name),
        fill('<b class="word {kind}">{word}</b>', kind=report.verdict.value.lower(), word=report.verdict.value),
        report.model,
        per_s(total.offered / report.seconds) if scheduled else _NO_SCHEDULE,
        per_s(total.completed / report.seconds),
        f"{total.failed:,}",
        *percentile_cells(total.response, ("p50", "p99", "max")),
        time_cell(service.p99, "p99", service.count) if scheduled else _NO_SCHEDULE,
    ]
