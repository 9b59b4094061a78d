"""One open cloud for all tests of a file; each test makes its own guests."""

from __future__ import annotations

import itertools
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from engine_world import World, world

sys.path.insert(0, str(Path(__file__).parent))

from container_guest import Guest

from vmhost.drivers.container.driver import ContainerDriver


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    tag = Path(str(request.path)).stem.removeprefix("test_").replace("_", "-")
    helper = getattr(request.module, "HELPER", None)
    async with world(tag, tmp_path_factory.mktemp("state"), helper=helper) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def driver(cloud: World) -> AsyncIterator[ContainerDriver]:
    one = cloud.driver()
    await one.open()
    try:
        yield one
    finally:
        await one.close(remove=True)


@pytest.fixture(scope="module")
def make_guest(cloud: World, driver: ContainerDriver) -> Callable[..., Guest]:
    numbers = itertools.count(1)
    return lambda **settings: Guest(cloud=cloud, driver=driver, id=f"i-{next(numbers):02}", **settings)
