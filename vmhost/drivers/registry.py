"""The drivers by name. A driver is imported only when it is used: `--driver fake` needs no Docker library.

To add a driver: a package that implements `ports.Driver`, a line in FACTORIES, and a fixture for the contract tests.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import cast

from vmhost.base.errors import InvalidInput
from vmhost.drivers.context import DriverContext
from vmhost.drivers.ports import Driver

FACTORIES: Mapping[str, str] = {
    "container": "vmhost.drivers.container.driver:ContainerDriver",
    "fake": "vmhost.drivers.fake.driver:make_driver",
    "process": "vmhost.drivers.process.driver:ProcessDriver",
}
"""Module and callable, which takes a DriverContext."""


def make_driver(name: str, context: DriverContext) -> Driver:
    """Return the named driver, not yet open. Raises InvalidInput for an unknown name."""
    if name not in FACTORIES:
        raise InvalidInput(f"driver {name!r} does not exist; choose one of {', '.join(FACTORIES)}")
    module, _, attribute = FACTORIES[name].partition(":")
    factory = cast(Callable[[DriverContext], Driver], getattr(importlib.import_module(module), attribute))
    return factory(context)
