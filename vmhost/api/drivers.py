"""What each driver says about itself and about this computer, as data. Needs neither an engine nor a platform."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from vmhost.base.errors import InvalidInput

AUTO = "auto"
"""The value of --driver for the preferred driver that can run here."""
_EXAMPLE = "process,container"
_INSTALL_COMMANDS = {
    "apt": "sudo apt install",
    "dnf": "sudo dnf install",
    "pacman": "sudo pacman -S",
    "apk": "sudo apk add",
    "brew": "brew install",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverDescription:
    """A driver, in words and facts."""

    name: str
    plural: str
    """What its instances are: "plain processes"."""
    needs: str = ""
    """When `auto` can choose it: "a Docker engine has the image"; empty if it runs on any computer."""
    packages: tuple[str, ...] = ()
    """The Python packages that only this driver imports."""
    for_tests: bool = False
    """Whether its instances run nothing, and it boots every image."""
    reads_local_files: bool = False
    """Whether its instances can read folders of this computer."""
    image_settings: frozenset[str] = frozenset()
    """The settings that it reads from its `[image.boot.NAME]` table of an image catalogue."""
    kill_command: str = ""
    """The command by which a person can kill an instance, with {cloud} and {instance}; empty without one."""
    frees_disk: str = ""
    """The command that removes what it keeps on the disk and does not need; empty without one."""
    fixes: Mapping[str, str] = field(default_factory=dict)
    """For each missing prerequisite, the commands to run before the program is started again."""


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    NOTE = "note"
    """The demo works; something better is possible."""
    PROBLEM = "problem"
    """The demo does not work, or not well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check of this computer."""

    name: str
    level: Level = Level.OK
    text: str
    fix: str = ""
    """The command that fixes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Computer:
    """What a driver must know about this computer to name the right commands."""

    system: str
    """"Linux" or "Darwin"."""
    package_manager: str
    """apt, dnf, pacman, apk, brew or empty."""
    program: str
    """The command by which the user calls glasscloud."""

    def install(self, packages: Mapping[str, str]) -> str:
        """Return the command that installs the packages, given by package manager; empty where none is known."""
        manager = self.package_manager
        return f"{_INSTALL_COMMANDS[manager]} {packages[manager]}" if manager in packages else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What a driver finds on this computer."""

    findings: tuple[Finding, ...] = ()
    usable: bool = True
    """Whether instances can be started now."""
    build_command: tuple[str, ...] = ()
    """The command that builds what instances need; empty where it cannot be run."""
    lacks: str = ""
    """What is missing although it could be built here, and the command that builds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverObject:
    """Something that a driver keeps outside of the platform, such as a container."""

    kind: str
    name: str
    noun: str
    """How people call this kind: "instance" for a container."""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def all_descriptions() -> tuple[DriverDescription, ...]:
    """Return every driver, those for tests included, in the order in which `auto` prefers them."""
    return tuple(each.description for each in _abouts())


def drivers() -> tuple[DriverDescription, ...]:
    """Return the drivers that run instances, in the order in which `auto` prefers them."""
    return tuple(each for each in all_descriptions() if not each.for_tests)


def split_names(text: str, known: Sequence[str]) -> tuple[str, ...]:
    """Return the drivers of "process,container". Raises InvalidInput for an unknown or repeated one, and for `auto`
    beside another."""
    names = tuple(text.split(","))
    for name in names:
        if name not in known:
            raise InvalidInput(f"driver {name!r} does not exist; use one of {', '.join(known)}")
        if names.count(name) > 1:
            raise InvalidInput(f"driver {name} is named twice in {text!r}; name each driver once")
    if AUTO in names and len(names) > 1:
        raise InvalidInput(f"{AUTO!r} chooses one driver and cannot be combined; name the drivers, as in {_EXAMPLE}")
    return names


def driver_named(name: str) -> DriverDescription:
    """Return the description of a driver; for an unknown name, one that promises nothing."""
    return next((each for each in drivers() if each.name == name), DriverDescription(name=name, plural=name))


async def diagnose(computer: Computer) -> dict[str, Diagnosis]:
    """Return what each driver that runs instances finds on this computer, by name. Changes nothing."""
    real = [each for each in _abouts() if not each.description.for_tests]
    found = await asyncio.gather(*(each.diagnose(computer) for each in real))
    return {each.description.name: diagnosis for each, diagnosis in zip(real, found, strict=True)}


async def list_objects(cloud: str, driver: str = "") -> tuple[DriverObject, ...]:
    """Return what the drivers, or only the named ones ("process,container"), keep of this cloud; nothing where an
    engine does not respond."""
    asked = [each for each in _abouts() if not driver or each.description.name in driver.split(",")]
    found = await asyncio.gather(*(each.list_objects(cloud) for each in asked))
    return tuple(one for objects in found for one in objects)


def _abouts() -> tuple[Any, ...]:
    # Loaded by name, because this package must stand on nothing else of the platform.
    modules = importlib.import_module("vmhost.drivers.registry").ABOUTS
    return tuple(importlib.import_module(module).ABOUT for module in modules)
