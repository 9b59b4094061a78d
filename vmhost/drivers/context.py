"""What a driver is made with."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol


class MetadataServer(Protocol):
    """Serves guests' metadata. Each guest has a listening socket of its own, by which it is identified."""

    async def attach(self, instance_id: str, sock: socket.socket) -> None:
        """Serve this instance's metadata on the listening socket, which the server owns from now on."""

    async def detach(self, instance_id: str) -> None:
        """Stop serving the instance and close its socket. Does nothing for an unknown id."""


class LeftoverPolicy(Enum):
    """What to do with guests of this cloud that the store does not have: its file was lost, or another platform made
    them."""

    REFUSE = "refuse"
    """Refuse to start, and name the choices."""
    ADOPT = "adopt"
    """Record them as they are."""
    SWEEP = "sweep"
    """Remove them."""
    THROWAWAY = "throwaway"
    """Remove them if the platform that made them is known to be gone; else refuse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverContext:
    """The cloud that a driver serves: `factory(context) -> Driver`."""

    cloud: str
    state_dir: Path
    metadata: MetadataServer
    hosts: int = 2
    """Into how many logical hosts the computer is divided."""
    network_cidr: str | None = None
    """The range of the instance network; None for the first free default."""
    known: frozenset[str] = frozenset()
    """The instances in the store."""
    leftovers: LeftoverPolicy = LeftoverPolicy.REFUSE
