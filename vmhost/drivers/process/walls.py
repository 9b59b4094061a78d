"""Walls: what holds a guest's use of memory, processes and CPU in, behind one protocol for three ways to do it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from vmhost.drivers.cgroups import Usage
from vmhost.model.guest import Capability, GuestSpec
from vmhost.model.host import Host
from vmhost.model.limits import Limits

CPU_WALL_VARIABLE = "GLASSCLOUD_PROCESS_CPU_WALL"
"""Environment variable: 1 gives each process guest a CPU weight and a CPU ceiling, where control groups allow it."""

GROUP_PREFIX = "glasscloud-"
"""How the name of every group of ours begins."""

_WISHED = f"{CPU_WALL_VARIABLE}=1 gives each a weight and a ceiling"
NO_CPU_WALL = (
    "processes share the host's cores, which is what this driver is there to show; "
    f"{_WISHED} where control groups are writable"
)
HOST_CPU_WALL = (
    "only all guests together have a weight; those of a host share its CPUs, with no weight and no ceiling of their "
    f"own; {_WISHED}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """How a program gets behind its guest's wall."""

    prefix: tuple[str, ...] = ()
    """The command that starts the launcher there."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What that command needs to know; it does not pass it on."""
    doors: tuple[Path, ...] = ()
    """Files through which the launcher enters by itself."""


class Wall(Protocol):
    """Raises only CloudErrors; each call may be repeated."""

    secures_guests: bool
    """Whether all guests together have a weight against the machine's other programs."""

    watched: bool
    """Whether someone has to look at the use and end who exceeds it, because the OS does not."""

    def capabilities(self) -> tuple[Capability, ...]:
        """What holds: memory, pids, cpu and host, each with its reason."""

    async def open(self) -> None:
        """Removes what an earlier run left behind."""

    async def prepare(self, hosts: Sequence[Host]) -> None:
        """Builds the walls of the logical hosts."""

    async def build(self, spec: GuestSpec) -> None:
        """Builds the guest's wall, before each of its starts."""

    def entry(self, spec: GuestSpec) -> Entry:
        """The way in."""

    async def resize(self, spec: GuestSpec, limits: Limits) -> None:
        """Moves the wall of a guest, running or not."""

    def pids(self, spec: GuestSpec) -> frozenset[int]:
        """Who is behind the wall, as far as the wall itself knows."""

    async def usage(self, spec: GuestSpec, leaders: Collection[int]) -> Usage | None:
        """What the guest uses now; `leaders` are the programs started in it."""

    async def kill(self, spec: GuestSpec) -> None:
        """Ends whoever is behind the wall, as far as the wall itself knows."""

    async def remove(self, spec: GuestSpec) -> None:
        """Takes the guest's wall down, once nobody is behind it."""

    async def close(self, *, remove: bool) -> None:
        """Takes down what all guests shared."""
