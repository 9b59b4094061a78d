"""Numbers as the page writes them."""

from __future__ import annotations

from client.load.histogram import SAMPLES_BEYOND_MIN
from client.load.summary import Latency
from vmhost.base.markup import Html, escape, fill

NAMES = ("p50", "p90", "p99", "p99.9", "p99.99", "max")
TOO_FEW = f"–: fewer than {SAMPLES_BEYOND_MIN} samples lie beyond, so it would be one request's accident."


def ms(value: float) -> str:
    """Milliseconds with two or three digits that matter."""
    if value < 1:
        return f"{value:.3f}"
    return f"{value:.2f}" if value < 10 else f"{value:,.1f}"


def per_s(value: float) -> str:
    """A rate."""
    return f"{value:,.1f}"


def share(part: float, whole: float) -> str:
    """A part in percent; "–" of nothing."""
    if not whole:
        return "–"
    if part in (0, whole):
        return f"{100 * part / whole:.0f} %"
    # Few is not none, and all but a few is not all.
    percent = min(max(100 * part / whole, 0.001), 99.999)
    digits = f"{percent:.3f}".rstrip("0").rstrip(".") if percent > 99 else f"{percent:.3g}"
    return f"{digits} %"


def row(latency: Latency) -> list[Html]:
    """The six figures by `NAMES`."""
    values = (latency.p50, latency.p90, latency.p99, latency.p999, latency.p9999, latency.max)
    return [cell(value, name, latency.count) for name, value in zip(NAMES, values, strict=True)]


def cell(value: float | None, name: str, count: int) -> Html:
    """The figure, or a dash that says why there is none."""
    if value is not None:
        return escape(ms(value))
    why = f"{count:,} samples are too few to tell {name}: fewer than {SAMPLES_BEYOND_MIN} lie beyond it"
    return fill('<abbr title="{why}">–</abbr>', why=why if count else "no sample")


def seconds(value: float) -> str:
    """A length or a moment of time: "8.0 s", "12 min 30 s", "3 h 2 min"."""
    if value < 120:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 120:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
