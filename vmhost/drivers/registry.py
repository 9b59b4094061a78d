"""The drivers: what each says about itself, which one `auto` stands for, and how they are made.

A driver is imported only when it is used: `--driver fake` needs no Docker library. To add a driver: a package that
implements `ports.Driver`, with an `about.py`; a line in ABOUTS; a fixture for the contract tests.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias, cast

from vmhost.api.drivers import AUTO, Computer, Diagnosis, DriverDescription, DriverObject
from vmhost.base.errors import InvalidInput, Unavailable
from vmhost.drivers.context import DriverContext
from vmhost.drivers.ports import Driver
from vmhost.model.image import Image

ABOUTS = ("vmhost.drivers.container.about", "vmhost.drivers.process.about", "vmhost.drivers.fake.about")
"""Modules with an ABOUT, in the order in which `auto` prefers their drivers."""


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


def all_drivers() -> tuple[DriverAbout, ...]:
    """Return every driver."""
    return tuple(cast(DriverAbout, importlib.import_module(module).ABOUT) for module in ABOUTS)


def find_driver(name: str) -> DriverAbout:
    """Return the named driver. Raises InvalidInput for an unknown name."""
    found = {each.name: each for each in all_drivers()}
    if name not in found:
        raise InvalidInput(f"driver {name!r} does not exist; choose one of {', '.join(found)}")
    return found[name]


def make_driver(names: Sequence[str], context: DriverContext) -> Driver:
    """Return the named driver, or several of them as one, not yet open. Those that run instances on this computer get
    equal parts of it. Raises InvalidInput for an unknown name."""
    sharing = [name for name in names if not find_driver(name).description.for_tests]
    made = [
        _make_one(name, replace(context, part=sharing.index(name), parts=len(sharing)) if name in sharing else context)
        for name in names
    ]
    if len(made) == 1:
        return made[0]
    from vmhost.drivers.routing import RoutingDriver

    return RoutingDriver(made)


def _make_one(name: str, context: DriverContext) -> Driver:
    module, _, attribute = find_driver(name).factory.partition(":")
    factory = cast(Callable[[DriverContext], Driver], getattr(importlib.import_module(module), attribute))
    return factory(context)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A driver (or several: "process,container"), and why it was chosen; without a reason if the user chose it."""

    driver: str
    why: str = ""
    missing: str = ""
    """The name of what the preferred driver misses; empty when nothing is missing."""


async def choose(wanted: str, images: Iterable[Image], drivers: Sequence[DriverAbout] | None = None) -> Choice:
    """Return the wanted driver; for `auto`, the first of the drivers that can boot every image on this computer."""
    if wanted != AUTO:
        return Choice(driver=wanted)
    images, missing = tuple(images), None
    for about in all_drivers() if drivers is None else drivers:
        if about.description.for_tests:
            continue
        now_missing = await _missing(about, images)
        if now_missing is None:
            why = f"instances are {about.description.plural}"
            if missing is None:
                return Choice(driver=about.name, why=why)
            return Choice(driver=about.name, why=f"{why}: {missing.reason}", missing=missing.name)
        missing = missing or now_missing
    raise Unavailable(f"no driver can run here: {missing.reason if missing else 'no driver is registered'}")


async def _missing(about: DriverAbout, images: Sequence[Image]) -> MissingPrerequisite | None:
    """Return the first thing that the driver misses to boot all these images; None when nothing is missing."""
    if about.missing_prerequisite is None:
        return None
    needed = {boot.image for image in images if (boot := image.boots.get(about.name)) and boot.image}
    for reference in sorted(needed):
        if missing := await about.missing_prerequisite(reference):
            return missing
    return None
