"""The table of instances that responded, side by side as far as the terminal is wide. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from client.load.summary import InstanceSummary, Summary
from client.terminal.numbers import milliseconds, per_second
from client.terminal.text import Line, Span, Style, clean, cut, line

_CELL = 38
_NAME, _HOST = 9, 7
_SHORTEST = 6


def instance_lines(recent: Summary, columns: int, room: int) -> list[Line]:
    """Returns a heading and a cell for each instance; the last cell counts those that do not fit."""
    instances = recent.instances
    if not instances or room < 1:
        return []
    if room < 2:
        return [line(Span(f" {len(instances)} instances respond; enlarge the terminal to see each", Style.DIM))]
    across = max(1, min(len(instances), (columns + 1) // (_CELL + 1)))
    names = short_names([clean(one.id) for one in instances])
    cells = [_cell(name, one, recent.seconds) for name, one in zip(names, instances, strict=True)]
    if len(cells) > (room - 1) * across:
        kept = (room - 1) * across - 1
        cells = [*cells[:kept], line(Span(f" … and {len(cells) - kept} more", Style.DIM))]
    head = line(Span(f" {'instance':<{_NAME}} {'host':<{_HOST}}{'per s':>7}{'p99 ms':>8}{'bad':>5}", Style.DIM))
    return [_beside([head] * across), *(_beside(cells[at : at + across]) for at in range(0, len(cells), across))]


def short_names(ids: Sequence[str]) -> list[str]:
    """Shortens the ids to nine columns so that they stay different: to their beginnings, or else to their ends."""
    if all(len(each) <= _NAME for each in ids):
        return list(ids)
    for length in range(_SHORTEST, _NAME + 1):
        names = [each[:length] for each in ids]
        if len(set(names)) == len(names):
            return names
    return [each if len(each) <= _NAME else f"…{each[1 - _NAME :]}" for each in ids]


def _cell(name: str, one: InstanceSummary, seconds: float) -> Line:
    attempts = one.answered + one.lost + one.late + one.errors
    bad = one.late + one.errors
    rate = attempts / seconds if seconds else None
    return line(
        f" {name:<{_NAME}} {cut(clean(one.host), _HOST):<{_HOST}}{per_second(rate):>7}"
        f"{milliseconds(one.latency.p99):>8}",
        Span(f"{bad:>5}", Style.BAD if bad else Style.PLAIN),
    )


def _beside(cells: Sequence[Line]) -> Line:
    spans: list[Span] = []
    for cell in cells:
        spans += [*([Span(" ")] if spans else []), *cell]
    return tuple(spans)
