"""Finds out whether a guest's program is stopped by a signal, from the process table."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

_STOPPED, _DEAD = "T", frozenset("ZX")


def is_stopped(root: int, rows: Iterable[tuple[int, int, str]]) -> bool:
    """Return whether the program under a container's first process is stopped by a signal. Pure.

    `rows` are process ids with their parents and states. The first process is an init whose child is the program;
    without an init it is the program itself."""
    states = {pid: (parent, state) for pid, parent, state in rows}
    children = [state for parent, state in states.values() if parent == root and state not in _DEAD]
    own = [states[root][1]] if root in states else []
    return bool(found := children or own) and all(state == _STOPPED for state in found)


def read_program(root: int, proc: Path = Path("/proc")) -> tuple[tuple[int, int, str], ...]:
    """Return a process and its children in the form that `is_stopped` takes, without those that have ended."""
    try:
        children = (proc / str(root) / "task" / str(root) / "children").read_text().split()
    except OSError:
        children = []
    rows = []
    for pid in (root, *map(int, children)):
        try:
            fields = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        rows.append((pid, int(fields[1]), fields[0]))
    return tuple(rows)
