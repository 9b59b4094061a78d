"""The documentation of the running Python: its modules, what they define, and the topics of the language.

Modules with source are parsed, and no code of theirs is run. Those written in C are imported and inspected."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
import sysconfig
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path
from types import ModuleType

from server.api.results import Document

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SIGNATURE_CHARS_MAX = 300
_BODY_CHARS_MAX = 24_000
_DOC_CHARS_MIN = 20
"""A shorter text says no more than the name."""
_KNOWN = {"posix": "os", "posixpath": "os.path", "genericpath": "os.path"}
"""The names under which people import what these modules define."""
_ROLE = re.compile(r":[a-z][a-z:+-]*:`[~!]?([^`<]+?)(?: <[^`>]*>)?`|``([^`\n]+)``")
_CODE_FOLLOWS = re.compile(r"::$", re.MULTILINE)
_NOT_ID = re.compile(r"[^A-Za-z0-9._-]")
_SKIPPED = ("_test", "_xx", "_ctypes_test", "_tkinter", "_curses", "_dbm", "_gdbm", "readline", "_crypt", "nis")
"""Made for the interpreter's own tests, or needing libraries that are not always installed."""
_SELF = re.compile(r"\(\$(module|self|type)(, /)?(, )?")
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
        found, exported = module_documents(name, path.read_bytes())
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
        title = title.strip().replace('"', "")
        yield Document(id=f"topic.{name}", title=title, kind="topic", body=body[:_BODY_CHARS_MAX])


def fingerprint() -> list[str]:
    """The facts on which the documents depend; equal facts mean equal documents."""
    stats = [(name, path.stat()) for name, path in source_files()]
    return [sys.version, *(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in stats)]


def python_document(name: str, kind: str, doc: str, signature: str = "") -> Document:
    """The document of a dotted name."""
    text = _CODE_FOLLOWS.sub(":", _ROLE.sub(lambda match: match[1] or match[2], doc))
    body = f"    {name}{signature}\n\n{text}" if signature else text
    return Document(id="python." + _NOT_ID.sub("-", name), title=name, kind=kind, body=body[:_BODY_CHARS_MAX])


def module_documents(name: str, source: bytes) -> tuple[list[Document], dict[str, str]]:
    """The module's documents, and its re-exports: the public name by the original name ("*" for all of a module)."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return [], {}
    return list(_documents(tree, name)), dict(_reexports(tree, name))


def _documents(tree: ast.Module, name: str) -> Iterator[Document]:
    doc = _doc(tree)
    if doc:
        yield python_document(name, "module", doc)
    for node in _defined(tree.body):
        full = f"{_KNOWN.get(name, name)}.{node.name}"
        if isinstance(node, ast.ClassDef):
            yield from _class_documents(node, full, depth=0)
        else:
            yield from _function_document(node, full, "function")


def _class_documents(node: ast.ClassDef, name: str, *, depth: int) -> Iterator[Document]:
    doc = _doc(node)
    if doc:
        bases = f"({', '.join(ast.unparse(base) for base in node.bases)})" if node.bases else ""
        yield python_document(name, "class", doc, bases[:_SIGNATURE_CHARS_MAX])
    for member in _defined(node.body):
        if isinstance(member, _FUNCTIONS):
            yield from _function_document(member, f"{name}.{member.name}", "method")
        elif depth == 0:
            yield from _class_documents(member, f"{name}.{member.name}", depth=1)


def _function_document(node: ast.FunctionDef | ast.AsyncFunctionDef, name: str, kind: str) -> Iterator[Document]:
    doc = _doc(node)
    if doc:
        yield python_document(name, kind, doc, f"({ast.unparse(node.args)})"[:_SIGNATURE_CHARS_MAX])


def _doc(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str | None:
    doc = ast.get_docstring(node)
    return doc if doc and len(doc) >= _DOC_CHARS_MIN else None


def _defined(body: list[ast.stmt]) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Public classes and functions, including those inside an `if` or `try` at the top level."""
    for node in body:
        if isinstance(node, (ast.ClassDef, *_FUNCTIONS)):
            if not node.name.startswith("_"):
                yield node
        elif isinstance(node, ast.If | ast.Try):
            yield from _defined([*node.body, *node.orelse])


def _reexports(tree: ast.Module, name: str) -> Iterator[tuple[str, str]]:
    """The names that a package re-exports from its own modules."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (origin := _origin(node, name)):
            for alias in node.names:
                if alias.name == "*":
                    yield f"{origin}.*", f"{name}.*"
                elif not alias.name.startswith("_") and alias.asname is None:
                    yield f"{origin}.{alias.name}", f"{name}.{alias.name}"


def _origin(node: ast.ImportFrom, package: str) -> str | None:
    if node.level == 1 and node.module:
        return f"{package}.{node.module}"
    if node.level == 0 and node.module and node.module.startswith(package + "."):
        return node.module
    return None


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
        yield from _compiled_module(module, name)


def _compiled_module(module: ModuleType, name: str) -> Iterator[Document]:
    doc = inspect.getdoc(module)
    if doc and not name.startswith("_"):
        yield python_document(name, "module", doc)
    for key, value in sorted(vars(module).items()):
        if key.startswith("_"):
            continue
        full = f"{_public(getattr(value, '__module__', None) or name, name)}{key}"
        if inspect.isclass(value):
            yield from _compiled_class(value, full)
        elif inspect.isbuiltin(value):
            yield from _compiled_callable(value, full, "function")


def _public(owner: str, name: str) -> str:
    """The prefix that people use: `io` for `_io`, and none for built-ins."""
    shown = owner.removeprefix("_") if owner.removeprefix("_") in sys.stdlib_module_names else name
    return "" if shown == "builtins" else f"{_KNOWN.get(shown, shown)}."


def _compiled_class(value: type, name: str) -> Iterator[Document]:
    doc = value.__doc__
    if not isinstance(doc, str) or not doc.strip():
        return
    yield python_document(name, "class", inspect.cleandoc(doc))
    for key, member in sorted(vars(value).items()):
        if not key.startswith("_") and callable(getattr(member, "__func__", member)):
            yield from _compiled_callable(member, f"{name}.{key}", "method")


def _compiled_callable(value: object, name: str, kind: str) -> Iterator[Document]:
    doc = getattr(value, "__doc__", None)
    if isinstance(doc, str) and doc.strip():
        signature = getattr(value, "__text_signature__", None) or ""
        yield python_document(name, kind, inspect.cleandoc(doc), _SELF.sub("(", signature))
