"""What programs that help people can say about each driver, without an engine or a platform."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverDescription:
    """A driver, in words and facts."""

    name: str
    plural: str
    """What its instances are: "plain processes"."""
    for_tests: bool = False
    """Whether its instances run nothing."""
    uses_engine: bool = False
    """Whether its instances need a Docker engine with the image, and are objects of that engine."""
    reads_local_files: bool = False
    """Whether its instances can read folders of this computer."""
    kill_command: str = ""
    """The command by which a person can kill an instance, with {cloud} and {instance}; empty without one."""
    fixes: Mapping[str, str] = field(default_factory=dict)
    """For each missing prerequisite, the commands to run before the program is started again."""


def drivers() -> tuple[DriverDescription, ...]:
    """Return the drivers that run instances, in the order in which `auto` prefers them."""
    # Loaded by name, because this package must stand on nothing else of the platform.
    abouts = importlib.import_module("vmhost.drivers.registry").ABOUTS
    found = tuple(importlib.import_module(module).ABOUT.description for module in abouts)
    return tuple(each for each in found if not each.for_tests)


def driver_named(name: str) -> DriverDescription:
    """Return the description of a driver; for an unknown name, one that promises nothing."""
    unknown = DriverDescription(name=name, plural=name)
    return next((each for each in drivers() if each.name == name), unknown)
