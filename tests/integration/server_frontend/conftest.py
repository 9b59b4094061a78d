"""Fixtures of the front end's tests."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest_asyncio

from server.frontend.frontend_app import LINE_BYTES_MAX, FrontEnd, Settings
from server.frontend.observer import Observer
from server.frontend.shard_map import ShardMap
from vmhost.base.clock import SystemClock
from vmhost.base.web import listen, serve


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A running front end, and an HTTP client for it."""

    url: str
    shard_map: ShardMap
    observer: Observer
    client: aiohttp.ClientSession


@pytest_asyncio.fixture
async def shard_map() -> AsyncIterator[ShardMap]:
    """Two shards, without replicas yet."""
    async with asyncio.TaskGroup() as tasks:
        made = ShardMap(2, rng=random.Random(1), spawn=tasks.create_task, monotonic=time.monotonic)
        yield made
        made.close()


@pytest_asyncio.fixture
async def serving(shard_map: ShardMap) -> AsyncIterator[Serving]:
    """A front end that accepts at most 8 requests at once, with a deadline of 1 s."""
    observer = Observer(SystemClock(), shard_map)
    front_end = FrontEnd(
        shard_map=shard_map,
        observer=observer,
        settings=Settings(service="search", deadline_s=1.0, in_flight_max=8),
        rng=random.Random(2),
        starting=lambda: (),
    )
    sock = listen("127.0.0.1", 0)
    async with (
        serve(front_end.handle, sock, line_bytes_max=LINE_BYTES_MAX) as url,
        aiohttp.ClientSession() as client,
    ):
        yield Serving(url=url, shard_map=shard_map, observer=observer, client=client)
        observer.hub.close()
