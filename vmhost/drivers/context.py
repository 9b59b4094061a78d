"""What a driver is made with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path


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
    hosts: int = 2
    """Into how many logical hosts the computer is divided."""
    network_cidr: str | None = None
    """The range of the instance network; None for the first free default."""
    known: frozenset[str] = frozenset()
    """The instances in the store."""
    leftovers: LeftoverPolicy = LeftoverPolicy.REFUSE
