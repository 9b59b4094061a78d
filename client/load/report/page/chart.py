"""Charts: an SVG that holds only shapes and stretches to any width, with its labels as text of the page around it, so
that they stay readable on a phone and on a wall."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from client.load.report.page.axes import Tick
from vmhost.base.markup import Html, fill, join

WIDTH, HEIGHT = 2000, 1000
_CHART = """<figure>
<ul class="legend">{legend}</ul>
<div class="plot{kind}">
<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img"><title>{title}</title><desc>{desc}</desc>
{shapes}
</svg>
{labels}
</div>
{numbers}
</figure>"""


@dataclass(frozen=True, slots=True)
class Key:
    """A legend's entry: the class that draws it, and its words."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Box:
    """The space of a chart's shapes, its origin at the top left."""

    width: int = WIDTH
    height: int = HEIGHT


def chart(
    *, title: str, desc: str, shapes: Iterable[Html], legend: Sequence[Key], x: Sequence[Tick], y: Sequence[Tick],
    numbers: Html, flags: Sequence[Tick] = (), box: Box = Box(), kind: str = "",
) -> Html:  # fmt: skip
    """A chart with legend, labels and its numbers. `flags` are labels at its upper edge."""
    keys = (fill('<li><i class="k {kind}"></i>{text}</li>', kind=key.kind, text=key.text) for key in legend)
    return fill(
        _CHART,
        title=title,
        desc=desc,
        width=box.width,
        height=box.height,
        shapes=join([*shapes], "\n"),
        legend=join(keys),
        labels=join([*_labels("x", "left", x), *_labels("y", "bottom", y), *_labels("flag", "left", flags)]),
        numbers=numbers,
        kind=f" {kind}" if kind else "",
    )


def grid(y: Sequence[Tick], x: Sequence[Tick] = (), box: Box = Box()) -> Html:
    """Lines at these ticks."""
    rows = [f"M0 {_y(tick.at, box)}H{box.width}" for tick in y]
    columns = [f"M{_x(tick.at, box)} 0V{box.height}" for tick in x]
    return fill('<path class="grid" d="{d}"/>', d="".join(rows + columns))


def uprights(kind: str, places: Iterable[float], box: Box = Box()) -> Html:
    """Lines from top to bottom."""
    d = "".join(f"M{_x(at, box)} 0V{box.height}" for at in places)
    return fill('<path class="{kind}" d="{d}"/>', kind=kind, d=d) if d else Html("")


def band(kind: str, begin: float, end: float, box: Box = Box()) -> Html:
    """A stretch of the x axis, shaded from top to bottom; nothing where it is empty."""
    left, right = _x(begin, box), _x(end, box)
    if right <= left:
        return Html("")
    return fill(
        '<rect class="{kind}" x="{left}" y="0" width="{width}" height="{height}"/>',
        kind=kind, left=left, width=right - left, height=box.height,
    )  # fmt: skip


def curve(kind: str, points: Iterable[tuple[float, float]]) -> Html:
    """A line through these points; (0, 0) is at the lower left."""
    d = "L".join(f"{_x(x)} {_y(y)}" for x, y in points)
    return fill('<path class="line {kind}" d="M{d}"/>', kind=kind, d=d) if d else Html("")


def dot(kind: str, x: float, y: float) -> Html:
    """One round point: a line of no length, which unlike a circle keeps its form when the chart is stretched."""
    return fill('<path class="dot {kind}" d="M{x} {y}h0"/>', kind=kind, x=_x(x), y=_y(y))


def steps(kind: str, edges: Sequence[tuple[float, float]], heights: Sequence[float | None]) -> Html:
    """A line that is level over each pair of edges, with a gap where there is no height."""
    d: list[str] = []
    before: int | None = None
    for number, ((left, right), height) in enumerate(zip(edges, heights, strict=True)):
        y = None if height is None else _y(height)
        if y is not None and before is None:
            d.append(f"M{_x(left)} {y}")
        elif y is not None and y != before:
            d.append(f"H{_x(left)}V{y}")
        if y is not None and (number + 1 == len(heights) or heights[number + 1] is None):
            d.append(f"H{_x(right)}")
        before = y
    return fill('<path class="line {kind}" d="{d}"/>', kind=kind, d="".join(d)) if d else Html("")


def _labels(kind: str, side: str, ticks: Iterable[Tick]) -> list[Html]:
    return [
        fill('<span class="{kind}" style="{side}:{at}%">{text}</span>',
             kind=kind, side=side, at=f"{100 * tick.at:.5g}", text=tick.text)
        for tick in ticks
    ]  # fmt: skip


def _x(at: float, box: Box = Box()) -> int:
    return round(at * box.width)


def _y(at: float, box: Box = Box()) -> int:
    return round((1 - at) * box.height)
