"""Numbers as the live view writes them: short, aligned where they stand below each other, never more than is known."""

from __future__ import annotations


def milliseconds(value: float | None) -> str:
    """A time with about three figures; "-" where there are too few samples to say."""
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 1000 else f"{value:.0f}"


def per_second(value: float | None) -> str:
    """A rate; "-" where no whole second is over yet."""
    if value is None:
        return "-"
    return f"{value:.1f}" if value < 1000 else f"{value:,.0f}"


def short_rate(value: float) -> str:
    """A rate in a sentence: 20, 2.5, 1,250."""
    return f"{value:g}" if value < 1000 else f"{value:,.0f}"


def clock(seconds: float) -> str:
    """Seconds from the start as 0:07, 12:30 or 1:02:30."""
    whole = max(0, int(seconds))
    minutes, second = divmod(whole, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}" if hour else f"{minute}:{second:02}"
