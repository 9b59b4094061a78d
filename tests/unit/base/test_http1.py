"""The HTTP/1.1 client protocol against real sockets that answer well, oddly, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from vmhost.base.connection_pool import ConnectionPool
from vmhost.base.http1 import Failure, HttpFailure, build_request, connect

GET = build_request("GET", "/", [("Host", "test")])
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def server(talk: Talk) -> AsyncIterator[int]:
    talks: set[asyncio.Task[None]] = set()

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await talk(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.create_task(guarded(reader, writer)))

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        if talks:
            await asyncio.wait(talks, timeout=2)


def answering(*answers: bytes, close: bool = False) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        if not close:
            await reader.read()

    return talk


async def ask(talk: Talk, *, timeout_s: float = 2.0, head: bool = False) -> tuple[int, bytes, bool]:
    async with server(talk) as port:
        pool = ConnectionPool("127.0.0.1", port)
        try:
            response = await pool.request(GET, timeout_s=timeout_s, head=head)
            return response.status, response.body, response.keep_alive
        finally:
            pool.close()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", (200, b"hello", True)),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
            (200, b"hello", True),
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"", True)),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", (304, b"", True)),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", (200, b"ok", True)),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", (200, b"ok", False)),
    ],
)
async def test_valid_response_arrives_complete(answer: bytes, expected: tuple[int, bytes, bool]) -> None:
    assert await ask(answering(answer)) == expected


async def test_body_without_length_ends_with_connection() -> None:
    assert await ask(answering(b"HTTP/1.1 200 OK\r\n\r\nall of it", close=True)) == (200, b"all of it", False)


async def test_response_to_head_has_no_body() -> None:
    assert await ask(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), head=True) == (200, b"", True)


@pytest.mark.parametrize(
    ("talk", "failure"),
    [
        (answering(b"SSH-2.0-OpenSSH\r\n"), Failure.GARBAGE),
        (answering(b"", close=True), Failure.CLOSED_EARLY),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", close=True), Failure.CLOSED_EARLY),
        (answering(b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 70_000 + b"\r\n\r\n"), Failure.TOO_LARGE),
    ],
)
async def test_invalid_response_is_classified(talk: Talk, failure: Failure) -> None:
    with pytest.raises(HttpFailure) as caught:
        await ask(talk)
    assert caught.value.failure is failure


async def test_silence_times_out_and_frees_the_connection() -> None:
    async with server(answering()) as port:
        pool = ConnectionPool("127.0.0.1", port, limit=1)
        for _ in range(2):
            with pytest.raises(HttpFailure) as caught:
                await pool.request(GET, timeout_s=0.05)
            assert caught.value.failure is Failure.TIMEOUT
        pool.close()


async def test_no_listener_is_a_connect_failure() -> None:
    async with server(answering()) as port:
        pass
    with pytest.raises(HttpFailure) as caught:
        await connect("127.0.0.1", port, timeout_s=1)
    assert caught.value.failure is Failure.CONNECT


async def test_requests_beyond_the_limit_wait() -> None:
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with server(talk) as port:
        pool = ConnectionPool("127.0.0.1", port, limit=3)
        answers = await asyncio.gather(*(pool.request(GET, timeout_s=2) for _ in range(100)))
        pool.close()
    assert [answer.status for answer in answers] == [200] * 100
    assert connections == 3


async def test_cancelled_request_closes_its_connection() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readuntil(b"\r\n\r\n")
        if b"/slow" in line:
            await asyncio.sleep(0.1)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + (b"slow" if b"/slow" in line else b"fast"))
        await writer.drain()

    async with server(talk) as port:
        pool = ConnectionPool("127.0.0.1", port, limit=1)
        slow = asyncio.create_task(pool.request(build_request("GET", "/slow", [("Host", "t")]), timeout_s=2))
        await asyncio.sleep(0.03)
        slow.cancel()
        answer = await pool.request(GET, timeout_s=2)
        pool.close()
    assert answer.body == b"fast"


def test_line_break_in_a_header_is_refused() -> None:
    with pytest.raises(ValueError, match="line break"):
        build_request("GET", "/", [("Host", "a\r\nX: y")])
