"""Isolation of process guests: what all ways to limit memory, number of processes and CPU have in common, and the last
resort, where the OS limits nothing for this user."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from vmhost.base.units import MIB, mib
from vmhost.drivers.cgroups import Usage
from vmhost.drivers.processes import CpuMeter, descendants
from vmhost.model.guest import Capability, GuestSpec
from vmhost.model.host import Host
from vmhost.model.limits import Limits

CPU_LIMITS_VARIABLES = ("GLASSCLOUD_PROCESS_CPU_LIMITS", "GLASSCLOUD_PROCESS_CPU_WALL")
"""Environment variables, the second one of earlier versions: with 1, each process guest gets a CPU weight and a CPU
ceiling, where control groups allow it."""

_ENABLE = f"{CPU_LIMITS_VARIABLES[0]}=1 gives each instance a weight and a maximum"
NO_CPU_LIMITS = (
    "not limited: processes share the host's CPUs, which this driver is meant to show; "
    f"{_ENABLE} where control groups are writable"
)
HOST_CPU_ONLY = (
    "only all instances together have a weight; those of one host share its CPUs without a weight or a maximum of "
    f"their own; {_ENABLE}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CgroupEntry:
    """How a program enters its guest's control group."""

    prefix: tuple[str, ...] = ()
    """The command that starts the launcher inside the group."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What that command needs in its environment; the guest does not get it."""
    procs_files: tuple[Path, ...] = ()
    """The `cgroup.procs` files through which the launcher enters the group itself."""


class Isolation:
    """Enforces guests' limits. Each call may be repeated. Raises only CloudErrors."""

    weights_guests = False
    """Whether all guests together have a CPU weight against this computer's other programs."""

    polled = False
    """Whether the driver has to measure memory and kill guests above their limit, because the OS does not."""

    def __init__(self) -> None:
        self._meters: defaultdict[str, CpuMeter] = defaultdict(CpuMeter)
        """By instance id, for guests whose CPU time no group counts."""

    def capabilities(self) -> tuple[Capability, ...]:
        """Return what is enforced (memory, pids, cpu and host), each with its reason."""
        raise NotImplementedError

    async def open(self) -> None:
        """Remove what an earlier run left behind."""

    async def prepare(self, hosts: Sequence[Host]) -> None:
        """Set the limits of the logical hosts."""

    async def build(self, spec: GuestSpec) -> None:
        """Make the guest's group with its limits. Called before each of its starts."""
        self._meters.pop(spec.instance_id, None)

    def entry(self, spec: GuestSpec) -> CgroupEntry:
        """Return how a program enters the guest's group."""
        return CgroupEntry()

    async def resize(self, spec: GuestSpec, limits: Limits) -> None:
        """Change the limits of a guest, running or not."""

    def pids(self, spec: GuestSpec) -> frozenset[int]:
        """Return the processes in the guest's group; empty where there are no groups."""
        return frozenset()

    async def usage(self, spec: GuestSpec, leaders: Collection[int]) -> Usage | None:
        """Return what the guest uses now; `leaders` are the programs that were started in it."""
        raise NotImplementedError

    async def kill(self, spec: GuestSpec) -> None:
        """Kill the processes in the guest's group, where there are groups."""

    async def remove(self, spec: GuestSpec) -> None:
        """Remove the guest's group, once it is empty."""
        self._meters.pop(spec.instance_id, None)

    async def close(self) -> None:
        """Remove the groups that all guests share."""


class PolledIsolation(Isolation):
    """Limits nothing: the driver measures guests and kills those above their memory limit."""

    polled = True

    def __init__(self, why: str) -> None:
        """`why` says what the OS does not let this user do."""
        super().__init__()
        self._why = why

    def capabilities(self) -> tuple[Capability, ...]:
        polled = "measured every 0.5 s; an instance above its limit is killed"
        return (
            Capability(name="cpu", enforced=False, why=NO_CPU_LIMITS),
            Capability(name="memory", enforced=False, why=f"{polled}; {self._why}"),
            Capability(name="pids", enforced=False, why=f"not limited; {self._why}"),
            Capability(name="host", enforced=False, why=f"not limited; {self._why}"),
        )

    async def usage(self, spec: GuestSpec, leaders: Collection[int]) -> Usage | None:
        processes = await asyncio.to_thread(descendants, leaders)
        return Usage(
            cpu_seconds=self._meters[spec.instance_id].add(processes),
            memory_mib=_memory_mib(processes, spec.limits.memory_mib),
            pids=len(processes),
            throttled_seconds=None,
            oom_kills=None,
        )


def _memory_mib(processes: Sequence[psutil.Process], limit_mib: int) -> float:
    """Return the processes' memory. Resident sizes count shared pages once per process; only if their sum is above the
    limit is the slower figure read that divides shared pages among their users (PSS, on Linux)."""
    rough = exact = 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            rough += process.memory_info().rss
    if rough <= limit_mib * MIB or len(processes) < 2:
        return mib(rough)
    for process in processes:
        with contextlib.suppress(psutil.Error):
            exact += _own_memory(process)
    return mib(exact)


def _own_memory(process: psutil.Process) -> int:
    try:
        found = process.memory_full_info()
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
    return int(getattr(found, "pss", found.rss))
