"""A sweep as a page of its own: one file without scripts, readable offline."""

from __future__ import annotations

from html import escape

from client.load.plan.words import Plan
from client.load.report.sweep_plot import Scale, Series, scales, series
from client.load.report.sweep_text import HEADINGS, headline, note, row_of
from client.load.sweep import Sweep

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 860, 420, 70, 40, 20
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --p50: #2a7; --p99: #c33; --service: #27c }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 900px; margin: 2em auto; padding: 0 1em }
svg { width: 100%; height: auto } svg text { fill: currentColor; font-size: 12px }
.grid { stroke: var(--line) } .knee { stroke: currentColor; stroke-dasharray: 4 4 }
polyline { fill: none; stroke-width: 2 }
.o { stroke: var(--p50); fill: var(--p50) } .s { stroke: var(--service); fill: var(--service) }
.t { stroke: var(--p99); fill: var(--p99) } polyline.o, polyline.s, polyline.t { fill: none }
svg text.o, svg text.s, svg text.t { stroke: none } svg text.o { fill: var(--p50) }
svg text.s { fill: var(--service) } svg text.t { fill: var(--p99) }
table { border-collapse: collapse }
td, th { padding: .2em .8em; text-align: right; border-bottom: 1px solid var(--line) }
td:last-child { text-align: left }
"""
_CLASSES = {"o": "o", "+": "s", "*": "t"}


def sweep_page(sweep: Sweep, plan: Plan) -> str:
    """The page, as HTML."""
    urls = ", ".join(target.url for target in plan.targets)
    head = "".join(f"<th>{heading}</th>" for heading in (*HEADINGS, ""))
    rows = "".join(
        f"<tr>{''.join(f'<td>{cell}</td>' for cell in (*row_of(sweep, step), escape(note(sweep, step))))}</tr>\n"
        for step in sweep.by_rate
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sweep of {escape(urls)}</title><style>{_STYLE}</style></head><body>
<h1>{escape(headline(sweep))}</h1>
<p>{escape(urls)}: {escape(sweep.reason)}</p>
{_plot(sweep)}
<table><thead><tr>{head}</tr></thead><tbody>
{rows}</tbody></table>
<p>Response time counts from the instant a request was due, service time from the instant it was sent. The knee is the
highest rate whose {sweep.tail} is at most five times that at the lowest.</p>
</body></html>
"""


def _plot(sweep: Sweep) -> str:
    curves = series(sweep)
    if not any(curve.points for curve in curves):
        return "<p>No latency can be told: too few samples.</p>"
    across, up = scales(curves)
    parts = [
        *(_vertical(_x(across, tick), f"{tick:g}/s") for tick in across.ticks()),
        *(_horizontal(_y(up, tick), f"{tick:g} ms") for tick in up.ticks()),
        *(_curve(curve, number, across, up) for number, curve in enumerate(curves)),
    ]
    if sweep.knee is not None:
        x = _x(across, sweep.knee.rate_per_s)
        parts.append(f'<line class="knee" x1="{x}" x2="{x}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text x="{x}" y="{_TOP - 6}" text-anchor="middle">knee {sweep.knee.rate_per_s:g}/s</text>')
    body = "\n".join(parts)
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="latency by offered rate">\n{body}\n</svg>'


def _x(across: Scale, rate: float) -> float:
    return round(_LEFT + across.at(rate) * (_WIDTH - _LEFT - 10), 1)


def _y(up: Scale, ms: float) -> float:
    return round(_HEIGHT - _BOTTOM - up.at(ms) * (_HEIGHT - _BOTTOM - _TOP), 1)


def _vertical(x: float, label: str) -> str:
    foot = _HEIGHT - _BOTTOM
    return (
        f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{foot}"/>'
        f'<text x="{x}" y="{foot + 18}" text-anchor="middle">{label}</text>'
    )


def _horizontal(y: float, label: str) -> str:
    return (
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - 10}" y1="{y}" y2="{y}"/>'
        f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{label}</text>'
    )


def _curve(curve: Series, number: int, across: Scale, up: Scale) -> str:
    kind = _CLASSES[curve.mark]
    points = [(_x(across, rate), _y(up, ms)) for rate, ms in curve.points]
    line = " ".join(f"{x},{y}" for x, y in points)
    dots = "".join(f'<circle class="{kind}" cx="{x}" cy="{y}" r="3"/>' for x, y in points)
    legend = f'<text class="{kind}" x="{_LEFT + 12}" y="{_TOP + 18 + 18 * number}">{curve.name}</text>'
    return f'<polyline class="{kind}" points="{line}"/>{dots}{legend}'
