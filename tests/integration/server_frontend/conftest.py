"""What the tests of the front end share."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest_asyncio

from server.frontend.fanout import Fanout


@pytest_asyncio.fixture
async def fanout() -> AsyncIterator[Fanout]:
    """A fan-out over two shards, without replicas yet."""
    async with asyncio.TaskGroup() as tasks:
        made = Fanout(2, rng=random.Random(1), spawn=tasks.create_task)
        yield made
        made.close()
