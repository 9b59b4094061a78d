"""What the tests of the front end share."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest_asyncio

from server.frontend.app import LINE_BYTES_MAX, FrontEnd, Settings
from server.frontend.fanout import Fanout
from server.frontend.observe import Observer
from server.frontend.search import Answer
from vmhost.base.clock import SystemClock
from vmhost.base.errors import CloudError
from vmhost.base.web import listen, serve


class PlainPages:
    """Pages as bare text, so that tests see what they are made of."""

    def home(self) -> str:
        return "home"

    def results(self, answer: Answer, page: int) -> str:
        return f"page {page} of {answer.body.decode()}"

    def document(self, answer: Answer) -> str:
        return f"document {answer.body.decode()}"

    def problem(self, error: CloudError, query: str) -> str:
        return f"problem {error.message} {query}"

    def asset(self, name: str) -> tuple[bytes, str] | None:
        return (b"body{}", "text/css") if name == "page.css" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A front end that serves, and a client for it."""

    url: str
    fanout: Fanout
    observer: Observer
    client: aiohttp.ClientSession


@pytest_asyncio.fixture
async def fanout() -> AsyncIterator[Fanout]:
    """A fan-out over two shards, without replicas yet."""
    async with asyncio.TaskGroup() as tasks:
        made = Fanout(2, rng=random.Random(1), spawn=tasks.create_task, monotonic=time.monotonic)
        yield made
        made.close()


@pytest_asyncio.fixture
async def serving(fanout: Fanout) -> AsyncIterator[Serving]:
    """A front end over the fan-out, with little room and little patience."""
    observer = Observer(SystemClock(), fanout, time.monotonic)
    front_end = FrontEnd(
        fanout=fanout,
        observer=observer,
        pages=PlainPages(),
        settings=Settings(service="search", deadline_s=1.0, in_flight_max=8),
        rng=random.Random(2),
        monotonic=time.monotonic,
        starting=lambda: (),
    )
    sock = listen("127.0.0.1", 0)
    async with (
        serve(front_end.handle, sock, line_bytes_max=LINE_BYTES_MAX) as url,
        aiohttp.ClientSession() as client,
    ):
        yield Serving(url=url, fanout=fanout, observer=observer, client=client)
        observer.hub.close()
