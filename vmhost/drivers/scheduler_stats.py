"""Figures of Linux's scheduler: how long programs waited for a CPU, and how busy each CPU was.

Source: Documentation/scheduler/sched-stats.rst (/proc/PID/schedstat) and proc(5) (/proc/stat).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

_PROC = Path("/proc")


def wait_seconds(pids: Iterable[int], proc: Path = _PROC) -> float | None:
    """Return how long the present threads of these processes have waited for a CPU while runnable, since they started.

    Between two readings it is a lower bound, because threads that have ended are missing. None where the kernel does
    not count it, or if none of the processes exists."""
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
    """Return how long each CPU of this computer was busy since boot; empty where there is no /proc/stat.

    Time that a hypervisor took away (steal) counts as busy; waiting for disks does not."""
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
