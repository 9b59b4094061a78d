"""The size of this computer, and whether guests can be pinned to CPUs."""

from __future__ import annotations

import os
import resource
from collections.abc import Sequence
from pathlib import Path

from vmhost.base.cpus import format_cpus
from vmhost.base.units import MIB
from vmhost.drivers.cgroups import own_memory_limit
from vmhost.model.guest import Capability
from vmhost.model.host import Host

_PIDS = (Path("/proc/sys/kernel/pid_max"), Path("/proc/sys/kernel/threads-max"))
_PIDS_MAX = 1 << 16
_PIDS_SHARE = 2
"""Guests together may have one in this many processes; the others are for the rest of the system."""


def cores() -> int:
    """Return the number of CPUs that this program may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpus() -> tuple[int, ...]:
    """Return the CPUs that this program may run on; empty where the OS cannot pin programs to CPUs."""
    return tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else ()


def pinned(hosts: Sequence[Host]) -> Capability:
    """Say whether the hosts' CPUs are separate. They are never enforced: a program may leave the CPUs it started on."""
    if not cpus():
        why = "this operating system cannot pin programs to CPUs"
    elif any(host.shared for host in hosts):
        why = f"{len(hosts)} hosts share fewer CPUs"
    else:
        sets = ", ".join(f"{host.id}: {format_cpus(host.cpus)}" for host in hosts)
        why = f"programs start on the CPUs of their host ({sets}), but can leave them"
    return Capability(name="cores", enforced=False, why=why)


def memory_mib() -> int:
    """Return the computer's memory, or the memory limit of this program's own control group."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    own = own_memory_limit()
    return (whole if own is None else min(whole, own)) // MIB


def pids() -> int:
    """Return how many processes all guests together may have."""
    found = [int(path.read_text()) for path in _PIDS if path.exists()]
    own = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    return min([*found, _PIDS_MAX, own if own > 0 else _PIDS_MAX]) // _PIDS_SHARE
