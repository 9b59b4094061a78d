"""Errors by class and responses by status, examples of failures, thresholds, and what hedging cost."""

from __future__ import annotations

from client.load.examples import Example
from client.load.report.page.figures import NAMES, row, share
from client.load.report.page.table import table
from client.load.report.report import Report
from client.load.summary import Fault
from vmhost.base.markup import Html, fill, join

_ERRORS = """<section>
<h3>Errors and statuses</h3>
{parts}
</section>"""
_EXAMPLES = """<section>
<h3>Examples of failures</h3>
<p class="note">At most three of each kind. Bodies are cut; values that may be secret are hidden.</p>
{items}
</section>"""
_EXAMPLE = """<details class="example">
<summary><b>{fault}</b> {target}: {error} <small>after {took} ms</small></summary>
{blocks}
</details>"""
_BLOCK = '<h4>{name}</h4><pre tabindex="0">{text}</pre>'
_OUTPUT = """<section>
<h3>Output of the script</h3>
<pre tabindex="0">{text}</pre>
</section>"""
_THRESHOLDS = """<section>
<h3>Thresholds</h3>
<ul class="held">{items}</ul>
</section>"""
_HEDGING = """<section>
<h3>Hedging</h3>
<p>{told}</p>
</section>"""
_WORDS: dict[str, str] = {
    Fault.CONNECT: "no connection could be made",
    Fault.RESET: "the connection was reset before the response",
    Fault.TIMEOUT: "no response within the timeout, which counts from when the request was due",
    Fault.SHORT: "the connection was closed before the response was complete",
    Fault.GARBAGE: "the response was not valid HTTP/1.1",
    Fault.CLIENT_ERROR: "a status of 400 to 499",
    Fault.SERVER_ERROR: "a status of 500 to 599",
    Fault.WRONG: "not the response that the plan or script expects",
    Fault.SCRIPT: "the script itself failed, which says nothing of the service",
    Fault.PARTIAL: "the response says that it is partial",
    Fault.UNFINISHED: "no response yet when the run ended",
    Fault.OVERFLOW: "too many already waited for a connection",
}
_HELD = {True: ("yes", "✓", "holds"), False: ("no", "✗", "broken"), None: ("unknown", "?", "cannot be judged")}


def errors(report: Report) -> Html:
    """The section of errors and statuses."""
    total = report.summary
    parts = [Html("<p>Nothing failed.</p>")]
    if total.errors:
        rows = (
            [name, _WORDS.get(name, ""), f"{count:,}", share(count, total.offered)]
            for name, count in sorted(total.errors.items(), key=lambda each: -each[1])
        )
        parts = [table("Errors by class", ("error", "what happened", "requests", "of all"), rows, words=2)]
    if total.statuses:
        rows = ([name, f"{count:,}", share(count, total.completed)] for name, count in total.statuses.items())
        parts.append(table("Responses by status", ("status", "responses", "of all"), rows))
    if total.classes:
        rows = ([name, *row(latency), f"{latency.count:,}"] for name, latency in total.classes.items())
        parts.append(table("Response time by class of status", ("ms", *NAMES, "responses"), rows))
    return fill(_ERRORS, parts=join(parts, "\n"))


def examples(report: Report) -> Html:
    """The section of examples of failures; nothing where there are none."""
    found = report.outcome.examples
    if not found:
        return Html("")
    return fill(_EXAMPLES, items=join([_example(each) for each in found], "\n"))


def output(report: Report) -> Html:
    """The section of what a script printed; nothing where it was silent."""
    lines = report.outcome.output
    return fill(_OUTPUT, text="\n".join(lines)) if lines else Html("")


def _example(example: Example) -> Html:
    error, _, traceback = example.error.partition("\n")
    blocks = [("where", traceback), ("request", example.request), ("response", example.response or "none came")]
    return fill(
        _EXAMPLE, fault=example.fault, target=example.target, error=error, took=f"{example.took_ms:,.1f}",
        blocks=join(fill(_BLOCK, name=name, text=text) for name, text in blocks if text),
    )  # fmt: skip


def thresholds(report: Report) -> Html:
    """The section of thresholds."""
    items = []
    for each in report.judgement.thresholds:
        kind, sign, word = _HELD[each.held]
        items.append(fill('<li class="{kind}"><b><i aria-hidden="true">{sign}</i>{word}</b> <code>{text}</code> '
                          "<span>{measured}</span></li>",
                          kind=kind, sign=sign, word=word, text=each.text, measured=each.measured))  # fmt: skip
    return fill(_THRESHOLDS, items=join(items))


def hedging(report: Report) -> Html:
    """The section of hedging; nothing where the plan does not hedge."""
    total, hedge = report.summary, report.plan.hedge
    if hedge is None and not total.hedged:
        return Html("")
    when = ""
    if hedge is not None:
        after = f"{hedge.after_ms:g} ms" if hedge.after_ms is not None else f"p{hedge.after_percentile:g} of late"
        when = f"Requests without a response after {after} were sent again, at most {100 * hedge.budget:g} % of all. "
    return fill(
        _HEDGING,
        told=f"{when}{total.hedged:,} requests were sent twice: {share(total.hedged, total.started)} more load for the "
        f"service. The second answered first {total.hedges_won:,} times.",
    )
