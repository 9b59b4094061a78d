"""Processes on this computer: those of guests with their descendants, sessions and CPU time, and tools that are run."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import psutil

from vmhost.base.errors import Unavailable


def family(leaders: Collection[int]) -> list[psutil.Process]:
    """Return the processes in these leaders' sessions and all descendants of those, the leaders first.

    Takes some milliseconds, because it reads the whole process table; call it in a thread."""
    return sorted(
        _with_descendants((*leaders, *(pid for pid in psutil.pids() if _session(pid) in leaders))),
        key=lambda process: process.pid not in leaders,
    )


def descendants(pids: Collection[int]) -> list[psutil.Process]:
    """Return these processes and their descendants; on Linux in some microseconds for each."""
    if sys.platform != "linux":
        return _with_descendants(pids)
    found: dict[int, psutil.Process] = {}
    todo = list(pids)
    while todo:
        pid = todo.pop()
        if pid not in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                found[pid] = psutil.Process(pid)
                todo += children(pid)
    return list(found.values())


def children(pid: int) -> list[int]:
    """Return the children of a process on Linux, from a file of the kernel: psutil would read every process."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += [int(child) for child in (thread / "children").read_text().split()]
    return found


def is_stopped(pid: int) -> bool:
    """Return whether the process exists and a signal has stopped it."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return False


def kill(processes: Iterable[psutil.Process]) -> None:
    """Kill these processes, but none that has got the id of one since."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()


def run(program: str, *arguments: str, text: str = "", timeout_s: float) -> str:
    """Run a program with `text` as its input and return what it prints; blocks.

    Raises Unavailable when it is missing, fails or takes too long."""
    name = Path(program).name
    try:
        done = subprocess.run(
            (program, *arguments),
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except OSError as error:
        raise Unavailable(f"{name} cannot be run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{name} did not finish within {timeout_s:.0f} s") from error
    if done.returncode:
        raise Unavailable(f"{name} failed: {done.stderr.strip()[:400] or f'exit code {done.returncode}'}")
    return done.stdout


class CpuMeter:
    """Adds up the CPU time of a changing group of processes. The sum does not decrease when one of them ends."""

    def __init__(self) -> None:
        self._last: Mapping[psutil.Process, float] = {}
        self._ended = 0.0

    def add(self, processes: Iterable[psutil.Process]) -> float:
        """Return the seconds used by these processes and by all earlier ones."""
        now = {}
        for process in processes:
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                now[process] = times.user + times.system
        self._ended += sum(seconds for process, seconds in self._last.items() if process not in now)
        self._last = now
        return self._ended + sum(now.values())


def _with_descendants(pids: Iterable[int]) -> list[psutil.Process]:
    found: dict[psutil.Process, None] = {}
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            if process not in found:
                found[process] = None
                found |= dict.fromkeys(process.children(recursive=True))
    return list(found)


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return -1
