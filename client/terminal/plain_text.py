"""Plain text of the screens and of output: numbers, outside text made harmless, wrapping, tables. Pure.

Numbers are short, aligned below each other, and have no more digits than are known.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from datetime import datetime


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


def time_of_day(at: float) -> str:
    """Returns the local time of an epoch second."""
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S")


def clean(text: str) -> str:
    """Returns the text without control characters: text from outside may contain escape sequences."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def clean_lines(text: str) -> str:
    """Does the same with a text of several lines, and keeps the line ends."""
    return "\n".join(clean(each) for each in text.split("\n"))


def wrap(text: str, columns: int, *, indent: str) -> list[str]:
    """Wraps the text to this number of columns and indents all lines but the first."""
    return textwrap.wrap(text, max(columns, 20), subsequent_indent=indent, break_on_hyphens=False) or [""]


def columns_of(rows: Iterable[Iterable[str]], *, gap: int = 2) -> list[str]:
    """Returns the lines of a table, each column as wide as its widest cell.

    By hand: rich's Table folds cells that are too wide for the terminal, and lines in a pipe must stay whole."""
    from rich.cells import cell_len

    table = [list(row) for row in rows]
    widths = [max(cell_len(cell) for cell in column) for column in zip(*table, strict=True)]
    return [
        "".join(cell + " " * (width - cell_len(cell) + gap) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
