"""The drivers. A driver is imported only when it is used: `--driver fake` needs no Docker library.

To add a driver: a package that implements `ports.Driver`, with an `about.py`; a line in ABOUTS; a fixture for the
contract tests.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

from vmhost.base.errors import InvalidInput
from vmhost.drivers.about import DriverAbout
from vmhost.drivers.context import DriverContext
from vmhost.drivers.ports import Driver

ABOUTS = ("vmhost.drivers.container.about", "vmhost.drivers.process.about", "vmhost.drivers.fake.about")
"""Modules with an ABOUT, in the order in which `auto` prefers their drivers."""


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
