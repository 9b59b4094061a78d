"""Titles and plain text from Markdown and HTML; `Document.body` describes the plain text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html.parser import HTMLParser

_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARKS = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1|`([^`]+)`|(?<![\w*])\*(?=\S)([^*]+?)(?<=\S)\*(?![\w*])")
_TABLE_RULE = re.compile(r"\|?[\s:|-]*-[\s:|-]*")
_SPACE = re.compile(r"\s+")


def from_text(text: str) -> tuple[str, str]:
    """Title and body of plain text; its first line is the title if it is short and stands alone."""
    first, _, rest = text.strip().partition("\n")
    if len(first) <= 100 and (not rest or rest.startswith(("\n", "==", "--", "**", "~~"))):
        return first.strip(), rest.lstrip("=-*~\n").rstrip()
    return "", text.strip()


def from_markdown(text: str) -> tuple[str, str]:
    """Title (the first heading, else empty) and body."""
    title = ""
    lines: list[str] = []
    fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif fenced:
            lines.append("    " + line)
        elif line.startswith("#"):
            heading = _inline(line.lstrip("#").strip())
            if title:
                lines += ["", heading, "-" * len(heading), ""]
            else:
                title = heading
        elif line.startswith("    "):
            lines.append(line)
        elif line.lstrip().startswith("|"):
            lines.append(line.strip())
        else:
            lines.append(_inline(re.sub(r"^(\s*)[*+] ", r"\1- ", line)).removeprefix("> "))
    return title, _without_blank_runs(_with_tables(lines))


def _inline(text: str) -> str:
    return _MARKS.sub(lambda match: match[2] or match[3] or match[4], _LINK.sub(r"\1", text))


def _with_tables(lines: Iterable[str]) -> list[str]:
    """The lines, with each table's columns aligned and the table indented like code."""
    done: list[str] = []
    rows: list[list[str]] = []
    for line in [*lines, ""]:
        if line.startswith("|"):
            if not _TABLE_RULE.fullmatch(line):
                rows.append([_inline(cell.strip()) for cell in line.strip("|").split("|")])
            continue
        if rows:
            done += _aligned(rows)
            rows = []
        done.append(line)
    return done


def _aligned(rows: list[list[str]]) -> list[str]:
    columns = max(len(row) for row in rows)
    full = [row + [""] * (columns - len(row)) for row in rows]
    widths = [max(len(row[column]) for row in full) for column in range(columns)]
    shown = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in full]
    return ["", *("    " + line.rstrip() for line in shown), ""]


def _without_blank_runs(lines: Iterable[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in lines)).strip("\n")


def from_html(text: str) -> tuple[str, str]:
    """Title (of the head, else the first heading) and body, without scripts and styles."""
    reader = _TextReader()
    reader.feed(text)
    reader.close()
    reader.end_block()
    return reader.title, "\n\n".join(reader.blocks)


def _tags(names: str) -> frozenset[str]:
    return frozenset(names.split())


class _TextReader(HTMLParser):
    _BLOCKS = _tags(
        "address article aside blockquote body br dd div dl dt footer form h1 h2 h3 h4 h5 h6 header hr li main nav ol p"
        " pre section table td th title tr ul"
    )
    _HEADINGS = _tags("h1 h2 h3 h4 h5 h6")
    _SKIPPED = _tags("script style template noscript svg math")

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self.blocks: list[str] = []
        self._parts: list[str] = []
        self._tag = ""
        self._skipped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._SKIPPED:
            self._skipped += 1
        elif tag in self._BLOCKS:
            self.end_block()
            self._tag = tag

    def handle_endtag(self, tag: str) -> None:
        if tag in self._SKIPPED:
            self._skipped = max(self._skipped - 1, 0)
        elif tag in self._BLOCKS:
            self.end_block()
            self._tag = ""

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self._parts.append(data)

    def end_block(self) -> None:
        """Ends a block: adds the text read since the last one."""
        text = "".join(self._parts)
        self._parts.clear()
        if self._tag == "pre":
            text = "\n".join("    " + line for line in text.strip("\n").splitlines())
        else:
            text = _SPACE.sub(" ", text).strip()
        if not text.strip():
            return
        if self._tag in ("title", "h1") and not self.title:
            self.title = text
        elif self._tag in self._HEADINGS:
            if text != self.title:
                self.blocks.append(f"{text}\n{'-' * len(text)}")
        elif self._tag != "title":
            self.blocks.append(f"- {text}" if self._tag == "li" else text)
