"""Numbers as the screens write them: short, aligned below each other, with no more digits than are known. Pure."""

from __future__ import annotations


def milliseconds(value: float | None) -> str:
    """Returns a time with about three digits; "-" if there are too few samples."""
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 1000 else f"{value:.0f}"


def per_second(value: float | None) -> str:
    """Returns a rate; "-" if no full second has passed."""
    if value is None:
        return "-"
    return f"{value:.1f}" if value < 1000 else f"{value:,.0f}"


def short_rate(value: float) -> str:
    """Returns a rate for use in a sentence: 20, 2.5, 1,250."""
    return f"{value:g}" if value < 1000 else f"{value:,.0f}"


def clock(seconds: float) -> str:
    """Returns seconds as 0:07, 12:30 or 1:02:30."""
    whole = max(0, int(seconds))
    minutes, second = divmod(whole, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}" if hour else f"{minute}:{second:02}"
