"""Text on a terminal: styled spans, cells, cutting and wrapping. Pure."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

RESET = "\x1b[0m"


class Style(StrEnum):
    """The few looks there are, as the sequences that set them."""

    PLAIN = ""
    BOLD = "\x1b[1m"
    DIM = "\x1b[2m"
    GOOD = "\x1b[32m"
    CARE = "\x1b[33m"
    BAD = "\x1b[31m"
    SHADE = "\x1b[36m"
    """The cells of a picture, which mean neither good nor bad."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text in one look."""

    text: str
    style: Style = Style.PLAIN


Line = tuple[Span, ...]


def line(*parts: str | Span) -> Line:
    """A line from plain and styled parts."""
    return tuple(Span(part) if isinstance(part, str) else part for part in parts)


def clean(text: str) -> str:
    """The text without anything that could steer a terminal: what comes from outside may hold escape sequences."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def clean_lines(text: str) -> str:
    """The same of a text of several lines, whose line ends stay."""
    return "\n".join(clean(each) for each in text.split("\n"))


def cells(text: str) -> int:
    """How many columns the text takes."""
    if text.isascii():
        return len(text)
    return sum(_cells_of(char) for char in text)


def _cells_of(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cut(text: str, columns: int) -> str:
    """The text in at most so many columns, an ellipsis in place of what did not fit."""
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
    """How many columns the line takes."""
    return sum(cells(span.text) for span in content)


def cut_line(content: Line, columns: int) -> Line:
    """The line in at most so many columns."""
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
    """The line in exactly so many columns."""
    content = cut_line(content, columns)
    return (*content, Span(" " * (columns - width_of(content))))


def spread(left: Line, right: Line, columns: int) -> Line:
    """Two parts at the two ends of a line; the right one only where both fit."""
    gap = columns - width_of(left) - width_of(right)
    return (*left, Span(" " * gap), *right) if gap >= 2 else left


def wrap(text: str, columns: int, *, indent: str) -> list[str]:
    """The text in lines of at most so many columns, all but the first indented."""
    return textwrap.wrap(text, max(columns, 20), subsequent_indent=indent, break_on_hyphens=False) or [""]


def plain(content: Line) -> str:
    """The line without its looks."""
    return "".join(span.text for span in content).rstrip()


def painted(content: Line, *, colour: bool) -> str:
    """The line as a terminal takes it."""
    if not colour:
        return plain(content)
    return "".join(f"{span.style}{span.text}{RESET}" if span.style else span.text for span in content)


def columns_of(rows: Iterable[Iterable[str]], *, gap: int = 2) -> list[str]:
    """A table as lines: each column as wide as its widest cell."""
    table = [list(row) for row in rows]
    widths = [max(cells(cell) for cell in column) for column in zip(*table, strict=True)]
    return [
        "".join(cell + " " * (width - cells(cell) + gap) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
