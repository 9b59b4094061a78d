"""The hosts of the process driver: sets of this computer's CPUs."""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from vmhost.base.units import MIB, format_cpus, physical_cores
from vmhost.drivers.cgroups import own_memory_limit
from vmhost.drivers.context import DriverContext
from vmhost.drivers.logical_hosts import Capacity, split
from vmhost.drivers.process.runtime import ProcessRuntime
from vmhost.drivers.scheduler_stats import core_seconds
from vmhost.model.guest import Capability
from vmhost.model.host import Host

_PIDS = (Path("/proc/sys/kernel/pid_max"), Path("/proc/sys/kernel/threads-max"))
_PIDS_MAX = 1 << 16
_PIDS_SHARE = 2
"""Guests together may have one in this many processes; the others are for the rest of the system."""


class ProcessHosts:
    """Divides this computer, or its part of it, into hosts."""

    def __init__(self, runtime: ProcessRuntime, context: DriverContext) -> None:
        self._runtime = runtime
        self._context = context
        self._hosts: tuple[Host, ...] = ()

    async def prepare(self) -> tuple[Host, ...]:
        context, size = self._context, capacity(weights_guests=self._runtime.isolation.weights_guests)
        hosts = split(size, context.hosts, driver="process", part=context.part, parts=context.parts)
        await self.set_limits(hosts)
        return hosts

    async def set_limits(self, hosts: tuple[Host, ...]) -> None:
        """Set the limits of these hosts."""
        self._hosts = hosts
        await self._runtime.isolation.prepare(hosts)

    async def core_seconds(self) -> Mapping[int, float]:
        return core_seconds()

    def capability(self) -> Capability:
        """Say whether the hosts' CPUs are separate. Never enforced: a program may leave those it started on."""
        if not _cpus():
            why = "this operating system cannot pin programs to CPUs"
        elif any(host.shared for host in self._hosts):
            why = f"{len(self._hosts)} hosts share fewer CPUs"
        else:
            sets = ", ".join(f"{host.id}: {format_cpus(host.cpus)}" for host in self._hosts)
            why = f"programs start on the CPUs of their host ({sets}), but can leave them"
        return Capability(name="cores", enforced=False, why=why)


def capacity(*, weights_guests: bool) -> Capacity:
    """Return the size of this computer, as far as this program may use it."""
    cpus = _cpus()
    return Capacity(
        cpu_cores=float(len(cpus) or os.cpu_count() or 1),
        cores=physical_cores(cpus),
        weights_guests=weights_guests,
        memory_mib=_memory_mib(),
        pids=_pids(),
    )


def _cpus() -> Sequence[int]:
    """Return the CPUs that this program may run on; empty where the OS cannot pin programs to CPUs."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else ()


def _memory_mib() -> int:
    """Return the computer's memory, or the memory limit of this program's own control group."""
    whole, own = psutil.virtual_memory().total, own_memory_limit()
    return int(whole if own is None else min(whole, own)) // MIB


def _pids() -> int:
    """Return how many processes all guests together may have."""
    found = [int(path.read_text()) for path in _PIDS if path.exists()]
    own = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    return min([*found, _PIDS_MAX, own if own > 0 else _PIDS_MAX]) // _PIDS_SHARE
