"""How a run's page opens: its verdict, what that means, what was run, and the figures that people ask for first."""

from __future__ import annotations

from datetime import UTC, datetime

from client.load.report.page.figures import NAMES, TOO_FEW, cell, per_s, row, seconds, share
from client.load.report.page.table import table
from client.load.report.report import Report
from client.load.verdict import Verdict
from vmhost.base.markup import Html, fill, join

_VERDICT = """<header class="verdict {kind}">
<h2><i aria-hidden="true">{sign}</i>{verdict}</h2>
<p class="reason">{reason}</p>
<p class="means">{means}</p>
</header>
<p class="facts">{facts}</p>"""
_FIGURES = """<section>
<h3>The figures</h3>
<dl class="cards">{cards}</dl>
{latencies}
<p class="note">{note}</p>
</section>"""
_CARD = '<div class="{kind}"><dt>{name}</dt><dd>{value}<small>{unit}</small></dd><dd class="about">{about}</dd></div>'
_SIGNS = {Verdict.VALID: "✓", Verdict.INVALID: "?", Verdict.FAILED: "✗"}


def verdict(report: Report) -> Html:
    """The verdict, its sentence, what it means, and the run in a line."""
    return fill(
        _VERDICT,
        kind=report.verdict.value.lower(),
        sign=_SIGNS[report.verdict],
        verdict=report.verdict.value,
        reason=report.reason,
        means=_means(report),
        facts=join([fill("<span>{fact}</span>", fact=fact) for fact in _facts(report)], " "),
    )


def figures(report: Report) -> Html:
    """The headline figures."""
    total, closed = report.summary, report.plan.closed is not None
    since = "from the instant each was sent: a closed loop has no schedule" if closed else "from when each was due"
    rows: list[list[object]] = [["response", since, *row(total.response), f"{total.response.count:,}"]]
    if not closed:
        rows.append(["service", "from when each was sent", *row(total.service), f"{total.service.count:,}"])
    return fill(
        _FIGURES,
        cards=join([*_latency_cards(report), *_count_cards(report)]),
        latencies=table("Latencies in milliseconds", ("ms", "counted", *NAMES, "samples"), rows, words=2),
        note=TOO_FEW,
    )


def name_of(report: Report) -> str:
    """What was run, in a few words."""
    plan = report.plan
    if plan.script is not None:
        what = f"the script {plan.script}"
    else:
        more = f" and {len(plan.targets) - 1} more" if len(plan.targets) > 1 else ""
        what = f"{plan.targets[0].method} {plan.targets[0].url}{more}"
    return f"{plan.name}: {what}" if plan.name else what


def _means(report: Report) -> str:
    judgement, closed = report.judgement, report.plan.closed is not None
    if report.verdict is Verdict.INVALID:
        return "The generator did not keep its schedule, so these figures say nothing about the service."
    if report.verdict is Verdict.FAILED:
        if not report.summary.completed and not report.summary.failed:
            return "Nothing was measured."
        if any(each.held is False for each in judgement.thresholds):
            return "The generator did its part, so the figures count: requests failed or a threshold is broken."
        return "The generator did its part, but there were too few responses to judge the thresholds."
    if judgement.generator_bound:
        return "Nothing failed, but the generator was the limit: the service may be able to answer more than this."
    kept = "Users wait for their responses, so there is no schedule to miss" if closed else "The schedule was kept"
    return f"{kept}: the figures are the service's."


def _facts(report: Report) -> list[str]:
    plan, outcome = report.plan, report.outcome
    began = datetime.fromtimestamp(report.summary.since - plan.warm_up_s, UTC)
    facts = [name_of(report), report.model, seconds(outcome.elapsed_s)]
    if plan.warm_up_s:
        facts.append(f"the first {plan.warm_up_s:g} s left out")
    if outcome.stopped and plan.duration_s is not None:
        facts.append(f"stopped before its {seconds(plan.duration_s)} were over")
    return [*facts, f"seed {plan.seed}", f"began {began:%Y-%m-%d %H:%M:%S} UTC"]


def _latency_cards(report: Report) -> list[Html]:
    response, start = report.summary.response, "sent" if report.plan.closed else "due"
    told = (
        ("p50", response.p50, "half of the requests took no longer"),
        ("p99", response.p99, "one in a hundred took longer"),
        ("max", response.max, f"the slowest, from when it was {start}"),
    )
    return [
        _card(f"response {name}", cell(value, name, response.count), "ms" if value is not None else "", about, "big")
        for name, value, about in told
    ]


def _count_cards(report: Report) -> list[Html]:
    total, length_s, missed = report.summary, report.seconds, report.outcome.missed
    cards = []
    if report.plan.closed is None:
        unsent = total.offered - total.started
        cards = [
            _card("offered", per_s(total.offered / length_s), "/s", f"{total.offered:,} requests were due"),
            _card(
                "dropped", f"{unsent:,}", "", f"never sent; {missed:,} of them missed by the generator",
                "bad" if unsent else "",
            ),
        ]  # fmt: skip
    return [
        *cards,
        _card("started", per_s(total.started / length_s), "/s", f"{total.started:,} were sent"),
        _card("completed", per_s(total.completed / length_s), "/s", f"{total.completed:,} got a response"),
        _card("good", share(total.ok, total.offered), "", f"{total.ok:,} of {total.offered:,}"),
        _card(
            "failed", f"{total.failed:,}", "", f"{share(total.failed, total.offered)} of all",
            "bad" if total.failed else "",
        ),
    ]  # fmt: skip


def _card(name: str, value: object, unit: str, about: str, kind: str = "") -> Html:
    return fill(_CARD, name=name, value=value, unit=unit, about=about, kind=kind)
