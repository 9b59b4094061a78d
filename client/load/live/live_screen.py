"""Draws the live screen as lines, for 80 x 24 and any size from 60 x 20. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from client.load.live.heat_map import (
    LABEL_COLUMNS,
    ROWS_GOOD,
    ROWS_MAX,
    ROWS_MIN,
    heat_lines,
    lines_around,
    mark_name,
    since_start,
)
from client.load.live.live_state import LiveState, lag_p99_ms, limit_warning, near_limit, rates_now
from client.load.run_result import Snapshot
from client.load.summary import InstanceSummary, Latency, Summary
from client.terminal.plain_text import clean, clock, milliseconds, per_second, wrap
from client.terminal.styled_text import Style, cut, fitting, line, page

WAITING = "waiting for the first responses"
EXPLANATIONS = (
    ("target", "the rate that is set; + and - change it"),
    ("offered", "due by the schedule, however slow the service"),
    ("started", "sent; requests that are due but not sent wait"),
    ("completed", "got a response, good or bad; failed: any error"),
    ("response", "from when a request was due to its response: a user's wait"),
    ("service", "from when it was sent: the service's own time"),
    ("waiting", "due, but all connections are busy: a slow service, or too few connections (-c)"),
    ("p99", "99 of 100 were faster; - means too few responses"),
    ("heat map", "columns: seconds; rows: response times; darker: more requests"),
    ("bad", "an instance's responses: too late, or errors"),
    ("lag", "how late the generator itself sent"),
    ("INVALID", "ignore the figures: the generator was too late"),
    ("FAILED", "requests failed or a threshold is broken"),
)
_LABEL, _FIGURE_MAX = 14, 11
_NARROW = (9, 9, 9, 10, 9)
"""The widths of five figures in 60 columns: `completed` needs one more."""
_ROOMY = 26
_GAPS = 4
_INSTANCE = 38
"""The columns of an instance; of these, its name and its host take the following."""
_NAME, _HOST = 9, 7
_NAME_SHORTEST = 6


def render(state: LiveState, columns: int, rows: int) -> list[Text]:
    """Returns exactly `rows` lines of at most `columns` columns; the last one shows the keys."""
    if state.explaining:
        body = [_title(state, columns), *_explanations(columns)]
    elif state.snapshot is None:
        body = [_title(state, columns), line(" ", clean(state.plan.model)), line(), line(f" {WAITING}")]
    else:
        body = _figures(state, state.snapshot, columns, max(0, rows - 1))
    return page(body, _keys(state, columns), columns, rows)


def _figures(state: LiveState, snapshot: Snapshot, columns: int, room: int) -> list[Text]:
    """Returns the sections from top to bottom; the heat map and the instances share the space that is left."""
    closed = state.plan.open is None
    top = [_title(state, columns), _status(state, snapshot, columns), *_requests(state, snapshot, columns)]
    head = _head(" milliseconds", ("p50", "p90", "p99", "p99.9", "max"), columns)
    times = [head, *_times(snapshot.recent, "10 s", columns, closed=closed)]
    whole = _times(snapshot.total, "all", columns, closed=closed)
    health = [_generator(snapshot, columns, closed=closed), *_messages(state, snapshot, room)]
    heat_least = ROWS_MIN + lines_around(snapshot)
    left = room - len(top) - len(times) - 1 - len(health)
    instances = instance_lines(snapshot.recent, columns, left - heat_least)
    left -= len(instances)
    if left - len(whole) - heat_least >= ROWS_GOOD - ROWS_MIN:
        times, left = [*times, *whole], left - len(whole)
    gaps = min(_GAPS, max(0, left - heat_least - ROWS_MAX + ROWS_MIN))
    heat = heat_lines(snapshot, state.plan, columns, left - gaps) or [line(), line(f" {WAITING}")]
    heat += [line() for _ in range(left - gaps - len(heat))]
    blanks = [[line()] * (gaps > number) for number in range(_GAPS)]
    figures = [*top[:2], *blanks[0], *top[2:], *blanks[1], *times]
    return [*figures, *blanks[2], *heat, *blanks[3], _errors(snapshot), *instances, *health]


# The head


def _title(state: LiveState, columns: int) -> Text:
    return _ends(line(" ", (clean(state.title), Style.BOLD)), _time(state), columns)


def _ends(left: Text, right: Text, columns: int) -> Text:
    """Puts two parts at the two ends of a line; cuts the left one if they do not both fit."""
    left.truncate(max(1, columns - right.cell_len - 2), overflow="ellipsis", pad=True)
    return line(left, "  ", right)


def _time(state: LiveState) -> Text:
    elapsed_s = state.snapshot.elapsed_s if state.snapshot is not None else 0.0
    duration_s = state.plan.duration_s
    if state.draining:
        return line(("waiting for the last responses", Style.WARNING))
    if duration_s is None:
        time = f"{clock(elapsed_s)}, until stopped"
    else:
        time = f"{clock(elapsed_s)} of {clock(duration_s)}, {clock(duration_s - int(elapsed_s))} left"
    return line(("PAUSED", Style.WARNING), f"  {time}") if state.paused else line(time)


def _status(state: LiveState, snapshot: Snapshot, columns: int) -> Text:
    waiting = (f"waiting {snapshot.waiting:,}", Style.WARNING if snapshot.waiting else Style.PLAIN)
    right = line(f"in flight {snapshot.in_flight:,}   ", waiting)
    return _ends(line(f" {clean(state.model)}"), right, columns)


# Figures


def _row(label: str, figures: Sequence[str], columns: int, *, bad: bool = False) -> Text:
    """Returns a line of five figures; `bad`: so is the last one."""
    width = min(_FIGURE_MAX, (columns - _LABEL) // len(_NARROW))
    widths = _NARROW if width < max(_NARROW) else (width,) * len(_NARROW)
    *first, last = (f"{each:>{width}}" for each, width in zip(figures, widths, strict=True))
    return line(f"{label:<{_LABEL}}", *first, (last, Style.BAD if bad else Style.PLAIN))


def _head(label: str, names: Sequence[str], columns: int) -> Text:
    return line((_row(label, names, columns).plain, Style.DIM))


def _requests(state: LiveState, snapshot: Snapshot, columns: int) -> list[Text]:
    now, total = rates_now(snapshot), snapshot.total
    target = "-" if state.plan.open is None else per_second(snapshot.rate_per_s)
    rates = [per_second(each) for each in (now.offered, now.started, now.completed, now.failed)]
    counts = [f"{each:,}" for each in (total.offered, total.started, total.completed, total.failed)]
    return [
        _head(" requests", ("target", "offered", "started", "completed", "failed"), columns),
        _row(" per second", (target, *rates), columns, bad=bool(now.failed)),
        _row(" in all", ("", *counts), columns, bad=bool(total.failed)),
    ]


def _times(summary: Summary, window: str, columns: int, *, closed: bool) -> list[Text]:
    return [
        _latency(f" response {window}", summary.response, columns),
        *([] if closed else [_latency(f" service {window}", summary.service, columns)]),
    ]


def _latency(label: str, latency: Latency, columns: int) -> Text:
    shown = (latency.p50, latency.p90, latency.p99, latency.p999, latency.max)
    return _row(label, [milliseconds(value) for value in shown], columns)


# Below the heat map


def _label(name: str) -> tuple[str, Style]:
    return f" {name:<{LABEL_COLUMNS - 1}}", Style.DIM


def _errors(snapshot: Snapshot) -> Text:
    errors = snapshot.total.errors
    if not errors:
        return line(_label("errors"), "none")
    return line(_label("errors"), ("   ".join(f"{name} {count:,}" for name, count in errors.items()), Style.BAD))


def _generator(snapshot: Snapshot, columns: int, *, closed: bool) -> Text:
    count = snapshot.processes
    lag = "" if closed else f"   lag p99 {milliseconds(lag_p99_ms(snapshot))} ms"
    style = Style.WARNING if near_limit(snapshot) else Style.PLAIN
    cpu = f"CPU {snapshot.cpu_percent:.0f} %"
    one = count == 1
    texts = [
        f"{cpu} of a core ({'1 process' if one else f'the busiest of {count} processes'}){lag}",
        f"{cpu} ({'1 process' if one else f'busiest of {count}'}){lag}",
    ]
    return line(_label("generator"), (fitting(texts, columns - LABEL_COLUMNS), style))


def _messages(state: LiveState, snapshot: Snapshot, room: int) -> list[Text]:
    """Returns a fixed number of lines with the most urgent messages, so that the lines below never move."""
    message = [line((f" {clean(state.message)}", Style.WARNING))] if state.message else []
    text = limit_warning(snapshot)
    warning = [line((f" {text}", Style.WARNING))] if text else []
    places = 2 if room > _ROOMY else 1
    return [*message, *warning, *_marks(snapshot), *[line()] * places][:places]


def _marks(snapshot: Snapshot) -> list[Text]:
    """Returns the marks, the newest first; those that do not fit are on the heat map or in the report."""
    if not snapshot.marks:
        return []
    marks = [
        f"{mark_name(number)} {clock(since_start(snapshot, mark))} {clean(mark.text)}"
        for number, mark in enumerate(snapshot.marks)
    ]
    return [line(_label("marks"), "   ".join(reversed(marks[-20:])))]


def _keys(state: LiveState, columns: int) -> Text:
    if state.explaining:
        return line((" any key goes back", Style.BOLD))
    if state.stopping:
        return line((" stopping; the report follows   q leaves this view at once", Style.BOLD))
    keys = ["m mark", "s q stop and report", "? help"]
    if state.plan.open is not None:
        keys = ["+ - rate", "p continue" if state.paused else "p pause", *keys]
    return line((fitting([f" {gap.join(keys)}" for gap in ("   ", "  ")], columns), Style.BOLD))


def _explanations(columns: int) -> list[Text]:
    lines: list[Text] = [line()]
    for word, meaning in EXPLANATIONS:
        first, *others = wrap(meaning, columns - LABEL_COLUMNS - 2, indent="")
        lines.append(line((f" {word:<{LABEL_COLUMNS - 1}}", Style.BOLD), first))
        lines += [line(" " * LABEL_COLUMNS, text) for text in others]
    return lines


# The instances


def instance_lines(recent: Summary, columns: int, room: int) -> list[Text]:
    """Returns a heading and a cell for each instance; the last cell counts those that do not fit."""
    instances = recent.instances
    if not instances or room < 1:
        return []
    if room < 2:
        return [line((f" {len(instances)} instances respond; enlarge the terminal to see each", Style.DIM))]
    across = max(1, min(len(instances), (columns + 1) // (_INSTANCE + 1)))
    names = short_names([clean(one.id) for one in instances])
    cells = [_cell(name, one, recent.seconds) for name, one in zip(names, instances, strict=True)]
    if len(cells) > (room - 1) * across:
        kept = (room - 1) * across - 1
        cells = [*cells[:kept], line((f" … and {len(cells) - kept} more", Style.DIM))]
    gap = Text(" ")
    head = line((f" {'instance':<{_NAME}} {'host':<{_HOST}}{'per s':>7}{'p99 ms':>8}{'bad':>5}", Style.DIM))
    return [gap.join([head] * across), *(gap.join(cells[at : at + across]) for at in range(0, len(cells), across))]


def short_names(ids: Sequence[str]) -> list[str]:
    """Shortens the ids to nine columns so that they stay different: to their beginnings, or else to their ends."""
    if all(len(each) <= _NAME for each in ids):
        return list(ids)
    for length in range(_NAME_SHORTEST, _NAME + 1):
        names = [each[:length] for each in ids]
        if len(set(names)) == len(names):
            return names
    return [each if len(each) <= _NAME else f"…{each[1 - _NAME :]}" for each in ids]


def _cell(name: str, one: InstanceSummary, seconds: float) -> Text:
    attempts = one.answered + one.lost + one.late + one.errors
    bad = one.late + one.errors
    rate = attempts / seconds if seconds else None
    return line(
        f" {name:<{_NAME}} {cut(clean(one.host), _HOST):<{_HOST}}{per_second(rate):>7}"
        f"{milliseconds(one.latency.p99):>8}",
        (f"{bad:>5}", Style.BAD if bad else Style.PLAIN),
    )
