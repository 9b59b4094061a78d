"""The response in one write equals that of aiohttp, which is used where one write is not possible."""

from __future__ import annotations

import asyncio
import json

import pytest
from yarl import URL

from tests.integration.server_frontend.conftest import Serving
from tests.integration.server_frontend.leaves import hit, leaves

SEARCH = "/search?q=a&format=json"


async def exchange(serving: Serving, *heads: str) -> list[tuple[str, dict[str, str], bytes]]:
    """Status line, headers and body of each response, when all requests are sent on one connection without waiting."""
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
async def test_raw_response_has_the_same_headers(serving: Serving, other: str) -> None:
    async with leaves((0, "a"), (1, "b")) as (a, b):
        a.hits, b.hits = [hit("x", 9.0)], [hit("é", 5.0)]
        serving.shard_map.add(a.instance)
        serving.shard_map.add(b.instance)
        raw, plain = await exchange(serving, f"GET {SEARCH} HTTP/1.1\r\nHost: localhost", other)
    own = {"Connection", "Content-Length", "Date", "Server-Timing", "traceparent"}
    assert raw[1].keys() - own == plain[1].keys() - own
    assert all(raw[1][name] == plain[1][name] for name in plain[1].keys() - own)
    assert {"Date", "Server-Timing", "traceparent"} <= raw[1].keys() & plain[1].keys()
    assert raw[0] == "HTTP/1.1 200 OK"
    assert raw[1]["Date"].endswith(" GMT")


async def test_pipelined_requests_are_answered_in_order(serving: Serving) -> None:
    async with leaves((0, "a"), (1, "b")) as (a, b):
        serving.shard_map.add(a.instance)
        serving.shard_map.add(b.instance)
        answers = await exchange(
            serving, *(f"GET /search?q=a{n}&format=json HTTP/1.1\r\nHost: localhost" for n in range(5))
        )
    assert [status for status, _, _ in answers] == ["HTTP/1.1 200 OK"] * 5
    assert [json.loads(body)["query"] for _, _, body in answers] == [f"a{n}" for n in range(5)]
