"""The process table: parents, sessions, memory and CPU time, from /proc or, on other systems, from one `ps`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

STOPPED = "T"
"""State of a process that a signal has stopped."""
_PROC = Path("/proc")
_STAT_BYTES = 4096
_PS = ("ps", "-axo", "pid=,ppid=,pgid=,rss=,time=")
_PS_TIMEOUT_S = 5.0
_TIME = re.compile(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRow:
    """A process."""

    pid: int
    parent: int
    session: int
    """Its session, or its process group where `ps` has no sessions."""
    memory_kib: int
    cpu_seconds: float
    started: str
    state: str = ""
    """Its state in proc(5)'s letters, such as T for stopped by a signal; empty where it is not known."""


def parse_stat(text: str, *, page_kib: int, ticks_per_s: int) -> ProcessRow:
    """Parse a line of /proc/PID/stat (proc(5)). The name in it may contain brackets and spaces."""
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    return ProcessRow(
        pid=int(head.split(" ", 1)[0]),
        parent=int(fields[1]),
        session=int(fields[3]),
        memory_kib=int(fields[21]) * page_kib,
        cpu_seconds=(int(fields[11]) + int(fields[12])) / ticks_per_s,
        started=fields[19],
        state=fields[0],
    )


def parse_ps(text: str) -> dict[int, ProcessRow]:
    """Parse the output of `ps -axo pid=,ppid=,pgid=,rss=,time=`."""
    rows: dict[int, ProcessRow] = {}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) == 5:
            pid, parent, group, size = (int(field) for field in fields[:4])
            cpu = _seconds(fields[4])
            rows[pid] = ProcessRow(pid=pid, parent=parent, session=group, memory_kib=size, cpu_seconds=cpu, started="")
    return rows


def _seconds(text: str) -> float:
    match = _TIME.fullmatch(text)
    if match is None:
        return 0.0
    days, hours, minutes = (int(part or 0) for part in match.groups()[:3])
    return ((days * 24 + hours) * 60 + minutes) * 60 + float(match[4])


def read_row(pid: int) -> ProcessRow | None:
    """Read a process from /proc; None if it does not exist."""
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except OSError:
        return None
    try:
        text = os.read(fd, _STAT_BYTES).decode(errors="replace")
    except OSError:
        return None
    finally:
        os.close(fd)
    return parse_stat(text, page_kib=os.sysconf("SC_PAGESIZE") // 1024, ticks_per_s=os.sysconf("SC_CLK_TCK"))


def read_all() -> dict[int, ProcessRow]:
    """Read every process. Takes some milliseconds, so call it when guests end, not at each measurement."""
    if sys.platform == "linux":
        rows = (read_row(int(name)) for name in os.listdir(_PROC) if name.isdecimal())  # noqa: PTH208 (thrice as fast)
        return {row.pid: row for row in rows if row is not None}
    seen = subprocess.run(_PS, capture_output=True, text=True, timeout=_PS_TIMEOUT_S, check=False)
    return parse_ps(seen.stdout)


def members(leaders: Collection[int], rows: Mapping[int, ProcessRow]) -> frozenset[int]:
    """Return the processes in these leaders' sessions and all their descendants."""
    found = {row.pid for row in rows.values() if row.session in leaders or row.pid in leaders}
    children: dict[int, list[int]] = {}
    for row in rows.values():
        children.setdefault(row.parent, []).append(row.pid)
    todo = list(found)
    while todo:
        fresh = [pid for pid in children.get(todo.pop(), ()) if pid not in found]
        found.update(fresh)
        todo += fresh
    return frozenset(found)


def leftovers(leader: int, rows: Mapping[int, ProcessRow]) -> frozenset[int]:
    """Return what a program that was waited for left in its session; nothing once another process has its id."""
    return frozenset() if leader in rows else members((leader,), rows)


def family(leaders: Iterable[int]) -> tuple[ProcessRow, ...]:
    """Return these processes and their descendants. Fast: it reads only their own entries of /proc."""
    found: dict[int, ProcessRow] = {}
    todo = list(leaders)
    while todo:
        pid = todo.pop()
        if pid not in found and (row := read_row(pid)) is not None:
            found[pid] = row
            todo += _children(pid)
    return tuple(found.values())


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in (_PROC / str(pid) / "task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    except OSError:
        pass
    return found


def own_memory_kib(pid: int) -> int | None:
    """Return a process's memory with shared pages divided among their users (PSS); None where it is not known."""
    try:
        text = (_PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return None
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) if found else None


class CpuMeter:
    """Adds up the CPU time of a changing group of processes. The sum does not decrease when one of them ends."""

    def __init__(self) -> None:
        self._last: dict[tuple[int, str], float] = {}
        self._gone = 0.0

    def add(self, rows: Iterable[ProcessRow]) -> float:
        """Return the seconds used by these processes and by all earlier ones."""
        now = {(row.pid, row.started): row.cpu_seconds for row in rows}
        self._gone += sum(seconds for key, seconds in self._last.items() if key not in now)
        self._last = now
        return self._gone + sum(now.values())
