"""Documents from a folder of text, Markdown and HTML: a user's folder, or the lessons."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from server.api.results import Document
from server.corpus.text_formats import from_html, from_markdown, from_text
from vmhost.base.errors import InvalidInput

FILES_MAX = 50_000
FILE_BYTES_MAX = 1 << 20
TOTAL_BYTES_MAX = 64 << 20
_ID_CHARS_MAX = 160
_READERS: dict[str, Callable[[str], tuple[str, str]]] = {
    ".txt": from_text,
    ".text": from_text,
    ".rst": from_text,
    ".md": from_markdown,
    ".markdown": from_markdown,
    ".html": from_html,
    ".htm": from_html,
}


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
