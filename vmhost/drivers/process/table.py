"""The table of processes: who belongs to whom and uses what, from /proc or, where there is none, from one `ps`."""

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
class Row:
    """One process."""

    pid: int
    parent: int
    session: int
    """Its session, or its process group where the system does not tell sessions."""
    memory_kib: int
    cpu_seconds: float
    started: str
    state: str = ""
    """Its state in proc(5)'s letters, such as T for stopped by a signal; empty where it is not told."""


def parse_stat(text: str, *, page_kib: int, ticks_per_s: int) -> Row:
    """One line of /proc/PID/stat (proc(5)); the name in it may hold anything, brackets and spaces too."""
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    return Row(
        pid=int(head.split(" ", 1)[0]),
        parent=int(fields[1]),
        session=int(fields[3]),
        memory_kib=int(fields[21]) * page_kib,
        cpu_seconds=(int(fields[11]) + int(fields[12])) / ticks_per_s,
        started=fields[19],
        state=fields[0],
    )


def parse_ps(text: str) -> dict[int, Row]:
    """The rows of `ps -axo pid=,ppid=,pgid=,rss=,time=`."""
    rows: dict[int, Row] = {}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) == 5:
            pid, parent, group, size = (int(field) for field in fields[:4])
            cpu = _seconds(fields[4])
            rows[pid] = Row(pid=pid, parent=parent, session=group, memory_kib=size, cpu_seconds=cpu, started="")
    return rows


def _seconds(text: str) -> float:
    match = _TIME.fullmatch(text)
    if match is None:
        return 0.0
    days, hours, minutes = (int(part or 0) for part in match.groups()[:3])
    return ((days * 24 + hours) * 60 + minutes) * 60 + float(match[4])


def read_row(pid: int) -> Row | None:
    """One process now, from /proc; None when it is gone."""
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


def read_all() -> dict[int, Row]:
    """Every process now. Costs some milliseconds: for endings, not for each tick."""
    if sys.platform == "linux":
        rows = (read_row(int(name)) for name in os.listdir(_PROC) if name.isdecimal())  # noqa: PTH208 (thrice as fast)
        return {row.pid: row for row in rows if row is not None}
    seen = subprocess.run(_PS, capture_output=True, text=True, timeout=_PS_TIMEOUT_S, check=False)
    return parse_ps(seen.stdout)


def members(leaders: Collection[int], rows: Mapping[int, Row]) -> frozenset[int]:
    """The processes in the sessions that these leaders opened, and whatever descends from those."""
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


def leftovers(leader: int, rows: Mapping[int, Row]) -> frozenset[int]:
    """What a program that has ended and been waited for left in its session; nobody once its id has a new owner."""
    return frozenset() if leader in rows else members((leader,), rows)


def family(leaders: Iterable[int]) -> tuple[Row, ...]:
    """These processes and their descendants now; reads only their own entries of /proc, so it is cheap."""
    found: dict[int, Row] = {}
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
    """Memory of a process with what it shares divided among the sharers (PSS); None where that is not told."""
    try:
        text = (_PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return None
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) if found else None


class CpuMeter:
    """CPU time of a changing family of processes that never goes back when one of them ends."""

    def __init__(self) -> None:
        self._last: dict[tuple[int, str], float] = {}
        self._gone = 0.0

    def add(self, rows: Iterable[Row]) -> float:
        """Seconds used by these and by all that were seen before."""
        now = {(row.pid, row.started): row.cpu_seconds for row in rows}
        self._gone += sum(seconds for key, seconds in self._last.items() if key not in now)
        self._last = now
        return self._gone + sum(now.values())
