"""Documents from a folder of text, Markdown and HTML: a user's folder, or the lessons.

`Document.body` describes the plain text that they become."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path

from server.api.results import Document
from vmhost.base.errors import InvalidInput

_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARKS = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1|`([^`]+)`|(?<![\w*])\*(?=\S)([^*]+?)(?<=\S)\*(?![\w*])")
_TABLE_RULE = re.compile(r"\|?[\s:|-]*-[\s:|-]*")
_SPACE = re.compile(r"\s+")
FILES_MAX = 50_000
FILE_BYTES_MAX = 1 << 20
TOTAL_BYTES_MAX = 64 << 20
_ID_CHARS_MAX = 160


def lesson_documents(folder: Path) -> list[Document]:
    """Return the lessons in a folder, one per Markdown file: its first line is the title, its name gives the id."""
    found: list[Document] = []
    for path in text_files(folder):
        if path.suffix == ".md":
            title, body = from_markdown(_read(path))
            found.append(
                Document(
                    id=f"lesson.{_slug(path.relative_to(folder).with_suffix('').as_posix())}",
                    title=title or path.stem,
                    kind="lesson",
                    body=body,
                )
            )
    return found


def folder_documents(folder: Path) -> list[Document]:
    """Return a document for each text, Markdown and HTML file in the folder and its subfolders, sorted by path.

    Raises InvalidInput if there are no files, or if they are too many, too large or unreadable."""
    files = text_files(folder)
    total = sum(_size(path) for path in files)
    if total > TOTAL_BYTES_MAX:
        raise InvalidInput(f"the texts in {folder} have {total:,} bytes; the maximum is {TOTAL_BYTES_MAX:,}")
    taken: set[str] = set()
    return [_page(path, folder, taken) for path in files]


def text_files(folder: Path) -> list[Path]:
    """Return the files that can be read as documents, sorted. Raises InvalidInput if there are none or too many."""
    if not folder.is_dir():
        raise InvalidInput(f"corpus folder {folder} does not exist")
    found = sorted(_walk(folder))
    if not found:
        raise InvalidInput(f"corpus folder {folder} has no texts; files must end with {', '.join(sorted(_READERS))}")
    return found


def _walk(folder: Path) -> Iterator[Path]:
    count = 0
    for parent, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            path = Path(parent, name)
            if path.suffix.lower() in _READERS and not name.startswith(".") and path.is_file():
                count += 1
                if count > FILES_MAX:
                    raise InvalidInput(f"corpus folder {folder} has too many texts; the maximum is {FILES_MAX:,}")
                yield path


def _refuse(error: OSError) -> None:
    raise InvalidInput(f"corpus folder {error.filename} cannot be read: {error.strerror}") from error


def _size(path: Path) -> int:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
    if size > FILE_BYTES_MAX:
        raise InvalidInput(
            f"{path} has {size:,} bytes; the maximum is {FILE_BYTES_MAX:,} per file. Split it or remove it"
        )
    return size


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").replace("\0", "").removeprefix("\ufeff")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error


def _page(path: Path, folder: Path, taken: set[str]) -> Document:
    title, body = _READERS[path.suffix.lower()](_read(path))
    own = f"page.{_slug(path.relative_to(folder).as_posix())}"
    unique, number = own, 2
    while unique in taken:
        unique, number = f"{own}-{number}", number + 1
    taken.add(unique)
    return Document(id=unique, title=title[:200] or path.stem, kind="page", body=body)


def _slug(path: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", path)[:_ID_CHARS_MAX]


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


_READERS: dict[str, Callable[[str], tuple[str, str]]] = {
    ".txt": from_text,
    ".text": from_text,
    ".rst": from_text,
    ".md": from_markdown,
    ".markdown": from_markdown,
    ".html": from_html,
    ".htm": from_html,
}
