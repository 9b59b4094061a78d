"""Isolation of process guests: one protocol for three ways to limit memory, number of processes and CPU."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from vmhost.drivers.cgroups import Usage
from vmhost.model.guest import Capability, GuestSpec
from vmhost.model.host import Host
from vmhost.model.limits import Limits

CPU_LIMITS_VARIABLES = ("GLASSCLOUD_PROCESS_CPU_LIMITS", "GLASSCLOUD_PROCESS_CPU_WALL")
"""Environment variables, the second one of earlier versions: with 1, each process guest gets a CPU weight and a CPU
ceiling, where control groups allow it."""

GROUP_PREFIX = "glasscloud-"
"""How the name of each of our control groups starts."""

_ENABLE = f"{CPU_LIMITS_VARIABLES[0]}=1 gives each instance a weight and a ceiling"
NO_CPU_LIMITS = (
    "not limited: processes share the host's CPUs, which this driver is meant to show; "
    f"{_ENABLE} where control groups are writable"
)
HOST_CPU_ONLY = (
    "only all instances together have a weight; those of one host share its CPUs without a weight or a ceiling of "
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


class Isolation(Protocol):
    """Enforces guests' limits. Each call may be repeated. Raises only CloudErrors."""

    weights_guests: bool
    """Whether all guests together have a CPU weight against this computer's other programs."""

    polled: bool
    """Whether the driver has to measure memory and kill guests above their limit, because the OS does not."""

    def capabilities(self) -> tuple[Capability, ...]:
        """Return what is enforced (memory, pids, cpu and host), each with its reason."""

    async def open(self) -> None:
        """Remove what an earlier run left behind."""

    async def prepare(self, hosts: Sequence[Host]) -> None:
        """Set the limits of the logical hosts."""

    async def build(self, spec: GuestSpec) -> None:
        """Make the guest's group with its limits. Called before each of its starts."""

    def entry(self, spec: GuestSpec) -> CgroupEntry:
        """Return how a program enters the guest's group."""

    async def resize(self, spec: GuestSpec, limits: Limits) -> None:
        """Change the limits of a guest, running or not."""

    def pids(self, spec: GuestSpec) -> frozenset[int]:
        """Return the processes in the guest's group; empty where there are no groups."""

    async def usage(self, spec: GuestSpec, leaders: Collection[int]) -> Usage | None:
        """Return what the guest uses now; `leaders` are the programs that were started in it."""

    async def kill(self, spec: GuestSpec) -> None:
        """Kill the processes in the guest's group, where there are groups."""

    async def remove(self, spec: GuestSpec) -> None:
        """Remove the guest's group, once it is empty."""

    async def close(self, *, remove: bool) -> None:
        """Remove the groups that all guests share."""
