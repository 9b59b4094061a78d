"""What the fake driver says about itself."""

from __future__ import annotations

from functools import partial

from vmhost.api.drivers import DriverDescription
from vmhost.drivers.registry import DriverAbout, sweep_command

ABOUT = DriverAbout(
    description=DriverDescription(name="fake", plural="records", for_tests=True, reads_local_files=True),
    factory="vmhost.drivers.fake.driver:make_driver",
    removal_command=partial(sweep_command, "fake"),
)
