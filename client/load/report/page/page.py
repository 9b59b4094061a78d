"""The whole document."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from client.load.report.page.breakdown import breakdown
from client.load.report.page.course import course_of
from client.load.report.page.curves import curves
from client.load.report.page.failures import errors, examples, hedging, output, thresholds
from client.load.report.page.figures import cell, per_s
from client.load.report.page.heat import heat
from client.load.report.page.lag import lag
from client.load.report.page.opening import figures, name_of, verdict
from client.load.report.page.rates import rates
from client.load.report.page.surroundings import environment, plan
from client.load.report.page.table import table
from client.load.report.page.timeline import timeline
from client.load.report.report import Report
from vmhost.base.markup import Html, fill, join

COLUMNS_MAX = 600
"""The page's columns over time, shared by its runs: each costs most of a kilobyte."""
# The policy holds what the page promises: it loads nothing and runs nothing, whatever a text in it says.
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="glasscloud">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
<h1>Load report</h1>
{overview}
{runs}
</main>
<footer>Made by glasscloud load. Response counts from the instant each request was due, service from the instant it was
 sent.</footer>
</body>
</html>
"""
_RUN = """<article id="run-{number}" aria-label="{name}">
{sections}
</article>"""
_OVERVIEW = """<section class="overview">
<p class="facts"><span>{count} runs in this page</span></p>
{table}
</section>"""
_NO_SCHEDULE = Html('<abbr title="a closed loop has no schedule">–</abbr>')


def report_page(reports: Sequence[Report]) -> str:
    """The page of one run, or of several: tenants of one run, or its repeats. At least one report."""
    style = resources.files("client.load.report.page").joinpath("style.css").read_text(encoding="utf-8")
    first = reports[0]
    title = f"{first.verdict}: {name_of(first)}" if len(reports) == 1 else f"{len(reports)} runs: {name_of(first)}"
    return fill(
        _PAGE,
        title=title,
        style=Html(style),
        overview=_overview(reports) if len(reports) > 1 else "",
        runs=join((_run(report, number, len(reports)) for number, report in enumerate(reports, 1)), "\n"),
    )


def _overview(reports: Sequence[Report]) -> Html:
    head = ("run", "verdict", "model", "offered/s", "completed/s", "failed", "p50 ms", "p99 ms", "max ms",
            "service p99 ms")  # fmt: skip
    rows = (_overview_row(report, number) for number, report in enumerate(reports, 1))
    return fill(_OVERVIEW, count=len(reports), table=table("All runs", head, rows, words=3))


def _overview_row(report: Report, number: int) -> list[object]:
    total, response, service = report.summary, report.summary.response, report.summary.service
    scheduled = report.plan.closed is None
    return [
        fill('<a href="#run-{number}">{number}. {name}</a>', number=number, name=report.plan.name or name_of(report)),
        fill('<b class="word {kind}">{word}</b>', kind=report.verdict.value.lower(), word=report.verdict.value),
        report.model,
        per_s(total.offered / report.seconds) if scheduled else _NO_SCHEDULE,
        per_s(total.completed / report.seconds),
        f"{total.failed:,}",
        cell(response.p50, "p50", response.count),
        cell(response.p99, "p99", response.count),
        cell(response.max, "max", response.count),
        cell(service.p99, "p99", service.count) if scheduled else _NO_SCHEDULE,
    ]


def _run(report: Report, number: int, of: int) -> Html:
    course = course_of(report, max(1, COLUMNS_MAX // of))
    sections = [
        verdict(report),
        figures(report),
        rates(report, course)
        if course
        else Html("<section><p>Nothing was due, so there is nothing to draw.</p></section>"),
        curves(report),
        lag(report),
        *([timeline(course), heat(course)] if course else []),
        breakdown(report),
        errors(report),
        examples(report),
        output(report),
        thresholds(report),
        hedging(report),
        environment(report),
        plan(report),
    ]
    return fill(_RUN, number=number, name=name_of(report), sections=join(filter(None, sections), "\n"))
