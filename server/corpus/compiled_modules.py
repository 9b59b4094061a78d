"""Documents of modules that are written in C: they have no source to read, so they are imported and inspected."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from server.api.results import Document
from server.corpus.python_source import known_name, python_document

_SKIPPED = ("_test", "_xx", "_ctypes_test", "_tkinter", "_curses", "_dbm", "_gdbm", "readline", "_crypt", "nis")
"""Made for the interpreter's own tests, or needing libraries that are not always installed."""
_SELF = re.compile(r"\(\$(module|self|type)(, /)?(, )?")


def compiled_modules() -> list[str]:
    """The names of the standard library's compiled modules on this computer, sorted."""
    # The import system's finders are not used: packages may have added finders of their own, which are slow.
    folders = [path for path in map(Path, sys.path) if path.name == "lib-dynload" and path.is_dir()]
    files = {file.name.partition(".")[0] for folder in folders for file in folder.iterdir()}
    names = sys.stdlib_module_names & {*sys.builtin_module_names, *files}
    return sorted(name for name in names if not name.startswith(_SKIPPED))


def compiled_documents(names: Iterable[str]) -> Iterator[Document]:
    """The documents of the modules and of what they define; a module that cannot be imported is left out."""
    for name in names:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                module = importlib.import_module(name)
            except ImportError:
                continue
        yield from _module(module, name)


def _module(module: ModuleType, name: str) -> Iterator[Document]:
    doc = inspect.getdoc(module)
    if doc and not name.startswith("_"):
        yield python_document(name, "module", doc)
    for key, value in sorted(vars(module).items()):
        if key.startswith("_"):
            continue
        full = f"{_public(getattr(value, '__module__', None) or name, name)}{key}"
        if inspect.isclass(value):
            yield from _class(value, full)
        elif inspect.isbuiltin(value):
            yield from _callable(value, full, "function")


def _public(owner: str, name: str) -> str:
    """The prefix that people use: `io` for `_io`, and none for built-ins."""
    shown = owner.removeprefix("_") if owner.removeprefix("_") in sys.stdlib_module_names else name
    return "" if shown == "builtins" else f"{known_name(shown)}."


def _class(value: type, name: str) -> Iterator[Document]:
    doc = value.__doc__
    if not isinstance(doc, str) or not doc.strip():
        return
    yield python_document(name, "class", inspect.cleandoc(doc))
    for key, member in sorted(vars(value).items()):
        if not key.startswith("_") and callable(getattr(member, "__func__", member)):
            yield from _callable(member, f"{name}.{key}", "method")


def _callable(value: object, name: str, kind: str) -> Iterator[Document]:
    doc = getattr(value, "__doc__", None)
    if isinstance(doc, str) and doc.strip():
        signature = getattr(value, "__text_signature__", None) or ""
        yield python_document(name, kind, inspect.cleandoc(doc), _SELF.sub("(", signature))
