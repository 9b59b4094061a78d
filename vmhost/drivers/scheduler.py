"""What Linux's scheduler says: how long programs waited for a core, and how busy each core was.

Source: Documentation/scheduler/sched-stats.rst (/proc/PID/schedstat) and proc(5) (/proc/stat).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

_PROC = Path("/proc")


def wait_seconds(pids: Iterable[int], proc: Path = _PROC) -> float | None:
    """How long the living threads of these processes were runnable and waited for a core, since each began.

    A lower bound between two readings: what a thread waited that ended meanwhile is missing. None where the kernel
    does not count it, or none of the processes lives."""
    waited = [seconds for pid in pids for seconds in _waits(proc / str(pid) / "task")]
    return sum(waited) if waited else None


def _waits(tasks: Path) -> Iterable[float]:
    try:
        threads = list(tasks.iterdir())
    except OSError:
        return
    for thread in threads:
        try:
            yield int((thread / "schedstat").read_bytes().split()[1]) / 1e9
        except (OSError, IndexError, ValueError):
            continue


def core_seconds(proc: Path = _PROC) -> Mapping[int, float]:
    """How long each core of this machine was busy since boot, by its number; empty where there is no /proc/stat.

    Time that a hypervisor below took away (steal) counts as busy; waiting for disks does not."""
    try:
        lines = (proc / "stat").read_text().splitlines()
    except OSError:
        return {}
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    rows = (line.split() for line in lines if line.startswith("cpu") and line[3:4].isdecimal())
    return {int(name[3:]): _busy(fields) / ticks_per_s for name, *fields in rows}


def _busy(fields: list[str]) -> int:
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(field) for field in (*fields, *["0"] * 8)[:8])
    return user + nice + system + irq + softirq + steal
