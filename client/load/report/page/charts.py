"""The charts of a run: each is a figure with its table, from which the page's script draws it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec

from client.load.histogram import SAMPLES_BEYOND_MIN, Histogram, banded, begins_ms, merged
from client.load.report.page.elements import ms, paragraph, per_s, percentile_cells, seconds, section, table, time_cell
from client.load.run_report import Report
from client.load.run_result import Mark, TimelineColumn
from client.load.summary import latency_of
from vmhost.base.html_template import Html, fill, join

HEAT_ROWS_MAX = 40
MARK_LABELS_MAX = 20
"""With more marks their numbers would overlap; their lines and the list remain."""
_FULL_ENOUGH = 0.1
"""The rate of a column that lasted for less than this share of its width would be chance."""
_FIGURE = """<figure data-chart="{kind}" data-options="{options}">
<div class="plot" role="img" aria-label="{title}. {text} The numbers are in the table below."
>This chart needs JavaScript. Its numbers are below.</div>
<figcaption>{text}{notes}</figcaption>
<details{open}><summary>The numbers</summary>
{table}
</details>
</figure>"""
_SUMMED = ("seconds", "offered", "started", "completed", "ok")
_TIMES = ("p50", "p90", "p99", "max")
_RATES: dict[str, Callable[[TimelineColumn], int]] = {
    "offered": lambda column: column.offered,
    "started": lambda column: column.started,
    "completed": lambda column: column.completed,
    "dropped": lambda column: column.offered - column.started,
    "failed": lambda column: sum(column.errors.values()),
}
_OPEN_ONLY = ("offered", "dropped")
_OPEN_TEXT = "offered: due by the schedule. dropped: due, but never sent. "
_RATES_TEXT = "started: sent. completed: got a response. failed: any error."
# Shares of the requests that are slower, in percent: from all to a tenth, then the same for that tenth, and so on.
_SHARES = (*range(100, 30, -5), *range(30, 10, -1))
_NINES_MAX = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartTimeline:
    """A run as its charts over time show it. Times are seconds from the start; `marks` are sorted."""

    columns: tuple[TimelineColumn, ...]
    marks: tuple[Mark, ...]
    end_s: float
    warm_up_s: float

    def rate(self, count: int, column: TimelineColumn) -> float | None:
        """Returns the rate per second of a count in a column; None if the run ended soon after the column began."""
        lasted_s = min(column.seconds, max(0.0, self.end_s - column.began))
        return count / lasted_s if lasted_s >= _FULL_ENOUGH * column.seconds else None

    def chart(self, kind: str, title: str, text: str, numbers: Html, **options: float) -> Html:
        """Returns a chart over time with its marks and its warm-up."""
        labels = [str(number) if len(self.marks) <= MARK_LABELS_MAX else "" for number in range(1, len(self.marks) + 1)]
        marks = [[mark.at, label] for mark, label in zip(self.marks, labels, strict=True)]
        notes = (" Gray: warm-up, not included in the figures." if self.warm_up_s else "") + (
            " Vertical lines: marks, listed below." if marks else ""
        )
        times = {"end": self.end_s, "warmUp": self.warm_up_s, "marks": marks}
        return chart(kind, title, text, numbers, notes=notes, options={**times, **options})


def timeline_of(report: Report, columns_max: int) -> ChartTimeline | None:
    """Returns the timeline of a run in at most `columns_max` columns; None if nothing was due."""
    columns = fewer_columns(report.result.timeline, columns_max)
    if not columns:
        return None
    began = report.summary.since - report.plan.warm_up_s
    marks = (Mark(at=mark.at - began, text=mark.text) for mark in report.result.marks)
    return ChartTimeline(
        columns=columns,
        marks=tuple(sorted(marks, key=lambda mark: mark.at)),
        end_s=max(report.result.elapsed_s, columns[-1].began + 1e-3),
        warm_up_s=report.plan.warm_up_s,
    )


def fewer_columns(columns: tuple[TimelineColumn, ...], most: int) -> tuple[TimelineColumn, ...]:
    """Merges neighboring columns, exactly, until there are at most `most`."""
    size = -(-len(columns) // max(1, most))
    if size <= 1:
        return columns
    return tuple(_merged(columns[begin : begin + size]) for begin in range(0, len(columns), size))


def _merged(columns: Sequence[TimelineColumn]) -> TimelineColumn:
    errors: Counter[str] = Counter()
    for column in columns:
        errors.update(column.errors)
    counts = {name: sum(getattr(column, name) for column in columns) for name in _SUMMED}
    return replace(
        columns[0],
        errors=dict(errors),
        response_histogram=merged(column.response_histogram for column in columns),
        service_histogram=merged(column.service_histogram for column in columns),
        **counts,
    )


def chart(
    kind: str, title: str, text: str, numbers: Html, *, options: dict[str, object], notes: str = "", folded: bool = True
) -> Html:
    """Returns a figure; `text` says what its lines mean, `numbers` is the table that the script draws."""
    return fill(
        _FIGURE, kind=kind, options=msgspec.json.encode(options).decode(), title=title, text=text, notes=notes,
        table=numbers, open="" if folded else " open",
    )  # fmt: skip


def rates(report: Report, timeline: ChartTimeline) -> Html:
    """Returns the section of requests per second."""
    closed = report.plan.closed is not None
    lines = {name: count for name, count in _RATES.items() if not (closed and name in _OPEN_ONLY)}
    rows = []
    for column in timeline.columns:
        values = [timeline.rate(count(column), column) for count in lines.values()]
        rows.append([f"{column.began:g}", *("–" if value is None else per_s(value) for value in values)])
    if closed:
        text = "In a closed loop users wait for responses, so a slow service gets fewer requests."
    else:
        text = "Each request counts in the second in which it was due, even if it was sent or completed later."
        if missed := report.result.missed:
            text += f" The generator missed {missed:,} more; in which second is unknown."
    name = "Requests per second over time"
    numbers = table(name, ("from s", *lines), rows)
    legend = _RATES_TEXT if closed else _OPEN_TEXT + _RATES_TEXT
    return section("Requests per second", paragraph(text), timeline.chart("rates", name, legend, numbers))


def times(timeline: ChartTimeline) -> Html:
    """Returns the section of response times over time, with the list of marks."""
    latencies = [latency_of(column.response_histogram) for column in timeline.columns]
    rows = (
        [f"{column.began:g}", *percentile_cells(latency, _TIMES), f"{latency.count:,}"]
        for column, latency in zip(timeline.columns, latencies, strict=True)
    )
    name = "Response time over time in milliseconds"
    numbers = table(name, ("from s", *_TIMES, "samples"), rows)
    text = "Percentiles and maximum of each column, in milliseconds on a logarithmic scale."
    return section(
        "Response time over time",
        timeline.chart("times", "Response time over time", text, numbers),
        paragraph(_gaps([latency.count for latency in latencies]), "note"),
        _marks(timeline.marks),
    )


def _gaps(counts: list[int]) -> str:
    """Says why lines have gaps, if they do."""
    needed = {"p50": 2 * SAMPLES_BEYOND_MIN, "p90": 10 * SAMPLES_BEYOND_MIN, "p99": 100 * SAMPLES_BEYOND_MIN}
    if min(counts) >= needed["p99"]:
        return ""
    needs = ", ".join(f"{count:,} for {name}" for name, count in needed.items())
    return f"Lines have gaps where a column has too few requests: it needs {needs}."


def _marks(marks: tuple[Mark, ...]) -> Html:
    items = join(fill("<li><b>{at}</b> {text}</li>", at=seconds(mark.at), text=mark.text) for mark in marks)
    return fill('<h4>Marks</h4>\n<ol class="marks" tabindex="0">{items}</ol>', items=items) if marks else items


def percentiles(report: Report) -> Html:
    """Returns the chart of both latencies by percentile; needs at least one response."""
    total = report.summary
    lines = {"response": total.response_histogram}
    if report.plan.closed is None and total.service_histogram.total:
        lines["service"] = total.service_histogram
    names = percents()
    values = {name: each.percentiles_us([float(percent) for percent in names]) for name, each in lines.items()}
    known = [n for line in values.values() for n, value in enumerate(line) if value is not None]
    last = max(known, default=0)
    rows: list[list[object]] = [
        [f"p{percent}", *(_percentile_cell(values[name][number], percent, each) for name, each in lines.items())]
        for number, percent in enumerate(names[: last + 1])
    ]
    rows.append(["max", *(ms(histogram.max_us / 1000) for histogram in lines.values())])
    text = "; ".join(f"{name}: {_tail(histogram)}" for name, histogram in lines.items()) + ". "
    text += "Milliseconds on a logarithmic scale; each further nine of the percentile is as wide as the one before."
    title = "Latency by percentile"
    return chart(
        "percentiles", title, text, table(f"{title} in milliseconds", ("percentile", *lines), rows), options={}
    )


def percents() -> list[str]:
    """Returns the percentiles of the curves in rising order, as exact decimals."""
    result = []
    for level in range(_NINES_MAX):
        for share in _SHARES:
            whole, rest = divmod(100 * 10**level - share, 10**level)
            result.append(f"{whole}.{rest:0{level}d}".rstrip("0").rstrip(".") if rest else str(whole))
    return result


def _percentile_cell(value_us: int | None, percent: str, histogram: Histogram) -> Html:
    return time_cell(None if value_us is None else value_us / 1000, f"p{percent}", histogram.total)


def _tail(histogram: Histogram) -> str:
    latency = latency_of(histogram)
    name, value = latency.tail
    return f"{name} {ms(value or 0)} ms, maximum {ms(latency.max or 0)} ms"


def heat_map(timeline: ChartTimeline) -> Html:
    """Returns the section of the heat map: the number of requests by response time and time."""
    title = "Heat map: response time over time"
    for per_decade in (10, 5):
        counts = [banded(column.response_histogram, per_decade) for column in timeline.columns]
        used = sorted({band for column in counts for band in column})
        if not used or used[-1] - used[0] < HEAT_ROWS_MAX:
            break
    if not used:
        return section(title, paragraph("There were no responses."))
    most = max(count for column in counts for count in column.values())
    rows = (
        [f"{column.began:g}", *(f"{found[band]:,}" if band in found else "" for band in used)]
        for column, found in zip(timeline.columns, counts, strict=True)
    )
    head = ("from s", *(f"{ms(begins_ms(band, per_decade))} ms" for band in used))
    numbers = table("Requests by time and response time; each column is named by its lower limit", head, rows)
    text = f"Color: from 1 request (left) to {most:,} in a cell, on a logarithmic scale. A column is"
    text += f" {timeline.columns[0].seconds:g} s of the run, a row a range of response times."
    return section(title, timeline.chart("heat", title, text, numbers, perDecade=per_decade, most=most))
