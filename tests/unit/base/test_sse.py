"""The event hub: bounded readers, resuming, and the wire format read back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import ClientSession, web

from vmhost.base.sse import LAGGED, Event, Hub, encode, read_events, respond
from vmhost.base.web import listen, serve


async def test_slow_reader_gets_lagged_and_continues() -> None:
    hub = Hub(capacity=3)
    with hub.subscribe() as reader:
        for number in range(10):
            hub.publish("n", number)
        assert (await anext(reader)).kind == LAGGED
        hub.publish("n", 10)
        rest = [(await anext(reader)).data for _ in range(1)]
    assert rest[-1] in {10, 9, 8, 7}


async def test_reader_resumes_after_its_last_event() -> None:
    hub = Hub(history=5, first_id=1)
    for number in range(1, 11):
        hub.publish("n", number)
    assert not hub.can_resume(4)
    assert hub.can_resume(5)
    with hub.subscribe(after=8) as reader:
        assert [(await anext(reader)).data for _ in range(2)] == [9, 10]


async def test_ids_of_an_earlier_run_cannot_resume() -> None:
    earlier, later = Hub(), Hub()
    for number in range(3):
        earlier.publish("n", number)
    later.publish("n", 0)
    assert not later.can_resume(earlier.last_id - 1000)


async def test_closing_the_hub_ends_its_readers() -> None:
    hub = Hub()
    with hub.subscribe() as reader:
        hub.close()
        assert [event async for event in reader] == []


async def test_encoded_events_parse_back() -> None:
    async def lines() -> AsyncIterator[bytes]:
        yield b": a comment\n"
        for line in encode(Event(id=7, kind="instance", data={"a": "line\nbreak é"})).splitlines(keepends=True):
            yield line
        yield b"data: not json\n"
        yield b"\n"

    assert [event async for event in read_events(lines())] == [
        Event(id=7, kind="instance", data={"a": "line\nbreak é"})
    ]


async def test_http_stream_starts_with_a_snapshot_or_resumes() -> None:
    hub = Hub()
    app = web.Application()

    async def stream(request: web.Request) -> web.StreamResponse:
        return await respond(request, hub, lambda: {"now": hub.last_id})

    app.router.add_get("/", stream)
    async with serve(app, listen("127.0.0.1", 0)) as url, ClientSession() as session:
        async with session.get(url) as response, asyncio.timeout(2):
            events = read_events(response.content)
            assert (await anext(events)).kind == "snapshot"
            hub.publish("n", 1)
            first = await anext(events)
        hub.publish("n", 2)
        async with session.get(url, headers={"Last-Event-ID": str(first.id)}) as response, asyncio.timeout(2):
            assert (await anext(read_events(response.content))).data == 2
        hub.close()


async def test_excluded_kind_is_not_wanted() -> None:
    hub = Hub()
    with hub.subscribe(without=frozenset({"stats"})) as reader:
        assert not hub.wanted("stats")
        assert hub.wanted("instance")
        hub.publish("stats", 1)
        hub.publish("instance", 2)
        assert (await anext(reader)).data == 2
        with hub.subscribe():
            assert hub.wanted("stats")


async def test_compressed_stream_is_flushed_per_event() -> None:
    hub = Hub(first_id=1)
    app = web.Application()

    async def stream(request: web.Request) -> web.StreamResponse:
        return await respond(request, hub, lambda: {"rows": ["the same"] * 100}, compress=True)

    app.router.add_get("/", stream)
    async with serve(app, listen("127.0.0.1", 0)) as url, ClientSession() as session:
        for accepted, encoding in (("gzip", "gzip"), ("identity", None)):
            async with session.get(url, headers={"Accept-Encoding": accepted}) as response, asyncio.timeout(2):
                assert response.headers.get("Content-Encoding") == encoding
                events = read_events(response.content)
                assert (await anext(events)).data == {"rows": ["the same"] * 100}
                for number in range(3):
                    hub.publish("n", number)
                    assert (await anext(events)).data == number
        hub.close()
