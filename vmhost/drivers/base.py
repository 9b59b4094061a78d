"""The driver protocol: about ten verbs behind which every kind of machine looks the same.

Each verb is idempotent and safe to repeat after a crash at any point: a driver keeps no state of its own that it
could lose; what exists is found again by label (this cloud's only). A driver never writes an instance's state; it
acts, measures, and tells what it saw. Vendor exceptions are translated inside the driver.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from vmhost.model.guest import Booted, Capabilities, GuestCpu, GuestEvent, GuestSpec, GuestStats, GuestStatus
from vmhost.model.host import Host
from vmhost.model.limits import Limits


class MetadataServer(Protocol):
    """Answers a guest's questions about itself; the listening socket says who asks."""

    async def attach(self, instance_id: str, sock: socket.socket) -> None:
        """Serves this instance's metadata on the listening socket, which it owns from now on."""

    async def detach(self, instance_id: str) -> None:
        """Stops serving the instance and closes its socket; unknown ids are fine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What the machine under a driver has, before it is divided into hosts."""

    cpu_cores: float
    memory_mib: int
    pids: int
    architecture: str
    cores: tuple[tuple[int, ...], ...] = ()
    """The CPUs that guests may run on, those of one physical core together; empty where they are not known."""
    secures_guests: bool = False
    """Whether all guests together get a weight of their own against the machine's other programs."""


class Remains(Enum):
    """What to do with guests of this cloud that are not on record: a lost state folder's, or another platform's."""

    ASK = "ask"
    """Refuse to start, and name the choices."""
    ADOPT = "adopt"
    """Record them as they are."""
    SWEEP = "sweep"
    """Remove them."""
    THROWAWAY = "throwaway"
    """Remove them if the platform that made them is proved to be gone; else refuse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverContext:
    """What a driver is made with. A factory takes this alone: `factory(context) -> Driver`."""

    cloud: str
    state_dir: Path
    metadata: MetadataServer
    network_cidr: str | None = None
    """Wanted instance network; None: the first free default."""
    known: frozenset[str] = frozenset()
    """The instances on record."""
    remains: Remains = Remains.ASK


class Driver(Protocol):
    """One kind of machine. Raises only `CloudError`s; cancelling leaves something that `remove` removes."""

    name: str

    async def open(self) -> None:
        """Connects to what makes the guests and prepares what all of them share.

        Raises Unavailable, naming what does not answer and what to do, and Conflict, having touched nothing, where
        another platform's guests are in the way."""

    async def close(self, *, remove: bool) -> None:
        """Lets go; with `remove`, first removes every guest, network and volume of this cloud."""

    def capabilities(self) -> Capabilities:
        """What holds on this machine and why the rest does not; fixed after `prepare_hosts`."""

    async def capacity(self) -> Capacity:
        """The machine's size as the engine or the OS tells it."""

    async def prepare_hosts(self, hosts: Sequence[Host]) -> None:
        """Gives each logical host its share where the driver can (capabilities "host" and "cores"); idempotent.

        Guests of an earlier run with a ceiling above their host's quota are cut to it, running or stopped."""

    async def create(self, spec: GuestSpec) -> None:
        """Makes the guest, stopped, with every limit on it. Already made: nothing happens.

        Raises InvalidInput for an image that this driver cannot boot, Unavailable for a failing engine."""

    async def start(self, instance_id: str) -> Booted:
        """Boots a made guest: rules and metadata stand before its network does. Running: tells where it is.

        Raises NotFound for a guest that was never made."""

    async def stop(self, instance_id: str, *, grace_s: float) -> None:
        """Asks the guest to end, and ends it after `grace_s`; its disk stays. Not running: nothing happens."""

    async def kill(self, instance_id: str) -> None:
        """Ends the guest's program at once, as a crash would. Not running: nothing happens."""

    async def remove(self, instance_id: str) -> None:
        """Leaves nothing of the guest, running or not. Unknown: nothing happens."""

    async def inspect(self, instance_id: str) -> GuestStatus | None:
        """The guest as it is now; None when there is none."""

    async def list_guests(self) -> tuple[GuestStatus, ...]:
        """Every guest of this cloud that exists, found by label, also those of an earlier run."""

    def events(self) -> AsyncIterator[GuestEvent]:
        """Starts and deaths from now on, within a second of their happening. Ends when the driver closes;
        survives a restart of the engine (the caller lists the guests again after a gap, told by an event
        with an empty instance id)."""

    async def resize(self, instance_id: str, limits: Limits) -> None:
        """Changes the limits of a made guest for real, running or stopped."""

    async def stats(self, instance_id: str) -> GuestStats | None:
        """What the guest uses now; None when it does not run."""

    async def cpu(self, instance_id: str) -> GuestCpu | None:
        """What the guest has had of the CPU; None when it does not run."""

    async def core_seconds(self) -> Mapping[int, float]:
        """How long each core under the hosts was busy since its boot, guests or not; empty where nothing tells."""

    async def console(self, instance_id: str) -> str:
        """The last 64 KiB that the guest's program printed."""

    async def execute(self, instance_id: str, command: Sequence[str], *, timeout_s: float) -> int:
        """Runs a program inside the running guest, under the guest's limits, and gives its exit code; ends it after
        `timeout_s` or when cancelled. Raises Conflict when the guest does not run."""
