"""What a driver says about itself before it is made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from vmhost.api.drivers import Computer, Diagnosis, DriverDescription, DriverObject


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingPrerequisite:
    """Something that a driver needs and does not find, and why."""

    name: str
    """A key of the description's `fixes`, if a command can provide it."""
    reason: str


Prerequisites: TypeAlias = Callable[[str], Awaitable[MissingPrerequisite | None]]
"""Returns what is missing to boot the image now; None when nothing is."""


async def nothing_to_diagnose(_: Computer) -> Diagnosis:
    """Return that instances can be started on any computer."""
    return Diagnosis()


async def no_objects(_: str) -> tuple[DriverObject, ...]:
    """Return that nothing exists outside of the platform's own processes."""
    return ()


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
    diagnose: Callable[[Computer], Awaitable[Diagnosis]] = nothing_to_diagnose
    """Looks at this computer for `glasscloud doctor`, and changes nothing."""
    list_objects: Callable[[str], Awaitable[tuple[DriverObject, ...]]] = no_objects
    """Lists what exists of the cloud with this name, also without a platform."""

    @property
    def name(self) -> str:
        return self.description.name


def sweep_command(driver: str, cloud: str, state: Path) -> str:
    """Return the command that removes what a cloud left behind, for drivers without one of their own."""
    return f"python -m vmhost --sweep --driver {driver} --cloud {cloud} --state {state}"
