"""The fake driver: guests are records, with settings for delays and failures. For tests and for many guests.

A `FakeWorld` outlives the driver, as an engine outlives the platform.
"""

from vmhost.drivers.fake.driver import FakeDriver, FakeShell
from vmhost.drivers.fake.instances import FakeInstances
from vmhost.drivers.fake.world import FakeGuest, FakeSettings, FakeWorld

__all__ = ["FakeDriver", "FakeGuest", "FakeInstances", "FakeSettings", "FakeShell", "FakeWorld"]
