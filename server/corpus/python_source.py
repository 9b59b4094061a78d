"""Documents from Python source: modules, classes, functions and methods with a docstring. Pure; no code is run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from server.api.results import Document

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SIGNATURE_CHARS_MAX = 300
BODY_CHARS_MAX = 24_000
_DOC_CHARS_MIN = 20
"""A shorter text says no more than the name."""
_KNOWN = {"posix": "os", "posixpath": "os.path", "genericpath": "os.path"}
_ROLE = re.compile(r":[a-z][a-z:+-]*:`[~!]?([^`<]+?)(?: <[^`>]*>)?`|``([^`\n]+)``")
_CODE_FOLLOWS = re.compile(r"::$", re.MULTILINE)
_NOT_ID = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class PythonModule:
    """A module's name and source."""

    name: str
    source: bytes


def known_name(name: str) -> str:
    """The name under which people import what the module defines."""
    return _KNOWN.get(name, name)


def python_document(name: str, kind: str, doc: str, signature: str = "") -> Document:
    """The document of a dotted name."""
    text = _CODE_FOLLOWS.sub(":", _ROLE.sub(lambda match: match[1] or match[2], doc))
    body = f"    {name}{signature}\n\n{text}" if signature else text
    return Document(id="python." + _NOT_ID.sub("-", name), title=name, kind=kind, body=body[:BODY_CHARS_MAX])


def module_documents(module: PythonModule) -> tuple[list[Document], dict[str, str]]:
    """The module's documents, and its re-exports: the public name by the original name ("*" for all of a module)."""
    try:
        tree = ast.parse(module.source)
    except (SyntaxError, ValueError):
        return [], {}
    return list(_documents(tree, module.name)), dict(_reexports(tree, module.name))


def _documents(tree: ast.Module, name: str) -> Iterator[Document]:
    doc = _doc(tree)
    if doc:
        yield python_document(name, "module", doc)
    for node in _defined(tree.body):
        full = f"{known_name(name)}.{node.name}"
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
