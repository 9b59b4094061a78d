"""Kept connections that the server closes, and methods that keep them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from client.load.plan.model import ClosedLoop, OpenLoop, Plan, Target
from client.load.run import LoadRun
from client.load.run_report import Report

HEAD_ONLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"


@dataclass
class Seen:
    """What a server saw."""

    port: int = 0
    connections: int = 0
    requests: int = 0


@asynccontextmanager
async def serving(*, per_connection: int | None = None) -> AsyncIterator[Seen]:
    """A server that closes each connection at the request after a given number."""
    seen = Seen()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        served = 0
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if b"Content-Length: 1\r\n" in head:
                    await reader.readexactly(1)
                if served == per_connection:
                    return
                served += 1
                seen.requests += 1
                writer.write(HEAD_ONLY + (b"" if head.startswith(b"HEAD") else b"ok"))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    seen.port = server.sockets[0].getsockname()[1]
    try:
        yield seen
    finally:
        server.close()


async def measured(seen: Seen, method: str, *, users: int = 0, duration_s: float = 0.6) -> Report:
    target = Target(url=f"http://127.0.0.1:{seen.port}/", method=method, body="x" if method == "POST" else "")
    loops = {"closed": ClosedLoop(users=users, think_s=0.01)} if users else {"open": OpenLoop(rate_per_s=100)}
    async with LoadRun() as run:
        await run.start(Plan(targets=(target,), duration_s=duration_s, **loops))  # type: ignore[arg-type]
        return await run.finished()


@pytest.mark.parametrize("users", [0, 3])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_request_on_a_closed_idle_connection_is_sent_again(method: str, users: int) -> None:
    async with serving(per_connection=3) as seen:
        report = await measured(seen, method, users=users)
    total = report.summary
    assert (total.ok, total.errors) == (total.offered, {})
    assert total.ok == seen.requests
    assert total.resent > 5


@pytest.mark.parametrize("users", [0, 3])
async def test_post_is_never_sent_again(users: int) -> None:
    async with serving(per_connection=3) as seen:
        report = await measured(seen, "POST", users=users)
    total = report.summary
    assert total.resent == 0
    assert total.failed > 5
    assert total.ok == seen.requests


@pytest.mark.parametrize("users", [0, 3])
async def test_request_is_sent_twice_at_most(users: int) -> None:
    async with serving(per_connection=0) as seen:
        report = await measured(seen, "GET", users=users)
    assert report.summary.resent == 0
    assert report.summary.ok == 0


@pytest.mark.parametrize("users", [0, 3])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
async def test_every_method_keeps_its_connection(method: str, users: int) -> None:
    async with serving() as seen:
        report = await measured(seen, method, users=users)
    assert report.summary.ok == report.summary.offered > 20
    # The first is opened and closed before the run, to see that the server is there.
    assert seen.connections <= 1 + (users or 8)
