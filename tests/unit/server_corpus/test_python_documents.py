"""Documents of the running Python's documentation."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from server.api.results import Document
from server.corpus.builtin import builtin_documents, compiled_modules
from server.corpus.python import Module, module_documents
from server.corpus.stdlib import source_files, stdlib_documents

SOURCE = b'''"""What the module says of itself."""
from os import path

def shout(text, *, loud: bool = True):
    """Says the text, with ``loud`` as :meth:`str.upper` would::

        shout("x")
    """

def _hidden():
    """Nobody is to find this one here."""

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
        found = stdlib_documents(worker, files, ["builtins", "math", "_io", "posix"])
    return {document.id: document for document in found}


def test_a_module_gives_documents_for_what_is_public_and_documented() -> None:
    found, _ = module_documents(Module("pack.mod", SOURCE))
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


def test_source_that_is_no_python_gives_nothing() -> None:
    assert module_documents(Module("broken", b"def (:")) == ([], {})


def test_what_a_package_hands_on_is_found_under_the_name_that_people_import(documents: dict[str, Document]) -> None:
    assert documents["python.asyncio.create_task"].body.startswith("    asyncio.create_task(coro, *,")
    assert "python.asyncio.tasks.create_task" not in documents
    assert documents["python.json.JSONDecoder.decode"].kind == "method"
    assert "python.os.path.join" in documents


def test_modules_written_in_c_are_asked(documents: dict[str, Document]) -> None:
    assert {"python.math.sqrt", "python.len", "python.str.split", "python.io.TextIOWrapper"} <= documents.keys()
    assert "self" not in documents["python.str.split"].body.splitlines()[0]
    assert list(builtin_documents(["no_such_module"])) == []
    assert {"builtins", "math"} <= set(compiled_modules())


def test_the_languages_topics_are_documents(documents: dict[str, Document]) -> None:
    topics = [document for document in documents.values() if document.kind == "topic"]
    assert len(topics) > 50
    assert documents["topic.for"].title == "The for statement"


def test_ids_fit_in_addresses_and_bodies_are_bounded(documents: dict[str, Document]) -> None:
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,200}", each) for each in documents)
    assert all(0 < len(each.body) <= 24_000 for each in documents.values())
    assert list(documents) == sorted(documents)


def test_the_whole_library_is_read_from_some_hundred_files() -> None:
    names = [name for name, _ in source_files()]
    assert len(names) > 300
    assert names.count("asyncio.tasks") == 1
    assert not [name for name in names if name.split(".")[0] in {"test", "idlelib", "turtle"} or name.startswith("_")]
