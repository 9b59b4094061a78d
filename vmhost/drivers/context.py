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
    """The number of the driver's hosts."""
    part: int = 0
    """The number of this driver among those that share the computer, and how many they are: each gets an equal part."""
    parts: int = 1
    network_cidr: str | None = None
    """The range of the instance network; None for the first free default."""
    known: frozenset[str] = frozenset()
    """The instances in the store."""
    leftovers: LeftoverPolicy = LeftoverPolicy.REFUSE
