"""Draw the live screen: a view state in, lines out, for 80 x 24 and from 60 x 20 up. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from client.cloud_events import Tone
from client.cloud_state import shard_of
from client.experiments.catalogue import EXPERIMENTS
from client.load.summary import Latency
from client.load.summary import Snapshot as LoadSnapshot
from client.terminal.text import Line, Span, Style, cells, clean, cut, cut_line, line, padded, spread, width_of, wrap
from client.view.screen_texts import GLOSSARY, isolation_lines, isolation_sentence
from client.view.view_state import PAUSE_LEAVES_S, PAUSE_SETTLES_S, Note, Panel, ViewState, path_of
from vmhost.api.views import InstanceView

KEYS = (
    *((each.key, each.title) for each in EXPERIMENTS.values()),
    ("+ -", "load"),
    ("s", "search"),
    ("?", "glossary"),
    ("q", "quit"),
)
COLUMNS_MIN, ROWS_MIN = 60, 20
_SIDE_BY_SIDE_MIN = 72
_QUERY_MIN = 6
_STATE_STYLES = {
    "running": Style.GOOD,
    "pending": Style.WARNING,
    "stopping": Style.WARNING,
    "shutting-down": Style.WARNING,
}
_TONE_STYLES = {
    Tone.NEUTRAL: Style.PLAIN,
    Tone.GOOD: Style.GOOD,
    Tone.WARNING: Style.WARNING,
    Tone.BAD: Style.BAD,
}


def render(state: ViewState, columns: int, rows: int) -> list[Line]:
    """Return exactly `rows` lines of at most `columns`; the last one lists the keys."""
    top = [*_header(state, columns), *_hosts(state, columns, rows), *_totals(state, columns)]
    bottom = _bottom(state, columns)
    room = max(0, rows - len(top) - len(bottom))
    middle = _middle(state, columns, room)
    body = [*top, *middle, *[line()] * (room - len(middle))][: max(0, rows - len(bottom))]
    return [cut_line(each, columns) for each in (*body, *bottom)]


def _header(state: ViewState, columns: int) -> list[Line]:
    count = len([view for view in state.cloud_state.running if shard_of(view) is not None])
    noun = "instance answers" if count == 1 else "instances answer"
    title = line(Span("glasscloud", Style.BOLD), f": {count} {noun} one search box")
    search = line("  search  ", Span(f"{state.search_url}/search?q=hypervisor", Style.BOLD))
    console = line("  console ", Span(state.console_url, Style.BOLD))
    snapshot = state.cloud_state.snapshot
    what = isolation_sentence(snapshot, state.why, columns - 2) if snapshot else "waiting for the platform"
    return [
        spread(title, line(Span("Ctrl-C removes everything", Style.DIM)), columns),
        spread(search, line(Span("(o opens it)", Style.DIM)), columns),
        *([spread(console, line(Span("(c opens it)", Style.DIM)), columns)] if state.console_url else []),
        line("  ", what),
    ]


def _hosts(state: ViewState, columns: int, rows: int) -> list[Line]:
    snapshot = state.cloud_state.snapshot
    if snapshot is None:
        return []
    hosts = [host.id for host in snapshot.hosts] or sorted({view.host for view in state.cloud_state.present})
    side_by_side = columns >= _SIDE_BY_SIDE_MIN and len(hosts) > 1
    across = min(len(hosts), max(1, columns // (_SIDE_BY_SIDE_MIN // 2))) if side_by_side else 1
    width = columns // across
    room = max(4, rows - 12) // (1 if side_by_side else max(1, len(hosts)))
    blocks = [_host(state, host, width, room) for host in hosts]
    lines: list[Line] = []
    for begin in range(0, len(blocks), across):
        lines += _beside(blocks[begin : begin + across], width)
    return lines


def _beside(blocks: Sequence[list[Line]], width: int) -> list[Line]:
    height = max(len(block) for block in blocks)
    rows = [[block[row] if row < len(block) else line() for block in blocks] for row in range(height)]
    return [tuple(span for cell in row for span in padded(cell, width)) for row in rows]


def _host(state: ViewState, host: str, width: int, room: int) -> list[Line]:
    views = sorted(
        (view for view in state.cloud_state.present if view.host == host),
        key=lambda view: (shard_of(view) is None, shard_of(view) or 0, view.launched_at, view.id),
    )
    shown = views if len(views) < room else views[: room - 2]
    lines = [line(" ", Span(host, Style.BOLD)), *(_instance(state, view, width) for view in shown)]
    if len(shown) < len(views):
        lines.append(line(Span(f" … and {len(views) - len(shown)} more", Style.DIM)))
    return lines


def _instance(state: ViewState, view: InstanceView, width: int) -> Line:
    shard = shard_of(view)
    name = f" {state.short(view.id)} " + (f"shard {shard} " if shard is not None else f"{view.type} ")
    if view.id in state.cloud_state.hogging:
        state_span = Span("hogs the CPU", Style.BAD)
    else:
        state_span = Span(view.state, _STATE_STYLES.get(view.state, Style.BAD))
    figures = _figures(state, view) if view.state == "running" else ""
    use = _use(state, view) if width >= cells(name) + 9 + cells(figures) + 14 else ""
    return line(name, state_span, f" {figures}{use}")


def _figures(state: ViewState, view: InstanceView) -> str:
    """Return its rate over two seconds, to follow the load quickly, and its median over ten, for enough samples."""
    if state.load is None or not state.load.moment.seconds:
        return ""
    now, recent = (window.instance(view.id) for window in (state.load.moment, state.load.recent))
    if recent is None:
        return ""
    requests = 0 if now is None else now.answered + now.lost + now.late + now.errors
    rate = requests / state.load.moment.seconds
    p50 = "" if recent.latency.p50 is None else f" {recent.latency.p50:.1f}ms"
    return f"{rate:4.0f}/s{p50}" if rate >= 1 or not requests else f" {rate:.1f}/s{p50}"


def _use(state: ViewState, view: InstanceView) -> str:
    use = state.cloud_state.uses.get(view.id)
    if use is None or view.state != "running":
        return ""
    cpu = "" if use.cpu_cores is None else f"  {use.cpu_cores * 100:.0f}%"
    return f"{cpu} {use.memory_mib:.0f}M"


def _totals(state: ViewState, columns: int) -> list[Line]:
    load = state.load
    if load is None:
        return [line(" no load; + starts it"), line()]
    failures = load.total.failed - (0 if state.pause is None else state.pause.failed)
    failed = Span(f"failed {failures}", Style.BAD if failures else Style.PLAIN)
    rate = line(f" {_rate(load):g} req/s  ", failed, "  ")
    return [(*rate, Span(_recent(state, load, columns - width_of(rate)))), line(_last(state, columns))]


def _recent(state: ViewState, load: LoadSnapshot, room: int) -> str:
    """Return the latencies of the last minute; after a pause those of a window that excludes it."""
    since_s = math.inf if state.pause is None else load.at - state.pause.at
    if since_s < PAUSE_SETTLES_S:
        return f"paused for {state.pause.seconds:.0f} s; measuring again" if state.pause else ""
    if since_s < PAUSE_LEAVES_S:
        return _latency(load.recent.response, room, window="last 10 s")
    return _latency(load.minute, room, window="last minute")


def _rate(load: LoadSnapshot) -> float:
    """Return the requested rate once the last two seconds are near it; until then the measured rate."""
    measured = load.moment.offered / load.moment.seconds if load.moment.seconds else load.rate_per_s
    near = abs(measured - load.rate_per_s) <= max(1.0, load.rate_per_s / 10)
    return load.rate_per_s if near else float(round(measured))


def _latency(latency: Latency, room: int, *, window: str) -> str:
    name, tail = latency.tail
    if latency.p50 is None or tail is None:
        return ""
    phrase = {"p99": "99 of 100 within", "p90": "9 of 10 within"}.get(name, "the slowest took")
    variants = (
        f"{window}: half within {latency.p50:.1f} ms, {phrase} {tail:.1f} ms",
        f"{window}: p50 {latency.p50:.1f} ms, {name} {tail:.1f} ms",
    )
    return next((text for text in variants if cells(text) <= room), variants[-1])


def _last(state: ViewState, columns: int) -> str:
    if state.last is None:
        return ""
    path = path_of(state, state.last)
    room = columns - cells(path) - len(' last: "" ')
    if room >= _QUERY_MIN:
        return f' last: "{cut(state.last_query, room)}" {path}'
    return f" last: {path_of(state, state.last, brief=cells(path) + len(' last: ') > columns)}"


def _middle(state: ViewState, columns: int, room: int) -> list[Line]:
    if state.panel is Panel.ISOLATION and state.cloud_state.snapshot is not None:
        return _panel(isolation_lines(state.cloud_state.snapshot, state.why, columns - 2), room)
    if state.panel is Panel.GLOSSARY:
        return _panel(GLOSSARY, room)
    lines = [each for note in state.notes for each in _note(note, columns)]
    return lines[-room:] if room else []


def _panel(texts: Sequence[str], room: int) -> list[Line]:
    return [line(f" {text}") for text in texts[:room]]


def _note(note: Note, columns: int) -> list[Line]:
    style = _TONE_STYLES[note.tone]
    texts = wrap(f"{clock(note.at)} {clean(note.text)}", columns - 1, indent=" " * 9)
    return [line(" ", Span(text, style)) for text in texts]


def clock(at: float) -> str:
    """Return the local time of day of an epoch second."""
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S")


def _bottom(state: ViewState, columns: int) -> list[Line]:
    if state.prompt is not None:
        return [line(Span(" search for: ", Style.BOLD), clean(state.prompt), Span("_", Style.DIM))]
    if state.panel is not Panel.NONE:
        return [line(Span(" press any key to go back", Style.BOLD))]
    for gap in ("   ", " "):
        text = " " + gap.join(f"{key} {meaning}" for key, meaning in KEYS)
        if cells(text) <= columns:
            break
    return [line(Span(text, Style.BOLD))]
