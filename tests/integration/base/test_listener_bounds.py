"""A listener bounds its connections, the time that a request takes to arrive, and clients that never read."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from vmhost.base import listener
from vmhost.base.listener import Bounds
from vmhost.base.sse import READERS_MAX, Hub, respond
from vmhost.base.web import listen, serve

SHORT = Bounds(arrival_s=0.2, unread_s=0.3, every_s=0.05, keepalive_s=0.5)
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LIMIT_S = 20


async def hello(request: web.BaseRequest) -> web.StreamResponse:
    await request.read()
    return web.Response(text="hello")


def application() -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/", hello)  # type: ignore[arg-type]
    return app


@pytest.fixture(params=["handler", "application"])
def app(request: pytest.FixtureRequest) -> Any:
    return hello if request.param == "handler" else application()


@contextlib.asynccontextmanager
async def serving(app: Any, bounds: Bounds) -> AsyncIterator[tuple[str, int]]:
    async with serve(app, listen("127.0.0.1", 0), bounds=bounds, drain_s=0.1) as url, asyncio.timeout(LIMIT_S):
        parts = urlsplit(url)
        yield str(parts.hostname), int(parts.port or 0)


@contextlib.asynccontextmanager
async def connected(address: tuple[str, int]) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*address)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def rest(reader: asyncio.StreamReader) -> bytes:
    """All that still comes until the connection ends, however it ends."""
    got = b""
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65536):
            got += piece
    return got


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"G",
        b"GET / HTTP/1.1\r\nHost: local",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc",
    ],
)
async def test_incomplete_request_times_out(app: Any, sent: bytes) -> None:
    async with serving(app, SHORT) as address, connected(address) as (reader, writer):
        writer.write(sent)
        assert b"hello" not in await rest(reader)


async def test_slow_head_times_out(app: Any) -> None:
    async with serving(app, SHORT) as address, connected(address) as (reader, writer):
        closed = asyncio.create_task(rest(reader))
        writer.write(b"GET / HTTP/1.1\r\n")
        while not closed.done():
            writer.write(b"X-Slow: 1\r\n")
            await asyncio.wait([closed], timeout=0.05)
        assert closed.result() == b""


async def test_incomplete_second_request_times_out(app: Any) -> None:
    async with serving(app, SHORT) as address, connected(address) as (reader, writer):
        writer.write(REQUEST)
        await reader.readuntil(b"hello")
        writer.write(b"GET / HT")
        assert await rest(reader) == b""


async def test_idle_connection_has_its_own_limit(app: Any) -> None:
    bounds = Bounds(arrival_s=0.1, keepalive_s=0.8, every_s=0.05)
    loop = asyncio.get_running_loop()
    async with serving(app, bounds) as address, connected(address) as (reader, writer):
        writer.write(REQUEST)
        await reader.readuntil(b"hello")
        idle_since = loop.time()
        assert await rest(reader) == b""
        assert loop.time() - idle_since > 0.4


async def test_connection_above_the_limit_is_closed(app: Any) -> None:
    async with serving(app, Bounds(connections=2)) as address:
        async with connected(address) as (first, ask), connected(address):
            async with connected(address) as (third, _):
                assert await rest(third) == b""
            ask.write(REQUEST)
            await first.readuntil(b"hello")
        while True:
            async with connected(address) as (reader, writer):
                writer.write(REQUEST)
                if b"hello" in await reader.read(1000):
                    return


async def test_listener_uses_at_most_half_of_the_files(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener.resource, "getrlimit", lambda _: (40, 40))
    async with serving(app, Bounds()) as address, contextlib.AsyncExitStack() as stack:
        for _ in range(20):
            reader, writer = await stack.enter_async_context(connected(address))
            writer.write(REQUEST)
            await reader.readuntil(b"hello")
        reader, _ = await stack.enter_async_context(connected(address))
        assert await rest(reader) == b""


async def never_ending(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x" * 1_000_000)


async def test_client_that_reads_nothing_is_disconnected() -> None:
    ended = asyncio.Event()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await never_ending(request)
        finally:
            ended.set()

    async with serving(handler, SHORT) as address:
        sock = socket.create_connection(address)
        sock.sendall(REQUEST)
        await ended.wait()
        sock.close()


async def test_event_reader_that_reads_nothing_is_disconnected() -> None:
    hub = Hub()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        from vmhost.base.errors import CloudError

        try:
            return await respond(request, hub, dict)
        except CloudError as error:
            return web.Response(status=error.status, text=error.message)

    async with serving(handler, SHORT) as address:
        sock = socket.create_connection(address)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(REQUEST)
        while hub.readers == 0:
            await asyncio.sleep(0.01)
        while hub.readers:
            hub.publish("flood", "x" * 500_000)
            await asyncio.sleep(0.01)
        sock.close()
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(READERS_MAX):
                _, writer = await stack.enter_async_context(connected(address))
                writer.write(REQUEST)
            while hub.readers < READERS_MAX:
                await asyncio.sleep(0.01)
            async with connected(address) as (reader, writer):
                writer.write(REQUEST)
                assert (await reader.readline()).startswith(b"HTTP/1.1 503")
            hub.close()


async def test_disconnected_reader_is_no_longer_counted() -> None:
    hub = Hub()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return await respond(request, hub, dict)

    async with serving(handler, Bounds()) as address:
        async with connected(address) as (reader, writer):
            writer.write(REQUEST)
            await reader.readuntil(b"snapshot")
            assert hub.readers == 1
        async with asyncio.timeout(5):
            while hub.readers:
                await asyncio.sleep(0.01)
