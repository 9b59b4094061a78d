"""The trace of one request, drawn: which instances answered, and each attempt as a bar on a common time line."""

from __future__ import annotations

from collections.abc import Mapping

from server.api.timing import Attempt, RequestTrace
from vmhost.base.html_template import Html, fill, join
from vmhost.base.ids import short_ids

_SHOWN_MAX = 48
_WIDTH_MIN_PERCENT = 0.6
_OUTCOMES = {
    "won": "",
    "lost": "slower, not used",
    "error": "failed",
    "timeout": "no answer in time",
    "late": "refused, too late",
}

_PANEL = """<section class="trace" id="trace" aria-label="How this answer was made">
<h2>How this answer was made</h2>
<ul class="who">{who}</ul>
<div class="fall">{rows}</div>
<p class="legend"><i class="k-front"></i>front end <i class="k-network"></i>network and queue
 <i class="k-search"></i>search in the leaf{hedged}</p>
<p class="traceid">trace {trace_id}</p>
</section>"""
_ROW = """<div class="row {outcome}"><div class="name">{name}<small>{about}</small></div>
<svg class="bar" height="18" role="img" aria-label="{label}">{rects}</svg><div class="ms">{took}</div></div>"""


def panel(trace: RequestTrace) -> Html:
    """The section that shows the trace."""
    attempts = sorted(trace.attempts, key=lambda each: (each.shard, each.start_ms))[:_SHOWN_MAX]
    end_ms = max([trace.total_ms, 0.01, *(each.start_ms + each.dur_ms for each in attempts)])
    shorts = short_ids(each.instance_id for each in attempts)
    hedged = any(each.hedge for each in attempts)
    return fill(
        _PANEL,
        who=join(_who(attempts, shorts)),
        rows=join(
            [_front_row(trace, end_ms), *(_attempt_row(each, end_ms, shorts[each.instance_id]) for each in attempts)]
        ),
        hedged=Html(' <i class="k-hedge"></i>hedged request' if hedged else ""),
        trace_id=trace.trace_id or "unknown",
    )


def summary(trace: RequestTrace) -> Html:
    """Which instances answered, as a short link to the panel."""
    winners = [each for each in trace.attempts if each.outcome == "won"]
    if not winners:
        return Html("")
    if len(winners) <= 2:
        shorts = short_ids(each.instance_id for each in trace.attempts)
        names = join([fill("<b>{id}</b>", id=shorts[each.instance_id]) for each in winners], " and ")
        return fill('<a href="#trace">answered by {names}</a>', names=names)
    return fill('<a href="#trace">answered by {count} instances</a>', count=len(winners))


def ms(value: float) -> str:
    """A time with two or three significant digits."""
    return f"{value:.0f} ms" if value >= 100 else f"{value:.1f} ms" if value >= 1 else f"{value:.2f} ms"


def _who(attempts: list[Attempt], shorts: Mapping[str, str]) -> list[Html]:
    lines = []
    for shard in sorted({each.shard for each in attempts}):
        won = next((each for each in attempts if each.shard == shard and each.outcome == "won"), None)
        silent = fill("<li>shard {shard} gave no answer in time</li>", shard=shard)
        lines.append(_answered(won, shorts[won.instance_id]) if won else silent)
    return lines


def _answered(attempt: Attempt, short: str) -> Html:
    return fill(
        '<li>shard {shard} answered by <b title="{instance}">{short}</b> ({type}, {host}) in {took}</li>',
        shard=attempt.shard,
        instance=attempt.instance_id,
        short=short,
        type=attempt.type,
        host=attempt.host,
        took=ms(attempt.dur_ms),
    )


def _front_row(trace: RequestTrace, end_ms: float) -> Html:
    sent = min((each.start_ms for each in trace.attempts), default=trace.total_ms)
    after = min(max(trace.frontend_ms - sent, 0.0), trace.total_ms)
    rects = [_rect("network", 0, trace.total_ms, end_ms), _rect("front", 0, sent, end_ms)]
    if after > 0:
        rects.append(_rect("front", trace.total_ms - after, after, end_ms))
    return fill(
        _ROW,
        outcome="front",
        name="front end",
        about=f"{ms(trace.frontend_ms)} of its own time",
        label=f"the front end took {ms(trace.total_ms)} in total",
        rects=join(rects),
        took=ms(trace.total_ms),
    )


def _attempt_row(attempt: Attempt, end_ms: float, short: str) -> Html:
    role = ["hedge"] if attempt.hedge else ["retry"] if attempt.retry else []
    about = [f"shard {attempt.shard}", attempt.host, *role, *filter(None, [_OUTCOMES.get(attempt.outcome, "")])]
    kind = "hedge" if attempt.hedge else "network"
    rects = [_rect(kind, attempt.start_ms, attempt.dur_ms, end_ms)]
    if attempt.search_ms is not None and attempt.outcome in ("won", "lost"):
        inside = min(attempt.search_ms, attempt.dur_ms)
        # How the rest divides into the way there and back is unknown, so the search is drawn in the middle.
        rects.append(_rect("search", attempt.start_ms + (attempt.dur_ms - inside) / 2, inside, end_ms))
    return fill(
        _ROW,
        outcome=attempt.outcome if attempt.outcome in _OUTCOMES else "lost",
        name=short,
        about=", ".join(about),
        label=f"{attempt.instance_id} from {ms(attempt.start_ms)}, for {ms(attempt.dur_ms)}",
        rects=join(rects),
        took=ms(attempt.dur_ms),
    )


def _rect(kind: str, start_ms: float, dur_ms: float, end_ms: float) -> Html:
    width = min(max(dur_ms / end_ms * 100, _WIDTH_MIN_PERCENT), 100)
    x = min(max(start_ms / end_ms * 100, 0), 100 - width)
    return fill(
        '<rect class="{kind}" x="{x}%" y="{y}" width="{width}%" height="{height}" rx="2"/>',
        kind=kind,
        x=f"{x:.2f}",
        y=5 if kind == "search" else 2,
        width=f"{width:.2f}",
        height=8 if kind == "search" else 14,
    )
