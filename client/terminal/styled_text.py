"""Styled lines for a screen, made of rich's Text. Pure.

Lines are assembled from strings and pairs of string and style, never from markup: text from outside could contain it.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from rich.cells import cell_len, set_cell_size
from rich.text import Text

line = Text.assemble
"""Makes a line of strings, of pairs (string, style), and of other lines."""


class Style(StrEnum):
    """The styles in use, by rich's names."""

    PLAIN = ""
    BOLD = "bold"
    DIM = "dim"
    GOOD = "green"
    WARNING = "yellow"
    BAD = "red"
    SHADE = "cyan"
    """The cells of a heat map: neither good nor bad."""


def cut(text: str, columns: int) -> str:
    """Cuts the text to this number of columns; an ellipsis stands for the rest."""
    if cell_len(text) <= columns:
        return text
    return set_cell_size(text, columns - 1) + "…" if columns > 0 else ""


def spread(left: Text, right: Text, columns: int) -> Text:
    """Puts two parts at the two ends of a line; leaves out the right one if they do not both fit."""
    gap = columns - left.cell_len - right.cell_len
    return line(left, " " * gap, right) if gap >= 2 else left


def fitting(texts: Sequence[str], columns: int) -> str:
    """Returns the first text that fits in this number of columns, else the last one."""
    return next((text for text in texts if cell_len(text) <= columns), texts[-1])


def page(lines: Sequence[Text], bottom: Text, columns: int, rows: int) -> list[Text]:
    """Returns exactly `rows` lines of at most `columns`: these, cut or filled up, and `bottom` as the last one."""
    room = max(0, rows - 1)
    shown = [*lines[:room], *(Text() for _ in range(room - len(lines))), bottom]
    for each in shown:
        each.truncate(columns, overflow="ellipsis")
    return shown
