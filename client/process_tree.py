"""List a program's processes, and check later which of them still run."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessInfo:
    """One process. Its id and start time together are unique."""

    pid: int
    parent: int
    started: str
    command: str


def running_processes() -> dict[int, ProcessInfo]:
    """Return every visible process of this computer, by id."""
    found = _from_proc() if (_PROC / "self" / "stat").exists() else _from_ps()
    return {program.pid: program for program in found}


def process_tree(pid: int) -> dict[int, ProcessInfo]:
    """Return the process and all its descendants, by id."""
    everything = running_processes()
    return {one: program for one, program in everything.items() if _descends(one, pid, everything)}


def still_running(before: dict[int, ProcessInfo]) -> tuple[str, ...]:
    """Return descriptions of those processes that still run."""
    now = running_processes()
    return tuple(
        f"process {pid} ({program.command})"
        for pid, program in before.items()
        if pid in now and now[pid].started == program.started
    )


def _descends(pid: int, ancestor: int, everything: dict[int, ProcessInfo]) -> bool:
    while pid in everything:
        if pid == ancestor:
            return True
        pid = everything[pid].parent
    return False


def _from_proc() -> list[ProcessInfo]:
    found = []
    for folder in _PROC.iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            # The name in parentheses may hold spaces; the fields after it are numbers (proc_pid_stat(5)).
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        state, parent, started = fields[0], fields[1], fields[19]
        if state != "Z":
            found.append(ProcessInfo(pid=int(folder.name), parent=int(parent), started=started, command=command))
    return found


def _from_ps() -> list[ProcessInfo]:
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat=,lstart=,args="], capture_output=True, text=True, timeout=10, check=False
    ).stdout
    found = []
    for line in listing.splitlines():
        pid, parent, state, rest = line.split(None, 3)
        if not state.startswith("Z"):
            # lstart has five words: "Mon Nov 23 21:00:00 2026".
            words = rest.split(None, 5)
            command = words[5] if len(words) > 5 else ""
            found.append(ProcessInfo(pid=int(pid), parent=int(parent), started=" ".join(words[:5]), command=command))
    return found
