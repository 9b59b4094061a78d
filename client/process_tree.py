"""List a program's processes, and check later which of them still run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import psutil


def process_tree(pid: int) -> tuple[psutil.Process, ...]:
    """Return the process and all its descendants; none if it does not run."""
    with contextlib.suppress(psutil.NoSuchProcess):
        program = psutil.Process(pid)
        return (program, *program.children(recursive=True))
    return ()


def still_running(programs: Iterable[psutil.Process]) -> tuple[str, ...]:
    """Return descriptions of those processes that still run. Another process with the same id is not one of them."""
    return tuple(text for each in programs if (text := _describe(each)))


def _describe(program: psutil.Process) -> str:
    with contextlib.suppress(psutil.NoSuchProcess):
        if program.is_running() and program.status() != psutil.STATUS_ZOMBIE:
            return f"process {program.pid} ({' '.join(program.cmdline())})"
    return ""
