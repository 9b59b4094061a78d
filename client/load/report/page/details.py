"""The further sections of a run's page: who answered, what failed, and how and where the run was made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from client.load.examples import FailureExample
from client.load.histogram import merged
from client.load.plan.plan_json import redacted_plan_json
from client.load.report.page.elements import (
    PERCENTILES,
    paragraph,
    percentile_cells,
    section,
    share,
    table,
    time_cell,
)
from client.load.run_report import Report
from client.load.summary import Fault, InstanceSummary, latency_of
from client.load.verdict import BUSY_PERCENT
from vmhost.base.html_template import Html, fill, join

INSTANCES_MAX = 200
ITEMS_MAX = 100
TEXT_MAX = 2000
_THRESHOLD_SIGNS = {
    True: ("yes", "✓", "holds"),
    False: ("no", "✗", "broken"),
    None: ("unknown", "?", "cannot be judged"),
}
_THRESHOLD = """<li class="{kind}"><b><i aria-hidden="true">{sign}</i>{word}</b> <code>{text}</code>
<span>{measured}</span></li>"""
_ATTEMPTS = ("answered", "late", "failed", "lost")
_EXAMPLE = """<details class="example">
<summary><b>{fault}</b> {target}: {error} <small>after {took} ms</small></summary>
{blocks}
</details>"""
_BLOCK = '<h4>{name}</h4><pre tabindex="0">{text}</pre>'
_FAULTS: dict[str, str] = {
    Fault.CONNECT: "no connection could be opened",
    Fault.RESET: "the connection was reset before the response",
    Fault.TIMEOUT: "no response within the timeout, which counts from when the request was due",
    Fault.SHORT: "the connection was closed before the response was complete",
    Fault.GARBAGE: "the response was not valid HTTP/1.1",
    Fault.CLIENT_ERROR: "a status of 400 to 499",
    Fault.SERVER_ERROR: "a status of 500 to 599",
    Fault.WRONG: "not the response that the plan or script expects",
    Fault.SCRIPT: "the script itself failed, which says nothing about the service",
    Fault.PARTIAL: "the response says that it is partial",
    Fault.UNFINISHED: "no response yet when the run ended",
    Fault.OVERFLOW: "too many requests already waited for a connection",
}
_SHORT = ("p50", "p99", "max")


def breakdown(report: Report) -> Html:
    """Returns the section of targets, hosts and instances."""
    instances = report.summary.instances
    if not instances:
        none = paragraph("No response named the instance that it came from (Server-Timing).", "note")
        return section("Targets and instances", _targets(report), none)
    note = "Attempts as the front end reports them (Server-Timing), timed from its own send. An attempt is lost if"
    note += " another one to the same shard was faster."
    return section(
        "Targets and instances", _targets(report), _hosts(instances), *_instances(instances), paragraph(note, "note")
    )


def _targets(report: Report) -> Html:
    targets = report.summary.targets
    if not targets:
        return paragraph("All requests had one target." if report.plan.targets else "", "note")
    urls = [f"{target.method} {target.url}" for target in report.plan.targets]
    if report.plan.script is not None:
        urls = ["the whole flow", *["a step of it"] * (len(targets) - 1)]
    rows = (
        [one.name, url, f"{one.ok:,}", f"{one.failed:,}", *percentile_cells(one.response, _SHORT),
         time_cell(one.service.p99, "p99", one.service.count)]
        for one, url in zip(targets, urls, strict=True)
    )  # fmt: skip
    return table("Targets", ("target", "request", "good", "failed", *_ms(_SHORT), "service p99 ms"), rows, words=2)


def _hosts(instances: tuple[InstanceSummary, ...]) -> Html:
    by_host = {host: [one for one in instances if one.host == host] for host in sorted({one.host for one in instances})}
    rows = (
        [host or "unknown", f"{len(ones):,}", *_attempts(*ones),
         *percentile_cells(latency_of(merged(one.histogram for one in ones)), _SHORT)]
        for host, ones in by_host.items()
    )  # fmt: skip
    return table("Hosts", ("host", "instances", *_ATTEMPTS, *_ms(_SHORT)), rows)


def _instances(instances: tuple[InstanceSummary, ...]) -> list[Html]:
    shown = sorted(instances, key=lambda one: -one.answered)[:INSTANCES_MAX]
    shown.sort(key=lambda one: (one.host, one.shard, one.id))
    rest = len(instances) - len(shown)
    rows = (
        [one.id, one.type, one.host, one.shard, *_attempts(one), *percentile_cells(one.latency, _SHORT)]
        for one in shown
    )
    head = ("instance", "type", "host", "shard", *_ATTEMPTS, *_ms(_SHORT))
    more = paragraph(f"and {rest:,} more that answered fewer." if rest else "", "note")
    return [table("Instances", head, rows, words=3), more]


def _ms(names: Iterable[str]) -> list[str]:
    return [f"{name} ms" for name in names]


def _attempts(*ones: InstanceSummary) -> list[str]:
    counts = [(one.answered, one.late, one.errors, one.lost) for one in ones]
    return [f"{sum(column):,}" for column in zip(*counts, strict=True)]


def errors(report: Report) -> Html:
    """Returns the section of errors by class and responses by status."""
    total, parts = report.summary, []
    if total.errors:
        rows = (
            [name, _FAULTS.get(name, ""), f"{count:,}", share(count, total.offered)]
            for name, count in sorted(total.errors.items(), key=lambda each: -each[1])
        )
        parts = [table("Errors by class", ("error", "what happened", "requests", "of all"), rows, words=2)]
    if total.statuses:
        rows = ([name, f"{count:,}", share(count, total.completed)] for name, count in total.statuses.items())
        parts.append(table("Responses by status", ("status", "responses", "of all"), rows))
    if total.classes:
        rows = ([name, *percentile_cells(latency), f"{latency.count:,}"] for name, latency in total.classes.items())
        parts.append(table("Response time by class of status", ("ms", *PERCENTILES, "responses"), rows))
    return section("Errors and statuses", paragraph("" if total.errors else "Nothing failed."), *parts)


def examples(report: Report) -> Html:
    """Returns the section of failed requests; nothing if there are none."""
    found = report.result.examples
    note = "At most three of each kind. Bodies are cut; values that may be secret are hidden." if found else ""
    return section("Examples of failures", paragraph(note, "note"), *(_example(each) for each in found))


def _example(example: FailureExample) -> Html:
    error, _, traceback = example.error.partition("\n")
    blocks = [("where", traceback), ("request", example.request), ("response", example.response or "no response")]
    return fill(
        _EXAMPLE, fault=example.fault, target=example.target, error=error, took=f"{example.took_ms:,.1f}",
        blocks=join(fill(_BLOCK, name=name, text=text) for name, text in blocks if text),
    )  # fmt: skip


def output(report: Report) -> Html:
    """Returns the section of what a script printed; nothing if it printed nothing."""
    lines = report.result.output
    text = fill('<pre tabindex="0">{text}</pre>', text="\n".join(lines)) if lines else Html("")
    return section("Output of the script", text)


def thresholds(report: Report) -> Html:
    """Returns the section of thresholds."""
    items = []
    for each in report.assessment.thresholds:
        kind, sign, word = _THRESHOLD_SIGNS[each.held]
        items.append(fill(_THRESHOLD, kind=kind, sign=sign, word=word, text=each.text, measured=each.measured))
    return section("Thresholds", fill('<ul class="thresholds">{items}</ul>', items=join(items)))


def hedging(report: Report) -> Html:
    """Returns the section of hedging; nothing if the plan does not hedge."""
    total, hedge = report.summary, report.plan.hedge
    if hedge is None and not total.hedged:
        return Html("")
    text = ""
    if hedge is not None:
        after = f"{hedge.after_ms:g} ms" if hedge.after_ms is not None else f"the recent p{hedge.after_percentile:g}"
        text = f"Requests without a response after {after} were sent again, at most {100 * hedge.budget:g} % of all. "
    text += f"{total.hedged:,} requests were sent twice: {share(total.hedged, total.started)} more load."
    return section("Hedging", paragraph(f"{text} The second response came first {total.hedges_won:,} times."))


def environment(report: Report) -> Html:
    """Returns the section of the computer, the versions, and the processes of the load generator."""
    where, result = report.environment, report.result
    pairs = {
        "computer": where.system,
        "processor": where.cpu,
        "cores": f"{where.cores}, of which this program may use {where.usable_cores}",
        "load average at the start": "unknown" if where.load_average is None else f"{where.load_average:g}",
        "versions": ", ".join([f"Python {where.python}", *(f"{name} {v}" for name, v in where.versions.items())]),
        "precise timer": "yes" if result.precise_timer else "no: requests may be sent some milliseconds late",
    }
    rows = (
        [each.name, f"{each.cpu_percent:.0f}", _yes(each.precise_timer), f"{each.missed:,}", _yes(each.lost)]
        for each in result.processes
    )
    head = ("process", "CPU, % of a core", "precise timer", "missed arrivals", "lost")
    items = join(fill("<div><dt>{name}</dt><dd>{value}</dd></div>", name=n, value=v) for n, v in pairs.items())
    return section(
        "Environment",
        *(paragraph(text, "warning") for text in _warnings(report)),
        fill('<dl class="pairs">{items}</dl>', items=items),
        table("Processes of the load generator", head, rows),
    )


def _warnings(report: Report) -> Iterable[str]:
    cpu = report.result.cpu_percent
    if report.environment.same_host:
        yield "Load generator and service ran on the same computer: each takes CPU time from the other."
    if report.assessment.generator_bound:
        yield f"Generator-bound: its CPU use was {cpu:.0f} %, so a faster generator would have got more responses."
    elif cpu >= BUSY_PERCENT:
        yield f"The load generator was busy: its CPU use was {cpu:.0f} % of a core."


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def plan(report: Report) -> Html:
    """Returns the section of the seed and the plan, with which the run can be repeated."""
    plan_json = msgspec.json.encode(_shortened(redacted_plan_json(report.plan)))
    text = msgspec.json.format(plan_json, indent=2).decode()
    seed = paragraph(f"Seed {report.plan.seed}: the same seed makes the same arrivals and the same requests.")
    return section("Plan", seed, fill('<pre tabindex="0">{text}</pre>', text=text))


def _shortened(data: Any) -> Any:
    """Cuts very long lists and texts, and says how much is missing."""
    if isinstance(data, dict):
        return {key: _shortened(value) for key, value in data.items()}
    if isinstance(data, list):
        rest = len(data) - ITEMS_MAX
        return [*map(_shortened, data[:ITEMS_MAX]), *([f"and {rest} more"] if rest > 0 else [])]
    if isinstance(data, str) and len(data) > TEXT_MAX:
        return f"{data[:TEXT_MAX]}… and {len(data) - TEXT_MAX} more characters"
    return data
