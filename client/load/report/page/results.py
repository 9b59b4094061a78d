"""The first sections of a run's page: the verdict, the most important figures, both latencies, and the send lag."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from client.load.report.page.charts import percentiles
from client.load.report.page.elements import (
    PERCENTILES,
    TOO_FEW,
    ms,
    paragraph,
    per_s,
    percentile_cells,
    seconds,
    section,
    share,
    table,
)
from client.load.run_report import Report
from client.load.summary import Fault, Latency
from client.load.verdict import LAG_MAX_MS, Verdict, connections_bind
from vmhost.base.html_template import Html, fill, join

_SIGNS = {Verdict.VALID: "✓", Verdict.INVALID: "?", Verdict.FAILED: "✗"}
_SHORT = ("p50", "p99", "max")
_HEADER = """<header class="verdict {kind}">
<h2><i aria-hidden="true">{sign}</i>{verdict}</h2>
<p class="reason">{reason}</p>
<p class="means">{means}</p>
</header>
<p class="facts">{facts}</p>"""
_CARD = '<div class="{kind}"><dt>{name}</dt><dd>{value}<small>{unit}</small></dd><dd class="about">{about}</dd></div>'
_BOTH = """<div class="both">
<p class="users"><span>Users saw</span> <b>{name} {response}</b> <small>from when each request was due</small></p>
<p class="tools"><span>Many tools would say</span> <b>{name} {service}</b> <small>from when it was sent</small></p>
<p class="gap">{gap}</p>
</div>"""


def header(report: Report) -> Html:
    """Returns the verdict, its reason, what it means, and the facts of the run in a line."""
    return fill(
        _HEADER,
        kind=report.verdict.value.lower(),
        sign=_SIGNS[report.verdict],
        verdict=report.verdict.value,
        reason=report.reason,
        means=_means(report),
        facts=join([fill("<span>{fact}</span>", fact=fact) for fact in _facts(report)], " "),
    )


def name_of(report: Report) -> str:
    """Returns what was run, in a few words."""
    plan = report.plan
    if plan.script is not None:
        what = f"the script {plan.script}"
    else:
        more = f" and {len(plan.targets) - 1} more" if len(plan.targets) > 1 else ""
        what = f"{plan.targets[0].method} {plan.targets[0].url}{more}"
    return f"{plan.name}: {what}" if plan.name else what


def _means(report: Report) -> str:
    if report.verdict is Verdict.INVALID:
        return "The load generator did not keep its schedule, so these figures say nothing about the service."
    if report.verdict is Verdict.FAILED:
        if not report.summary.completed and not report.summary.failed:
            return "Nothing was measured."
        if any(each.held is False for each in report.assessment.thresholds):
            return (
                "The load generator kept its schedule, so the figures count: something failed or a threshold is broken."
            )
        return "The load generator kept its schedule, but there were too few responses to judge the thresholds."
    if report.assessment.generator_bound:
        return "Nothing failed, but the load generator was the limit: the service may be able to answer more requests."
    closed = report.plan.closed is not None
    schedule = "Users wait for their responses, so there is no schedule" if closed else "The schedule was kept"
    return f"{schedule}: the figures show the service."


def _facts(report: Report) -> list[str]:
    plan, result = report.plan, report.result
    began = datetime.fromtimestamp(report.summary.since - plan.warm_up_s, UTC)
    facts = [name_of(report), report.model, seconds(result.elapsed_s)]
    if plan.warm_up_s:
        facts.append(f"without the first {plan.warm_up_s:g} s")
    if result.stopped and plan.duration_s is not None:
        facts.append(f"stopped before its {seconds(plan.duration_s)} were over")
    return [*facts, f"seed {plan.seed}", f"started {began:%Y-%m-%d %H:%M:%S} UTC"]


def figures(report: Report) -> Html:
    """Returns the section of the most important figures."""
    total, closed = report.summary, report.plan.closed is not None
    since = "from when each was sent: a closed loop has no schedule" if closed else "from when each was due"
    rows: list[list[object]] = [["response", since, *percentile_cells(total.response), f"{total.response.count:,}"]]
    if not closed:
        service = [*percentile_cells(total.service), f"{total.service.count:,}"]
        rows.append(["service", "from when each was sent", *service])
    cards = fill('<dl class="cards">{cards}</dl>', cards=join(_cards(report)))
    latencies = table("Latencies in milliseconds", ("ms", "counted", *PERCENTILES, "samples"), rows, words=2)
    return section("Figures", cards, latencies, paragraph(TOO_FEW, "note"))


def _cards(report: Report) -> Iterable[Html]:
    total, length_s = report.summary, report.seconds
    since = "sent" if report.plan.closed else "due"
    about = ("half of the requests were faster", "one in a hundred was slower", f"the slowest, since it was {since}")
    for name, cell, text in zip(_SHORT, percentile_cells(total.response, _SHORT), about, strict=True):
        unit = "ms" if getattr(total.response, name) is not None else ""
        yield _card(f"response {name}", cell, text, unit=unit, kind="big")
    if report.plan.closed is None:
        unsent, missed = total.offered - total.started, report.result.missed
        text = f"never sent; the generator missed {missed:,} of them"
        yield _card("offered", per_s(total.offered / length_s), f"{total.offered:,} requests were due", unit="/s")
        yield _card("dropped", f"{unsent:,}", text, kind="bad" if unsent else "")
    yield _card("started", per_s(total.started / length_s), f"{total.started:,} were sent", unit="/s")
    yield _card("completed", per_s(total.completed / length_s), f"{total.completed:,} got a response", unit="/s")
    yield _card("good", share(total.ok, total.offered), f"{total.ok:,} of {total.offered:,}")
    text = f"{share(total.failed, total.offered)} of all"
    yield _card("failed", f"{total.failed:,}", text, kind="bad" if total.failed else "")


def _card(name: str, value: object, about: str, *, unit: str = "", kind: str = "") -> Html:
    return fill(_CARD, name=name, value=value, unit=unit, about=about, kind=kind)


def latency(report: Report) -> Html:
    """Returns the section that compares both latencies, with their chart."""
    if not report.summary.response_histogram.total:
        return section("Latency", paragraph("There were no responses, so there is no latency to show."))
    return section("Latency", _both(report), percentiles(report))


def _both(report: Report) -> Html:
    if report.plan.closed is not None:
        return paragraph(
            "In a closed loop each request is due when it is sent, so other tools would show the same. The figures do "
            "not include the wait of users who would have come at their own times.",
            "both",
        )
    response, service = report.summary.response, report.summary.service
    name = _known_of_both(response, service) if service.count else response.tail[0]
    saw, sent = getattr(response, name), getattr(service, name)
    return fill(
        _BOTH,
        name=name,
        response="–" if saw is None else f"{ms(saw)} ms",
        service="–" if sent is None else f"{ms(sent)} ms",
        gap=_gap(saw, sent) + _by_age(report),
    )


def _known_of_both(response: Latency, service: Latency) -> str:
    """Returns the highest of p99, p90, p50 that is known of both latencies, else "max"."""
    known = (each for each in ("p99", "p90", "p50") if getattr(response, each) is not None)
    return next((each for each in known if getattr(service, each) is not None), "max")


def _gap(saw: float | None, sent: float | None) -> str:
    if saw is None or sent is None:
        return "There was no good response, so these tools would have nothing to show."
    times = saw / max(sent, 0.001)
    if times < 1.2:
        return "The two agree: hardly any request had to wait before it could be sent."
    return (
        f"A tool that counts from the send shows a result {times:,.{0 if times >= 10 else 1}f} times better than what "
        "users saw: it leaves out the time in which it could not send."
    )


def _by_age(report: Report) -> str:
    count = sum(report.summary.errors.get(fault, 0) for fault in (Fault.TIMEOUT, Fault.UNFINISHED))
    if not count:
        return ""
    return f" Users' times include {count:,} requests without a response in time, with their age at that moment."


def send_lag(report: Report) -> Html:
    """Returns the section of the send lag in its two parts."""
    title = "Send lag: from due to sent"
    if report.plan.closed is not None:
        return section(title, paragraph("A closed loop has no schedule, so nothing can be sent late."))
    lag = report.summary.lag
    if not lag.generator.count:
        return section(title, paragraph("Nothing was sent."))
    bound = connections_bind(report.plan, report.result)
    why = "because the generator had too few of them" if bound else "which is due to the service"
    text = f"Waiting for a connection took {_tail(lag.connection)}, {why}. The generator itself was late by"
    text += f" {_tail(lag.generator)}; more than {LAG_MAX_MS:g} ms makes a run INVALID."
    if not report.result.precise_timer:
        text += " This system has no precise timer, so requests may be sent some milliseconds late."
    connections = report.result.own.connections
    busy = f"all {f'{connections:,} connections' if connections else 'connections'} were busy"
    rows = (
        ["waiting for a connection", busy, *percentile_cells(lag.connection)],
        ["generator late", "the load generator woke up or worked too slowly", *percentile_cells(lag.generator)],
    )
    numbers = table("Send lag in milliseconds", ("ms", "cause", *PERCENTILES), rows, words=2)
    return section(title, paragraph(text), numbers)


def _tail(latency: Latency) -> str:
    name, value = latency.tail
    return f"{ms(value)} ms ({name})" if value else f"no time ({name} 0 ms)"
