"""Draws the live screen as lines, for 80 x 24 and any size from 60 x 20. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from client.load.live.heat_map import HeatMap, heat_map, level_of, steps_of
from client.load.live.help_text import EXPLANATIONS, WAITING, key_help
from client.load.live.instance_table import instance_lines
from client.load.live.live_state import LiveState, lag_p99_ms, limit_warning, near_limit, rates_now
from client.load.summary import Latency, Mark, Snapshot
from client.terminal.numbers import clock, milliseconds, per_second
from client.terminal.text import Line, Span, Style, cells, clean, cut, cut_line, line, width_of, wrap

COLUMNS_MIN, ROWS_MIN = 60, 20
_LABEL, _FIGURE_MAX = 14, 11
_NARROW = (9, 9, 9, 10, 9)
"""The widths of five figures in 60 columns: `completed` needs one more."""
_NAME = 11
_HEAT_ROWS_MIN, _HEAT_ROWS_GOOD, _HEAT_ROWS_MAX = 4, 6, 16
_SHADES = " ░▒▓█"
_MARK_NAMES = "123456789abcdefghijklmnopqrstuvwxyz"
_TICK_EVERY = 10
_ROOMY = 26
_GAPS = 4


def render(state: LiveState, columns: int, rows: int) -> list[Line]:
    """Returns exactly `rows` lines of at most `columns` columns; the last one shows the keys."""
    bottom = [_keys(state, columns)]
    room = max(0, rows - len(bottom))
    if state.explaining:
        body = [_title(state, columns), *_explanations(columns)]
    elif state.snapshot is None:
        body = [_title(state, columns), line(" ", clean(state.plan.model)), line(), line(f" {WAITING}")]
    else:
        body = _figures(state, state.snapshot, columns, room)
    body = [*body, *[line()] * (room - len(body))][:room]
    return [cut_line(each, columns) for each in (*body, *bottom)]


def _figures(state: LiveState, snapshot: Snapshot, columns: int, room: int) -> list[Line]:
    """Returns the sections from top to bottom; the heat map and the instances share the space that is left."""
    closed = state.plan.open is None
    top = [_title(state, columns), _status(state, snapshot, columns), *_requests(state, snapshot, columns)]
    times = _times(snapshot, columns, closed=closed)
    whole = _whole(snapshot, columns, closed=closed)
    errors = _errors(snapshot)
    health = [_generator(snapshot, columns, closed=closed), *_messages(state, snapshot, room)]
    heat_least = _HEAT_ROWS_MIN + 2 + bool(snapshot.marks) + bool(snapshot.total.failed)
    left = room - len(top) - len(times) - 1 - len(health)
    instances = instance_lines(snapshot.recent, columns, left - heat_least)
    left -= len(instances)
    if left - len(whole) - heat_least >= _HEAT_ROWS_GOOD - _HEAT_ROWS_MIN:
        times, left = [*times, *whole], left - len(whole)
    gaps = min(_GAPS, max(0, left - heat_least - _HEAT_ROWS_MAX + _HEAT_ROWS_MIN))
    heat = _heat(state, snapshot, columns, left - gaps)
    blanks = [[line()] * (gaps > number) for number in range(_GAPS)]
    figures = [*top[:2], *blanks[0], *top[2:], *blanks[1], *times]
    return [*figures, *blanks[2], *heat, *blanks[3], errors, *instances, *health]


# The head


def _title(state: LiveState, columns: int) -> Line:
    right = _time(state)
    room = max(0, columns - width_of(right) - 3)
    title = cut(clean(state.title), room)
    return line(" ", Span(title, Style.BOLD), " " * (room - cells(title) + 2), *right)


def _time(state: LiveState) -> Line:
    elapsed_s = state.snapshot.elapsed_s if state.snapshot is not None else 0.0
    duration_s = state.plan.duration_s
    if state.draining:
        return line(Span("waiting for the last responses", Style.WARNING))
    if duration_s is None:
        time = f"{clock(elapsed_s)}, until stopped"
    else:
        time = f"{clock(elapsed_s)} of {clock(duration_s)}, {clock(duration_s - int(elapsed_s))} left"
    return line(Span("PAUSED", Style.WARNING), f"  {time}") if state.paused else line(time)


def _status(state: LiveState, snapshot: Snapshot, columns: int) -> Line:
    waiting = Span(f"waiting {snapshot.waiting:,}", Style.WARNING if snapshot.waiting else Style.PLAIN)
    right = line(f"in flight {snapshot.in_flight:,}   ", waiting)
    room = max(0, columns - width_of(right) - 3)
    model = cut(clean(state.model), room)
    return line(f" {model}", " " * (room - cells(model) + 2), *right)


# Figures


def _row(label: str, figures: Sequence[str | Span], columns: int) -> Line:
    width = min(_FIGURE_MAX, (columns - _LABEL) // len(_NARROW))
    widths = _NARROW if width < max(_NARROW) else (width,) * len(_NARROW)
    spans = [each if isinstance(each, Span) else Span(each) for each in figures]
    parts = [Span(f"{each.text:>{width}}", each.style) for each, width in zip(spans, widths, strict=True)]
    return line(f"{label:<{_LABEL}}", *parts)


def _requests(state: LiveState, snapshot: Snapshot, columns: int) -> list[Line]:
    now, total = rates_now(snapshot), snapshot.total
    target = "-" if state.plan.open is None else per_second(snapshot.rate_per_s)
    rates = (target, *(per_second(each) for each in (now.offered, now.started, now.completed)))
    counts = ("", *(f"{each:,}" for each in (total.offered, total.started, total.completed)))
    return [
        _head(" requests", ("target", "offered", "started", "completed", "failed"), columns),
        _row(" per second", (*rates, _failed(per_second(now.failed), now.failed or 0)), columns),
        _row(" in all", (*counts, _failed(f"{total.failed:,}", total.failed)), columns),
    ]


def _head(label: str, names: Sequence[str], columns: int) -> Line:
    return tuple(Span(each.text, Style.DIM) for each in _row(label, names, columns))


def _failed(text: str, count: float) -> Span:
    return Span(text, Style.BAD if count else Style.PLAIN)


def _times(snapshot: Snapshot, columns: int, *, closed: bool) -> list[Line]:
    recent = snapshot.recent
    return [
        _head(" milliseconds", ("p50", "p90", "p99", "p99.9", "max"), columns),
        _latency(" response 10 s", recent.response, columns),
        *([] if closed else [_latency(" service 10 s", recent.service, columns)]),
    ]


def _whole(snapshot: Snapshot, columns: int, *, closed: bool) -> list[Line]:
    total = snapshot.total
    return [
        _latency(" response all", total.response, columns),
        *([] if closed else [_latency(" service all", total.service, columns)]),
    ]


def _latency(label: str, latency: Latency, columns: int) -> Line:
    shown = (latency.p50, latency.p90, latency.p99, latency.p999, latency.max)
    return _row(label, [milliseconds(value) for value in shown], columns)


# The heat map


def _heat(state: LiveState, snapshot: Snapshot, columns: int, room: int) -> list[Line]:
    below = 2 + bool(snapshot.marks) + bool(snapshot.total.failed)
    heat = heat_map(
        snapshot.timeline,
        until_s=min(snapshot.elapsed_s, state.plan.duration_s or snapshot.elapsed_s),
        timeout_s=state.plan.timeout_s,
        columns=columns - _NAME,
        rows=max(1, min(_HEAT_ROWS_MAX, room - below)),
    )
    if not heat.peak and not any(heat.failed):
        return [line(), line(f" {WAITING}"), *[line()] * (room - 2)]
    lines = [_heat_title(heat, steps_of(heat.peak), columns)]
    if snapshot.total.failed:
        lines.append(_heat_row("failed", heat.failed, heat, Style.BAD))
    for below_us, counts in zip(heat.below_us, heat.counts, strict=True):
        lines.append(_heat_row(f"<{below_us / 1000:g} ms", counts, heat, Style.SHADE))
    if snapshot.marks:
        lines.append(_mark_row(snapshot, heat))
    lines.append(_time_row(heat, columns - _NAME))
    return [*lines, *[line()] * (room - len(lines))]


def _heat_title(heat: HeatMap, steps: Sequence[int], columns: int) -> Line:
    legend = "  ".join(f"{shade} {step:,}+" for shade, step in zip(_SHADES[1:], steps, strict=True))
    key = f"{legend}   a column: {heat.width_s:g} s"
    texts = [f" response time: requests per cell  {key}", f" requests per cell  {key}", f" {key}"]
    return line(Span(_fitting(texts, columns), Style.DIM))


def _heat_row(name: str, counts: Sequence[int], heat: HeatMap, style: Style) -> Line:
    steps = steps_of(heat.peak)
    spans = [Span(f"{name:>{_NAME - 1}}│")]
    for count, warm_up in zip(counts, heat.warm_up, strict=True):
        shade, look = _SHADES[level_of(count, steps)], Style.DIM if warm_up else style
        if spans[-1].style is look:
            spans[-1] = Span(spans[-1].text + shade, look)
        else:
            spans.append(Span(shade, look))
    return tuple(spans)


def _mark_row(snapshot: Snapshot, heat: HeatMap) -> Line:
    row = [" "] * heat.columns
    for number, mark in enumerate(snapshot.marks):
        column = heat.column_at(_since_start(snapshot, mark))
        if column is not None:
            row[column] = _mark_name(number)
    return line(f"{'marks':>{_NAME - 1}}│", Span("".join(row), Style.WARNING))


def _time_row(heat: HeatMap, room: int) -> Line:
    text = ""
    for column in range(heat.columns):
        at_s = heat.began_s + column * heat.width_s
        tick = f"'{clock(at_s)}"
        if round(at_s / heat.width_s) % _TICK_EVERY == 0 and column + len(tick) <= room:
            text = text.ljust(column) + tick
    return line(" " * (_NAME - 1), "└", Span(text, Style.DIM))


def _since_start(snapshot: Snapshot, mark: Mark) -> float:
    return mark.at - (snapshot.at - snapshot.elapsed_s)


def _mark_name(number: int) -> str:
    return _MARK_NAMES[number] if number < len(_MARK_NAMES) else "^"


# Below the heat map


def _label(name: str, style: Style = Style.DIM) -> Span:
    return Span(f" {name:<{_NAME - 1}}", style)


def _errors(snapshot: Snapshot) -> Line:
    errors = snapshot.total.errors
    if not errors:
        return line(_label("errors"), "none")
    return line(_label("errors"), Span("   ".join(f"{name} {count:,}" for name, count in errors.items()), Style.BAD))


def _generator(snapshot: Snapshot, columns: int, *, closed: bool) -> Line:
    count = snapshot.processes
    lag = "" if closed else f"   lag p99 {milliseconds(lag_p99_ms(snapshot))} ms"
    style = Style.WARNING if near_limit(snapshot) else Style.PLAIN
    cpu = f"CPU {snapshot.cpu_percent:.0f} %"
    one = count == 1
    texts = [
        f"{cpu} of a core ({'1 process' if one else f'the busiest of {count} processes'}){lag}",
        f"{cpu} ({'1 process' if one else f'busiest of {count}'}){lag}",
    ]
    return line(_label("generator"), Span(_fitting(texts, columns - _NAME), style))


def _messages(state: LiveState, snapshot: Snapshot, room: int) -> list[Line]:
    """Returns a fixed number of lines with the most urgent messages, so that the lines below never move."""
    message = [line(Span(f" {clean(state.message)}", Style.WARNING))] if state.message else []
    text = limit_warning(snapshot)
    warning = [line(Span(f" {text}", Style.WARNING))] if text else []
    places = 2 if room > _ROOMY else 1
    return [*message, *warning, *_marks(snapshot), *[line()] * places][:places]


def _marks(snapshot: Snapshot) -> list[Line]:
    """Returns the marks, the newest first; those that do not fit are on the heat map or in the report."""
    if not snapshot.marks:
        return []
    marks = [
        f"{_mark_name(number)} {clock(_since_start(snapshot, mark))} {clean(mark.text)}"
        for number, mark in enumerate(snapshot.marks)
    ]
    return [line(_label("marks"), "   ".join(reversed(marks[-20:])))]


def _keys(state: LiveState, columns: int) -> Line:
    if state.explaining:
        return line(Span(" any key goes back", Style.BOLD))
    if state.stopping:
        return line(Span(" stopping; the report follows   q leaves this view at once", Style.BOLD))
    keys = [f"{key} {meaning}" for key, meaning in key_help(state.plan, paused=state.paused)]
    return line(Span(_fitting([f" {gap.join(keys)}" for gap in ("   ", "  ")], columns), Style.BOLD))


def _fitting(texts: Sequence[str], columns: int) -> str:
    """Returns the first text that fits, else the last one."""
    return next((text for text in texts if cells(text) <= columns), texts[-1])


def _explanations(columns: int) -> list[Line]:
    lines: list[Line] = [line()]
    for word, meaning in EXPLANATIONS:
        first, *others = wrap(meaning, columns - _NAME - 2, indent="")
        lines.append(line(Span(f" {word:<{_NAME - 1}}", Style.BOLD), first))
        lines += [line(" " * _NAME, text) for text in others]
    return lines
