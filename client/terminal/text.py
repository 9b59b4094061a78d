"""Styled text for a terminal: spans, their width in columns, cutting and wrapping. Pure."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

RESET = "\x1b[0m"


class Style(StrEnum):
    """The styles in use, as the escape sequences that set them."""

    PLAIN = ""
    BOLD = "\x1b[1m"
    DIM = "\x1b[2m"
    GOOD = "\x1b[32m"
    WARNING = "\x1b[33m"
    BAD = "\x1b[31m"
    SHADE = "\x1b[36m"
    """The cells of a heat map: neither good nor bad."""


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of text in one style."""

    text: str
    style: Style = Style.PLAIN


Line = tuple[Span, ...]


def line(*parts: str | Span) -> Line:
    """Makes a line of plain and styled parts."""
    return tuple(Span(part) if isinstance(part, str) else part for part in parts)


def clean(text: str) -> str:
    """Returns the text without control characters: text from outside may contain escape sequences."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def clean_lines(text: str) -> str:
    """Does the same with a text of several lines, and keeps the line ends."""
    return "\n".join(clean(each) for each in text.split("\n"))


def cells(text: str) -> int:
    """Returns how many columns the text takes."""
    if text.isascii():
        return len(text)
    return sum(_cells_of(char) for char in text)


def _cells_of(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cut(text: str, columns: int) -> str:
    """Cuts the text to this number of columns; an ellipsis stands for the rest."""
    if cells(text) <= columns:
        return text
    if columns <= 0:
        return ""
    kept, used = [], 0
    for char in text:
        used += _cells_of(char)
        if used > columns - 1:
            break
        kept.append(char)
    return "".join(kept) + "…"


def width_of(content: Line) -> int:
    """Returns how many columns the line takes."""
    return sum(cells(span.text) for span in content)


def cut_line(content: Line, columns: int) -> Line:
    """Cuts the line to this number of columns."""
    result: list[Span] = []
    left = columns
    for span in content:
        text = cut(span.text, left)
        result.append(Span(text, span.style))
        left -= cells(text)
        if text != span.text or left <= 0:
            break
    return tuple(result)


def padded(content: Line, columns: int) -> Line:
    """Cuts the line to this number of columns, or fills it up with spaces."""
    content = cut_line(content, columns)
    return (*content, Span(" " * (columns - width_of(content))))


def spread(left: Line, right: Line, columns: int) -> Line:
    """Puts two parts at the two ends of a line; leaves out the right one if they do not both fit."""
    gap = columns - width_of(left) - width_of(right)
    return (*left, Span(" " * gap), *right) if gap >= 2 else left


def wrap(text: str, columns: int, *, indent: str) -> list[str]:
    """Wraps the text to this number of columns and indents all lines but the first."""
    return textwrap.wrap(text, max(columns, 20), subsequent_indent=indent, break_on_hyphens=False) or [""]


def plain(content: Line) -> str:
    """Returns the line without its styles."""
    return "".join(span.text for span in content).rstrip()


def painted(content: Line, *, colour: bool) -> str:
    """Returns the line with its escape sequences."""
    if not colour:
        return plain(content)
    return "".join(f"{span.style}{span.text}{RESET}" if span.style else span.text for span in content)


def columns_of(rows: Iterable[Iterable[str]], *, gap: int = 2) -> list[str]:
    """Returns the lines of a table, each column as wide as its widest cell."""
    table = [list(row) for row in rows]
    widths = [max(cells(cell) for cell in column) for column in zip(*table, strict=True)]
    return [
        "".join(cell + " " * (width - cells(cell) + gap) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
