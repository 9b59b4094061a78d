"""Where the run was made, and the plan that repeats it."""

from __future__ import annotations

import json
from typing import Any

from client.load.plan.shown import plan_json
from client.load.report.page.table import table
from client.load.report.report import Report
from client.load.verdict import BUSY_PERCENT
from vmhost.base.markup import Html, fill, join

ITEMS_MAX = 100
TEXT_MAX = 2000
_ENVIRONMENT = """<section>
<h3>Environment</h3>
{warnings}
<dl class="pairs">{pairs}</dl>
{processes}
</section>"""
_PLAN = """<section>
<h3>Plan</h3>
<p>Seed {seed}: with it the same arrivals and the same requests come again.</p>
<pre tabindex="0">{plan}</pre>
</section>"""


def environment(report: Report) -> Html:
    """The section: machine, versions, and each of the generator's processes."""
    where, processes = report.environment, report.outcome.processes
    load = "unknown" if where.load_average is None else f"{where.load_average:g}"
    pairs = {
        "generator's machine": where.system,
        "processor": where.cpu,
        "cores": f"{where.cores}, of which this program may use {where.usable_cores}",
        "load average at the start": load,
        "versions": ", ".join([f"Python {where.python}", *(f"{name} {v}" for name, v in where.versions.items())]),
        "precise timer": "yes" if report.outcome.precise_timer else "no: requests may be sent some milliseconds late",
    }
    return fill(
        _ENVIRONMENT,
        warnings=join(fill('<p class="warning">{text}</p>', text=text) for text in _warnings(report)),
        pairs=join(fill("<div><dt>{name}</dt><dd>{value}</dd></div>", name=n, value=v) for n, v in pairs.items()),
        processes=table(
            "The generator's processes",
            ("process", "CPU, % of a core", "precise timer", "missed arrivals", "lost"),
            (
                [each.name, f"{each.cpu_percent:.0f}", _yes(each.precise_timer), f"{each.missed:,}", _yes(each.lost)]
                for each in processes
            ),
        ),
    )


def plan(report: Report) -> Html:
    """The section: seed and plan."""
    shown = json.dumps(_cut(plan_json(report.plan)), indent=2, ensure_ascii=False)
    return fill(_PLAN, seed=report.plan.seed, plan=shown)


def _warnings(report: Report) -> list[str]:
    warnings = []
    if report.environment.same_host:
        warnings.append(
            "Generator and server ran on the same machine and share its processors: each takes time from the other."
        )
    cpu = report.outcome.cpu_percent
    if report.judgement.generator_bound:
        warnings.append(f"Generator-bound: its CPU was at {cpu:.0f} %, so a faster one would have got more answers.")
    elif cpu >= BUSY_PERCENT:
        warnings.append(f"The generator was busy: its CPU was at {cpu:.0f} % of a core.")
    return warnings


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _cut(data: Any) -> Any:
    """The data with very long lists and texts cut, saying so: a million queries are no page."""
    if isinstance(data, dict):
        return {key: _cut(value) for key, value in data.items()}
    if isinstance(data, list):
        rest = len(data) - ITEMS_MAX
        return [*map(_cut, data[:ITEMS_MAX]), *([f"and {rest} more"] if rest > 0 else [])]
    if isinstance(data, str) and len(data) > TEXT_MAX:
        return f"{data[:TEXT_MAX]}… and {len(data) - TEXT_MAX} more characters"
    return data
