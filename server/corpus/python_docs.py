"""The documentation of the running Python: its modules, what they define, and the topics of the language."""

from __future__ import annotations

import re
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path

from server.api.results import Document
from server.corpus.compiled_modules import compiled_documents
from server.corpus.python_source import BODY_CHARS_MAX, PythonModule, module_documents

_LEFT_OUT = frozenset(
    {"antigravity", "distutils", "encodings", "ensurepip", "idlelib", "lib2to3", "msilib", "ntpath", "nturl2path"}
    | {"pydoc_data", "test", "this", "tkinter", "turtle", "turtledemo"}
)
"""Tests, tools, hundreds of codecs, and modules that some systems package separately."""
_EMPHASIS = re.compile(r"(?<![\w*])\*(\w[\w -]*)\*(?![\w*])")
_BATCHES = 16

SourceFile = tuple[str, Path]
"""A module's dotted name and its file."""


def source_files() -> list[SourceFile]:
    """The standard library's public modules that have source, sorted by name."""
    root = Path(sysconfig.get_path("stdlib"))
    found: list[SourceFile] = []
    for name in sorted(sys.stdlib_module_names - _LEFT_OUT):
        if name.startswith("_"):
            continue
        if (root / f"{name}.py").is_file():
            found.append((name, root / f"{name}.py"))
        elif (root / name / "__init__.py").is_file():
            found += _package(name, root / name)
    return found


def _package(name: str, folder: Path) -> Iterator[SourceFile]:
    for entry in sorted(folder.iterdir()):
        if entry.name == "__init__.py":
            yield name, entry
        elif entry.suffix == ".py" and entry.stem != "__main__":
            yield f"{name}.{entry.stem}", entry
        elif entry.name not in ("test", "tests") and (entry / "__init__.py").is_file():
            yield from _package(f"{name}.{entry.name}", entry)


def python_documents(workers: Executor, files: Sequence[SourceFile], compiled: Sequence[str]) -> list[Document]:
    """The documents of the modules and of the language's topics, sorted by id, each name once. `workers` parse."""
    parsing = workers.map(_parse, [files[start::_BATCHES] for start in range(_BATCHES)])
    others = [*compiled_documents(compiled), *topic_documents()]
    parsed = list(parsing)
    re_exports = {origin: public for _, found in parsed for origin, public in found.items()}
    documents = [_renamed(document, re_exports) for found, _ in parsed for document in found]
    documents += others
    unique: dict[str, Document] = {}
    for document in sorted(documents, key=lambda each: (each.id, -len(each.body), each.body)):
        unique.setdefault(document.id, document)
    return [document for document in unique.values() if _is_public(document)]


def _parse(files: Sequence[SourceFile]) -> tuple[list[Document], dict[str, str]]:
    documents: list[Document] = []
    re_exports: dict[str, str] = {}
    for name, path in files:
        found, exported = module_documents(PythonModule(name, path.read_bytes()))
        documents += found
        re_exports |= exported
    return documents, re_exports


def _renamed(document: Document, re_exports: dict[str, str]) -> Document:
    """The document under the shortest name by which people import its subject."""
    if document.kind == "module":
        return document
    parts = document.title.split(".")
    for end in range(len(parts), 1, -1):
        origin = ".".join(parts[:end])
        public = re_exports.get(origin)
        if public is None and (star := re_exports.get(".".join([*parts[: end - 1], "*"]))):
            public = star[:-1] + parts[end - 1]
        if public:
            title = ".".join([public, *parts[end:]])
            body = document.body.replace(document.title, title, 1)
            return Document(id=f"python.{title}", title=title, kind=document.kind, body=body)
    return document


def _is_public(document: Document) -> bool:
    return not any(part.startswith("_") for part in document.title.split(".")) or document.kind == "topic"


def topic_documents() -> Iterator[Document]:
    """The language reference's topics, as `help()` shows them; none if the system lacks them."""
    try:
        from pydoc_data.topics import topics
    except ImportError:
        return
    for name, text in sorted(topics.items()):
        title, _, rest = str(text).strip().partition("\n")
        body = _EMPHASIS.sub(r"\1", rest.lstrip("*=-~\n"))
        yield Document(id=f"topic.{name}", title=_heading(title), kind="topic", body=body[:BODY_CHARS_MAX])


def _heading(line: str) -> str:
    return line.strip().strip('"').replace('"', "")


def fingerprint() -> list[str]:
    """The facts on which the documents depend; equal facts mean equal documents."""
    stats = [(name, path.stat()) for name, path in source_files()]
    return [sys.version, *(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in stats)]
