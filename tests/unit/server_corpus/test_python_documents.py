"""Documents of the running Python's documentation."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from server.api.results import Document
from server.corpus.python_docs import (
    compiled_documents,
    compiled_modules,
    module_documents,
    python_documents,
    source_files,
)

SOURCE = b'''"""What the module says of itself."""
from os import path

def shout(text, *, loud: bool = True):
    """Says the text, with ``loud`` as :meth:`str.upper` would::

        shout("x")
    """

def _hidden():
    """Private, so it must not be found."""

def terse():
    """Too short."""

class Box(dict):
    """Holds things until they are wanted."""

    def take(self):
        """Gives one of the things away."""
'''


@pytest.fixture(scope="module")
def documents() -> dict[str, Document]:
    files = [file for file in source_files() if file[0].split(".")[0] in {"asyncio", "json", "posixpath"}]
    with ThreadPoolExecutor(1) as worker:
        found = python_documents(worker, files, ["builtins", "math", "_io", "posix"])
    return {document.id: document for document in found}


def test_public_documented_names_become_documents() -> None:
    found, _ = module_documents("pack.mod", SOURCE)
    assert [(each.id, each.kind) for each in found] == [
        ("python.pack.mod", "module"),
        ("python.pack.mod.shout", "function"),
        ("python.pack.mod.Box", "class"),
        ("python.pack.mod.Box.take", "method"),
    ]
    shout = found[1]
    assert shout.body.startswith(
        "    pack.mod.shout(text, *, loud: bool=True)\n\nSays the text, with loud as str.upper"
    )
    assert "would:\n" in shout.body
    assert found[2].body.startswith("    pack.mod.Box(dict)\n\nHolds things")


def test_invalid_python_gives_no_documents() -> None:
    assert module_documents("broken", b"def (:") == ([], {})


def test_reexports_have_their_public_name(documents: dict[str, Document]) -> None:
    assert documents["python.asyncio.create_task"].body.startswith("    asyncio.create_task(coro, *,")
    assert "python.asyncio.tasks.create_task" not in documents
    assert documents["python.json.JSONDecoder.decode"].kind == "method"
    assert "python.os.path.join" in documents


def test_modules_written_in_c_are_inspected(documents: dict[str, Document]) -> None:
    assert {"python.math.sqrt", "python.len", "python.str.split", "python.io.TextIOWrapper"} <= documents.keys()
    assert "self" not in documents["python.str.split"].body.splitlines()[0]
    assert list(compiled_documents(["no_such_module"])) == []
    assert {"builtins", "math"} <= set(compiled_modules())


def test_language_topics_are_documents(documents: dict[str, Document]) -> None:
    topics = [document for document in documents.values() if document.kind == "topic"]
    assert len(topics) > 50
    assert documents["topic.for"].title == "The for statement"


def test_document_ids_and_bodies_are_bounded(documents: dict[str, Document]) -> None:
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,200}", each) for each in documents)
    assert all(0 < len(each.body) <= 24_000 for each in documents.values())
    assert list(documents) == sorted(documents)


def test_standard_library_files_are_found() -> None:
    names = [name for name, _ in source_files()]
    assert len(names) > 300
    assert names.count("asyncio.tasks") == 1
    assert not [name for name in names if name.split(".")[0] in {"test", "idlelib", "turtle"} or name.startswith("_")]
