"""A driver under test, opened and removed again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from harness import Harness, Listener, MakeHarness, driver_params

from vmhost.drivers.ports import Driver


@pytest.fixture(params=driver_params())
async def under_test(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Harness]:
    make: MakeHarness = request.param
    async with make(tmp_path) as harness:
        yield harness


@pytest.fixture
async def driver(under_test: Harness) -> AsyncIterator[Driver]:
    one = under_test.make()
    await one.open()
    yield one
    await one.close(remove=True)


@pytest.fixture
async def listener(driver: Driver) -> AsyncIterator[Listener]:
    one = Listener(driver.instances.events())
    yield one
    await one.close()
