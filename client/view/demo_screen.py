"""Draw the live screen: a view state in, lines out, for 80 x 24 and from 60 x 20 up. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import zip_longest

from rich.cells import cell_len
from rich.text import Text

from client.cloud_state import Tone, shard_of
from client.experiments.runner import EXPERIMENTS
from client.load.run_result import Snapshot as LoadSnapshot
from client.load.summary import Latency
from client.terminal.plain_text import clean, time_of_day, wrap
from client.terminal.styled_text import Style, cut, fitting, line, page, spread
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


def render(state: ViewState, columns: int, rows: int) -> list[Text]:
    """Return exactly `rows` lines of at most `columns`; the last one lists the keys."""
    top = [*_header(state, columns), *_hosts(state, columns, rows), *_totals(state, columns)]
    middle = _middle(state, columns, max(0, rows - len(top) - 1))
    return page([*top, *middle], _bottom(state, columns), columns, rows)


def _header(state: ViewState, columns: int) -> list[Text]:
    count = len([view for view in state.cloud_state.running if shard_of(view) is not None])
    noun = "instance answers" if count == 1 else "instances answer"
    title = line(("glasscloud", Style.BOLD), f": {count} {noun} one search box")
    search = line("  search  ", (f"{state.search_url}/search?q=hypervisor", Style.BOLD))
    console = line("  console ", (state.console_url, Style.BOLD))
    snapshot = state.cloud_state.snapshot
    what = isolation_sentence(snapshot, state.why, columns - 2) if snapshot else "waiting for the platform"
    return [
        spread(title, line(("Ctrl-C removes everything", Style.DIM)), columns),
        spread(search, line(("(o opens it)", Style.DIM)), columns),
        *([spread(console, line(("(c opens it)", Style.DIM)), columns)] if state.console_url else []),
        line("  ", what),
    ]


def _hosts(state: ViewState, columns: int, rows: int) -> list[Text]:
    snapshot = state.cloud_state.snapshot
    if snapshot is None:
        return []
    hosts = [host.id for host in snapshot.hosts] or sorted({view.host for view in state.cloud_state.present})
    side_by_side = columns >= _SIDE_BY_SIDE_MIN and len(hosts) > 1
    across = min(len(hosts), max(1, columns // (_SIDE_BY_SIDE_MIN // 2))) if side_by_side else 1
    width = columns // across
    room = max(4, rows - 12) // (1 if side_by_side else max(1, len(hosts)))
    blocks = [_host(state, host, width, room) for host in hosts]
    lines: list[Text] = []
    for begin in range(0, len(blocks), across):
        lines += _beside(blocks[begin : begin + across], width)
    return lines


def _beside(blocks: Sequence[list[Text]], width: int) -> list[Text]:
    for each in (cell for block in blocks for cell in block):
        each.truncate(width, overflow="ellipsis", pad=True)
    return [line(*row) for row in zip_longest(*blocks, fillvalue=Text(" " * width))]


def _host(state: ViewState, host: str, width: int, room: int) -> list[Text]:
    views = sorted(
        (view for view in state.cloud_state.present if view.host == host),
        key=lambda view: (shard_of(view) is None, shard_of(view) or 0, view.launched_at, view.id),
    )
    shown = views if len(views) < room else views[: room - 2]
    lines = [line(" ", (host, Style.BOLD)), *(_instance(state, view, width) for view in shown)]
    if len(shown) < len(views):
        lines.append(line((f" … and {len(views) - len(shown)} more", Style.DIM)))
    return lines


def _instance(state: ViewState, view: InstanceView, width: int) -> Text:
    shard = shard_of(view)
    name = f" {state.short(view.id)} " + (f"shard {shard} " if shard is not None else f"{view.type} ")
    if faults := state.cloud_state.faults.get(view.id):
        shown_state = (state.cloud_state.fault_title(faults[0].fault), Style.BAD)
    else:
        shown_state = (view.state, _STATE_STYLES.get(view.state, Style.BAD))
    figures = _figures(state, view) if view.state == "running" else ""
    use = _use(state, view) if width >= cell_len(name) + 9 + cell_len(figures) + 14 else ""
    return line(name, shown_state, f" {figures}{use}")


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


def _totals(state: ViewState, columns: int) -> list[Text]:
    load = state.load
    if load is None:
        return [line(" no load; + starts it"), line()]
    failures = load.total.failed - (0 if state.pause is None else state.pause.failed)
    failed = (f"failed {failures}", Style.BAD if failures else Style.PLAIN)
    rate = line(f" {_rate(load):g} req/s  ", failed, "  ")
    return [line(rate, _recent(state, load, columns - rate.cell_len)), line(_last(state, columns))]


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
    return fitting(variants, room)


def _last(state: ViewState, columns: int) -> str:
    if state.last is None:
        return ""
    path = path_of(state, state.last)
    room = columns - cell_len(path) - len(' last: "" ')
    if room >= _QUERY_MIN:
        return f' last: "{cut(state.last_query, room)}" {path}'
    return f" last: {path_of(state, state.last, brief=cell_len(path) + len(' last: ') > columns)}"


def _middle(state: ViewState, columns: int, room: int) -> list[Text]:
    if state.panel is Panel.ISOLATION and state.cloud_state.snapshot is not None:
        return _panel(isolation_lines(state.cloud_state.snapshot, state.why, columns - 2), room)
    if state.panel is Panel.GLOSSARY:
        return _panel(GLOSSARY, room)
    lines = [each for note in state.notes for each in _note(note, columns)]
    return lines[-room:] if room else []


def _panel(texts: Sequence[str], room: int) -> list[Text]:
    return [line(f" {text}") for text in texts[:room]]


def _note(note: Note, columns: int) -> list[Text]:
    style = _TONE_STYLES[note.tone]
    texts = wrap(f"{time_of_day(note.at)} {clean(note.text)}", columns - 1, indent=" " * 9)
    return [line(" ", (text, style)) for text in texts]


def _bottom(state: ViewState, columns: int) -> Text:
    if state.prompt is not None:
        return line((" search for: ", Style.BOLD), clean(state.prompt), ("_", Style.DIM))
    if state.panel is not Panel.NONE:
        return line((" press any key to go back", Style.BOLD))
    keys = [f"{key} {meaning}" for key, meaning in KEYS]
    return line((fitting([f" {gap.join(keys)}" for gap in ("   ", " ")], columns), Style.BOLD))
