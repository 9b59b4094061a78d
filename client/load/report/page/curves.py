"""Both latency curves, and what a tool that counts from the send would have said."""

from __future__ import annotations

from client.load.histogram import Histogram
from client.load.report.page.axes import LogAxis, Tick, log_axis, nines
from client.load.report.page.chart import Key, chart, curve, dot, grid
from client.load.report.page.figures import cell, ms
from client.load.report.page.table import numbers, table
from client.load.report.report import Report
from client.load.summary import Fault, Latency, latency_of
from vmhost.base.markup import Html, fill

_SECTION = """<section>
<h3>Latency</h3>
{other}
{chart}
</section>"""
_OTHER = """<div class="other">
<p class="saw"><span>Users saw</span> <b>{name} {saw}</b> <small>from when they asked</small></p>
<p class="would"><span>Another tool would say</span> <b>{name} {would}</b> <small>from when it got round to
 sending</small></p>
<p class="sum">{sum}</p>
</div>"""
_CLOSED = """<p class="other">Another tool would say the same: in a closed loop each request is due when it is sent.
 What users who came by themselves would have waited is not in these figures.</p>"""
# Of the part that is left, in hundredths: 100 of all down to 10, then the same of a tenth, and so on.
_SHARES = (*range(100, 30, -5), *range(30, 10, -1))
_NINES_MAX = 7
_CURVES_END = 0.86
"""Right of this the chart shows the slowest request, which is no percentile."""
_MAX_AT = 0.97
_KEYS = {"response": "response, from when each was due", "service": "service, from when each was sent"}
_LABELLED = (("0", "p0"), ("50", "p50"), ("90", "p90"), ("99", "p99"), ("99.9", "p99.9"), ("99.99", "p99.99"),
             ("99.999", "p99.999"), ("99.9999", "p99.9999"))  # fmt: skip


def curves(report: Report) -> Html:
    """The section with its chart, or that no answer came."""
    total = report.summary
    lines = {"response": total.response_histogram}
    if report.plan.closed is None and total.service_histogram.total:
        lines["service"] = total.service_histogram
    if not total.response_histogram.total:
        return fill(_SECTION, other=Html("<p>No answer came, so there is no latency to show.</p>"), chart="")
    return fill(_SECTION, other=_other(report), chart=_chart(lines, closed=report.plan.closed is not None))


def percents() -> list[str]:
    """The percentiles of the curves, in rising order, as exact decimals."""
    result = []
    for level in range(_NINES_MAX):
        for share in _SHARES:
            whole, rest = divmod(100 * 10**level - share, 10**level)
            result.append(f"{whole}.{rest:0{level}d}".rstrip("0").rstrip(".") if rest else str(whole))
    return result


def _chart(lines: dict[str, Histogram], *, closed: bool) -> Html:
    names = percents()
    told = {name: histogram.percentiles_us([float(each) for each in names]) for name, histogram in lines.items()}
    last = max((number for line in told.values() for number, value in enumerate(line) if value is not None), default=0)
    end = max(nines(float(names[last])), 1.0)
    points = {
        name: [(nines(float(names[number])), value / 1000) for number, value in enumerate(line) if value is not None]
        for name, line in told.items()
    }
    slowest = {name: histogram.max_us / 1000 for name, histogram in lines.items()}
    axis = log_axis([*(value for line in points.values() for _, value in line), *slowest.values()])
    x = [Tick(nines(float(percent)) / end * _CURVES_END, label) for percent, label in _LABELLED]
    x = [*(tick for tick in x if tick.at <= _CURVES_END + 1e-9), Tick(_MAX_AT, "max")]
    return chart(
        title="Latency by percentile: " + " and ".join(lines),
        desc="Each nine has the same room; milliseconds on a logarithmic scale. "
        + "; ".join(f"{name}: {_in_words(histogram)}" for name, histogram in lines.items()),
        shapes=[
            grid(axis.ticks(), x),
            *(curve(name, _placed(line, end, axis)) for name, line in points.items()),
            *(dot(name, _MAX_AT, axis.at(value)) for name, value in slowest.items()),
        ],
        legend=[Key(name, name if closed else _KEYS[name]) for name in lines],
        x=x,
        y=axis.ticks(),
        numbers=numbers(_numbers(lines, names[: last + 1], told, slowest)),
        kind="curves",
    )


def _placed(line: list[tuple[float, float]], end: float, axis: LogAxis) -> list[tuple[float, float]]:
    return [(at / end * _CURVES_END, axis.at(value)) for at, value in line]


def _in_words(histogram: Histogram) -> str:
    latency = latency_of(histogram)
    name, value = latency.tail
    return f"{name} {ms(value or 0)} ms, max {ms(latency.max or 0)} ms"


def _numbers(
    lines: dict[str, Histogram], names: list[str], told: dict[str, list[int | None]], slowest: dict[str, float]
) -> Html:
    rows = [
        [f"p{percent}", *(_cell(told[name][number], percent, lines[name]) for name in lines)]
        for number, percent in enumerate(names)
    ]
    rows.append(["max", *(ms(slowest[name]) for name in lines)])
    return table("Latency by percentile in milliseconds", ("", *(f"{name} ms" for name in lines)), rows)


def _cell(value_us: int | None, percent: str, histogram: Histogram) -> Html:
    return cell(None if value_us is None else value_us / 1000, f"p{percent}", histogram.total)


def _other(report: Report) -> Html:
    if report.plan.closed is not None:
        return Html(_CLOSED)
    response, service = report.summary.response, report.summary.service
    name = _told_of_both(response, service) if service.count else response.tail[0]
    saw, would = getattr(response, name), getattr(service, name)
    return fill(
        _OTHER,
        name=name,
        saw="–" if saw is None else f"{ms(saw)} ms",
        would="–" if would is None else f"{ms(would)} ms",
        sum=_sum(saw, would) + _by_age(report),
    )


def _told_of_both(response: Latency, service: Latency) -> str:
    """The highest of p99, p90, p50 that both can tell, else the slowest."""
    told = (each for each in ("p99", "p90", "p50") if getattr(response, each) is not None)
    return next((each for each in told if getattr(service, each) is not None), "max")


def _sum(saw: float | None, would: float | None) -> str:
    if saw is None or would is None:
        return "No answer was good, so it would have nothing to show."
    times = saw / max(would, 0.001)
    if times < 1.2:
        return "The two agree: hardly a request had to wait before it could be sent."
    return (
        f"A tool that counts from the send looks {times:,.{0 if times >= 10 else 1}f} times better than what users saw:"
        " it leaves out the time in which it could not send."
    )


def _by_age(report: Report) -> str:
    count = sum(report.summary.errors.get(fault, 0) for fault in (Fault.TIMEOUT, Fault.UNFINISHED))
    if not count:
        return ""
    return f" Users' times hold {count:,} requests too that got no answer in time, with the age they had reached."
