"""The client against a server that breaks, is silent, or is somebody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web

from tests.unit.api.test_api_wire import FAULT, RUNNING, SNAPSHOT
from vmhost.api.access import Access
from vmhost.api.client import CloudClient
from vmhost.api.views import CloudEvent
from vmhost.base.errors import DeadlineExceeded, InvalidInput, Unauthenticated, Unavailable
from vmhost.base.sse import Event, encode
from vmhost.base.web import listen, serve, url_of
from vmhost.base.web_guard import json_response

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def client_of(handler: Handler, *, timeout_s: float = 5.0) -> AsyncIterator[CloudClient]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    sock = listen("127.0.0.1", 0)
    async with serve(app, sock, drain_s=0.1) as url, CloudClient(Access.fresh(url), timeout_s=timeout_s) as client:
        yield client


async def stream(request: web.Request, *parts: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for part in parts:
        await response.write(part)
    return response


async def first(client: CloudClient, count: int) -> list[CloudEvent]:
    seen: list[CloudEvent] = []
    async with asyncio.timeout(10), aclosing(client.events()) as events:
        async for event in events:
            seen.append(event)
            if len(seen) == count:
                break
    return seen


async def test_broken_stream_restarts_with_a_snapshot() -> None:
    calls = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        if calls == 2:
            return web.Response(status=503)
        snapshot = encode(Event(id=1, kind="snapshot", data=SNAPSHOT))
        unknown = encode(Event(id=2, kind="weather", data={}))
        change = encode(Event(id=3, kind="instance", data=RUNNING))
        return await stream(request, snapshot[:20], snapshot[20:] + unknown, change)

    async with client_of(handler) as client:
        assert await first(client, 4) == [SNAPSHOT, RUNNING, SNAPSHOT, RUNNING]
    assert calls == 3


async def test_large_snapshot_arrives_complete() -> None:
    large = replace(SNAPSHOT, instances=(RUNNING,) * 2000)

    async def handler(request: web.Request) -> web.StreamResponse:
        return await stream(request, encode(Event(id=1, kind="snapshot", data=large)))

    async with client_of(handler) as client:
        assert await first(client, 1) == [large]


async def test_refused_stream_is_not_retried() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        error = {"kind": "unauthenticated", "code": "SignatureDoesNotMatch", "message": "no"}
        return web.json_response({"error": error}, status=401)

    async with client_of(handler) as client:
        with pytest.raises(Unauthenticated):
            await first(client, 1)


async def test_silent_cloud_times_out() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async with client_of(handler, timeout_s=0.1) as client:
        with pytest.raises(DeadlineExceeded):
            await client.describe_instances()


async def test_other_server_at_the_address_is_recognized() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>welcome", status=200 if request.method == "GET" else 404)

    async with client_of(handler) as client:
        with pytest.raises(Unavailable, match="is it a glasscloud"):
            await client.status()
        with pytest.raises(Unavailable, match="is it a glasscloud"):
            await client.describe_instances()


async def test_no_server_at_the_address() -> None:
    sock = listen("127.0.0.1", 0)
    url = url_of(sock)
    sock.close()
    async with CloudClient(Access.fresh(url)) as client:
        with pytest.raises(Unavailable, match="does not respond"):
            await client.status()


async def test_fault_response_is_the_started_fault() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        assert await request.json() == {"fault": "kill", "instance_id": "i-1"}
        return json_response(FAULT)

    async with client_of(handler) as client:
        assert await client.inject_fault("kill", "i-1") == FAULT


@pytest.mark.parametrize("endpoint", ["", "127.0.0.1:4566", "ftp://host", "http://"])
def test_invalid_endpoint_is_refused_before_sending(endpoint: str) -> None:
    with pytest.raises(InvalidInput):
        CloudClient(Access.fresh(endpoint))
