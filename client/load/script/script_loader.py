"""Reading a script: what it declares without running it, what it does by running it, and what its errors say."""

from __future__ import annotations

import ast
import inspect
import os
import sys
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from client.load.plan.model import Plan
from vmhost.base.errors import InvalidInput

EXPECTED = "a Python file with `async def flow(user)`"
MESSAGE_MAX = 200
TRACEBACK_MAX = 5
_MODULE = "glasscloud_script"


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A script's own functions; `setup` is run once in each process before the run, `on_start` and `on_stop` for each
    user."""

    path: str
    flow: Callable[[Any], Awaitable[object]]
    setup: Callable[[str], Awaitable[object]] | None
    on_start: Callable[[Any], Awaitable[object]] | None = None
    on_stop: Callable[[Any], Awaitable[object]] | None = None


def complete_plan(plan: Plan) -> Plan:
    """The plan with its script's BASE and THRESHOLDS where it has none of its own. Runs nothing of the script.

    Raises InvalidInput for a script that cannot be read or is no Python, or declares what is no plain text."""
    path = plan.script
    assert path is not None
    declared = _declared(_parsed(path))
    if plan.base is None and "BASE" in declared:
        plan = replace(plan, base=_plain_text(declared["BASE"], path))
    if not plan.thresholds and "THRESHOLDS" in declared:
        plan = replace(plan, thresholds=_plain_texts(declared["THRESHOLDS"], path))
    return plan


def load_script(path: str) -> Script:
    """Runs the file and gives its functions. Raises InvalidInput saying what is wrong with it."""
    code = compile(_parsed(path), path, "exec", dont_inherit=True)
    module = sys.modules[_MODULE] = ModuleType(_MODULE)
    module.__file__ = path
    # It may import what lies beside it, as if Python had been given the file.
    folder = str(Path(path).resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        exec(code, module.__dict__)
    except (Exception, SystemExit) as error:
        raise InvalidInput(
            f"script {path} failed while it was loaded: {describe_error(error, path)}; expected {EXPECTED}"
        ) from error
    flow = _function(module, path, "flow", "user")
    if flow is None:
        raise InvalidInput(f"script {path} has no flow; expected {EXPECTED}")
    return Script(
        path=path,
        flow=flow,
        setup=_function(module, path, "setup", "base_url"),
        on_start=_function(module, path, "on_start", "user"),
        on_stop=_function(module, path, "on_stop", "user"),
    )


def describe_error(error: BaseException, path: str) -> str:
    """An error of the script in one line, with the script's line that led to it."""
    text = str(error).partition("\n")[0][:MESSAGE_MAX]
    if not isinstance(error, AssertionError):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    where = f"{Path(path).name}:{lines[-1]}" if lines else Path(path).name
    return f"{text} ({where})" if text else where


def traceback_lines(error: BaseException, path: str) -> list[str]:
    """Where in the script and the files beside it an error was raised, the outermost call first."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_own(frame.filename, path)]
    return [
        f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}: {(frame.line or '').strip()[:MESSAGE_MAX]}"
        for frame in frames[-TRACEBACK_MAX:]
    ]


def is_own(filename: str, path: str) -> bool:
    """Whether a file is the script, or one that lies in its folder and belongs to no installed package."""
    if filename == path:
        return True
    folder = f"{Path(path).resolve().parent}{os.sep}"
    return filename.startswith(folder) and "site-packages" not in filename


def _parsed(path: str) -> ast.Module:
    try:
        return ast.parse(Path(path).read_bytes(), path)
    except OSError as error:
        raise InvalidInput(f"script {path} cannot be read: {error.strerror}; expected {EXPECTED}") from error
    except SyntaxError as error:
        raise InvalidInput(f"script {path}, line {error.lineno}: {error.msg}; expected {EXPECTED}") from error
    except ValueError as error:
        raise InvalidInput(f"script {path} is not Python: {error}; expected {EXPECTED}") from error


def _declared(tree: ast.Module) -> dict[str, ast.expr]:
    """What is assigned to a name at the top of the file."""
    found: dict[str, ast.expr] = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                found[name] = value
    return found


def _plain_text(node: ast.expr, path: str) -> str:
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        raise InvalidInput(
            f'script {path}, line {node.lineno}: BASE is not plain text; write for example "http://127.0.0.1:8000", '
            "or the URL given beside the script"
        )
    return node.value


def _plain_texts(node: ast.expr, path: str) -> tuple[str, ...]:
    items = node.elts if isinstance(node, (ast.Tuple, ast.List)) else []
    texts = tuple(item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str))
    if not texts or len(texts) < len(items):
        raise InvalidInput(
            f"script {path}, line {node.lineno}: THRESHOLDS are not plain texts; "
            'write for example ("p99<2s", "errors<1%")'
        )
    return texts


def _function(module: ModuleType, path: str, name: str, parameter: str) -> Callable[[Any], Awaitable[Any]] | None:
    found: Callable[[Any], Awaitable[Any]] | None = getattr(module, name, None)
    if found is None:
        return None
    expected = f"`async def {name}({parameter})`"
    if not inspect.iscoroutinefunction(found):
        raise InvalidInput(f"script {path} has a {name} that is not async; expected {expected}")
    try:
        inspect.signature(found).bind(None)
    except TypeError as error:
        raise InvalidInput(f"script {path}: {name} cannot be called: {error}; expected {expected}") from error
    return found
