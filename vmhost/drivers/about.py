"""What a driver says about itself before it is made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from vmhost.api.drivers import DriverDescription
from vmhost.model.prerequisite import MissingPrerequisite

Prerequisites: TypeAlias = Callable[[str], Awaitable[MissingPrerequisite | None]]
"""Returns what is missing to boot the image now; None when nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverAbout:
    """A driver's description for people, how it is made, and what it needs. Its module imports no large library."""

    description: DriverDescription
    factory: str
    """Module and callable, which takes a DriverContext."""
    removal_command: Callable[[str, Path], str]
    """Returns the command with which a person removes what a cloud with this name and state folder left behind."""
    missing_prerequisite: Prerequisites | None = None
    """None where any computer will do."""

    @property
    def name(self) -> str:
        return self.description.name


def sweep_command(driver: str, cloud: str, state: Path) -> str:
    """Return the command that removes what a cloud left behind, for drivers without one of their own."""
    return f"python -m vmhost --sweep --driver {driver} --cloud {cloud} --state {state}"
