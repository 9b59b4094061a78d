"""Send lag in its two parts: the system's and ours."""

from __future__ import annotations

from client.load.report.page.figures import NAMES, ms, row
from client.load.report.page.table import table
from client.load.report.report import Report
from client.load.summary import Latency
from client.load.verdict import LAG_MAX_MS, connections_bind
from vmhost.base.markup import Html, fill

_SECTION = """<section>
<h3>Send lag: from due to sent</h3>
<p>{told}</p>
{table}
</section>"""


def lag(report: Report) -> Html:
    """The section; a closed loop has no send lag and says so."""
    if report.plan.closed is not None:
        return fill(_SECTION, told="A closed loop has no schedule, so nothing can be sent late.", table="")
    both = report.summary.lag
    return fill(
        _SECTION,
        told=_told(report),
        table=table(
            "Send lag in milliseconds",
            ("ms", "whose", *NAMES),
            [
                ["waited for a connection", f"all {_connections(report)} were busy", *row(both.connection)],
                ["generator late", "ours: this program woke or worked too slowly", *row(both.generator)],
            ],
            words=2,
        ),
    )


def _told(report: Report) -> str:
    both = report.summary.lag
    if not both.generator.count:
        return "Nothing was sent."
    timer = (
        ""
        if report.outcome.precise_timer
        else " This system has no precise timer, so requests may be sent some milliseconds late."
    )
    return (
        f"Requests waited for a free connection {_tail(both.connection)}: {_whose(report)}. "
        f"The generator itself was late {_tail(both.generator)}: that is us, and {LAG_MAX_MS:g} ms would make the run "
        f"INVALID.{timer}"
    )


def _connections(report: Report) -> str:
    count = report.outcome.own.connections
    return f"{count:,} connections" if count else "connections"


def _whose(report: Report) -> str:
    if connections_bind(report.plan, report.outcome):
        return "that is the generator's own limit of connections, not the service"
    return "that is the service being slow"


def _tail(latency: Latency) -> str:
    name, value = latency.tail
    if not value:
        return f"not at all ({name} 0 ms)"
    return f"{ms(value)} ms ({name})"
