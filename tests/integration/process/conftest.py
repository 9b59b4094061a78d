"""Process drivers of each kind, opened and closed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from vmhost.base.errors import Unsupported
from vmhost.drivers.cgroups import ControlGroups
from vmhost.drivers.context import DriverContext
from vmhost.drivers.process.cgroup_isolation import CgroupIsolation
from vmhost.drivers.process.driver import ProcessDriver
from vmhost.drivers.process.isolation import Isolation, PolledIsolation


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who wants control groups needs the rights to write them."""
    for item in items:
        if "walled" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.root)


@pytest.fixture
def context(tmp_path: Path) -> DriverContext:
    """A cloud of its own for each test."""
    return DriverContext(cloud="test", state_dir=tmp_path)


def _groups(tmp_path: Path) -> Isolation:
    try:
        return CgroupIsolation(ControlGroups.detect(), cloud_group=f"glasscloud-test-{abs(hash(str(tmp_path)))}")
    except Unsupported as why:
        pytest.skip(why.message)


@pytest.fixture
async def walled(context: DriverContext, tmp_path: Path) -> AsyncIterator[ProcessDriver]:
    """A driver with control groups."""
    driver = ProcessDriver(context, isolation=_groups(tmp_path))
    await driver.open()
    yield driver
    await driver.close(remove=True)


@pytest.fixture
async def watched(context: DriverContext) -> AsyncIterator[ProcessDriver]:
    """A driver with nothing but its eyes, whose guests share an address."""
    driver = ProcessDriver(context, isolation=PolledIsolation("a test wants it so"), own_addresses=False)
    await driver.open()
    yield driver
    await driver.close(remove=True)


@pytest.fixture
async def driver(context: DriverContext) -> AsyncIterator[ProcessDriver]:
    """A driver as it is here."""
    driver = ProcessDriver(context)
    await driver.open()
    yield driver
    await driver.close(remove=True)


@pytest.fixture(params=["best", "polled"])
async def each(context: DriverContext, request: pytest.FixtureRequest) -> AsyncIterator[ProcessDriver]:
    """A driver as it is here, and one with nothing but its eyes."""
    isolation = PolledIsolation("a test wants it so") if request.param == "polled" else None
    driver = ProcessDriver(context, isolation=isolation)
    await driver.open()
    yield driver
    await driver.close(remove=True)
