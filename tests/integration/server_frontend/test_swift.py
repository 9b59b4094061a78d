"""The answer in one write is the answer that aiohttp would give, and gives wherever one write will not do."""

from __future__ import annotations

import asyncio
import json

import pytest
from yarl import URL

from tests.integration.server_frontend.conftest import Serving
from tests.integration.server_frontend.leaves import hit, leaves

SEARCH = "/search?q=a&format=json"


async def spoken(serving: Serving, *heads: str) -> list[tuple[str, dict[str, str], bytes]]:
    """What one connection answers to these requests, sent one behind the other: status lines, headers, bodies."""
    url = URL(serving.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    answers = []
    try:
        async with asyncio.timeout(5):
            writer.write("".join(f"{head}\r\n\r\n" for head in heads).encode())
            for head in heads:
                status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
                headers = dict(line.split(": ", 1) for line in lines)
                length = 0 if head.startswith("HEAD") else int(headers["Content-Length"])
                answers.append((status, headers, await reader.readexactly(length)))
    finally:
        writer.close()
        await writer.wait_closed()
    return answers


@pytest.mark.parametrize(
    "other",
    [
        f"HEAD {SEARCH} HTTP/1.1\r\nHost: localhost",
        f"GET {SEARCH} HTTP/1.0",
        f"GET {SEARCH} HTTP/1.1\r\nHost: localhost\r\nConnection: close",
    ],
)
async def test_every_way_of_asking_gets_the_same_headers(serving: Serving, other: str) -> None:
    async with leaves((0, "a"), (1, "b")) as (a, b):
        a.hits, b.hits = [hit("x", 9.0)], [hit("é", 5.0)]
        serving.fanout.add(a.machine)
        serving.fanout.add(b.machine)
        swift, slow = await spoken(serving, f"GET {SEARCH} HTTP/1.1\r\nHost: localhost", other)
    own = {"Connection", "Content-Length", "Date", "Server-Timing", "traceparent"}
    assert swift[1].keys() - own == slow[1].keys() - own
    assert all(swift[1][name] == slow[1][name] for name in slow[1].keys() - own)
    assert {"Date", "Server-Timing", "traceparent"} <= swift[1].keys() & slow[1].keys()
    assert swift[0] == "HTTP/1.1 200 OK"
    assert swift[1]["Date"].endswith(" GMT")


async def test_requests_sent_one_behind_the_other_are_answered_in_order(serving: Serving) -> None:
    async with leaves((0, "a"), (1, "b")) as (a, b):
        serving.fanout.add(a.machine)
        serving.fanout.add(b.machine)
        answers = await spoken(
            serving, *(f"GET /search?q=a{n}&format=json HTTP/1.1\r\nHost: localhost" for n in range(5))
        )
    assert [status for status, _, _ in answers] == ["HTTP/1.1 200 OK"] * 5
    assert [json.loads(body)["query"] for _, _, body in answers] == [f"a{n}" for n in range(5)]
