"""What the process driver says about itself."""

from __future__ import annotations

from functools import partial

from vmhost.api.drivers import DriverDescription
from vmhost.drivers.process.findings import diagnose
from vmhost.drivers.registry import DriverAbout, sweep_command

ABOUT = DriverAbout(
    description=DriverDescription(
        name="process",
        plural="plain processes",
        reads_local_files=True,
        image_settings=frozenset({"command", "environment", "port"}),
    ),
    factory="vmhost.drivers.process.driver:ProcessDriver",
    removal_command=partial(sweep_command, "process"),
    diagnose=diagnose,
)
