"""What no page sends: the console refuses it in words, and none of it is its own fault."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.integration.console.asked_console import Console

_JSON = "application/json"


@pytest.mark.parametrize(
    ("path", "data", "status"),
    [
        ("/api/session", {"token": "\ud800"}, 401),
        ("/api/search", {"query": "\ud800"}, 400),
        ("/api/search", {"query": "one \udfff more"}, 400),
        ("/api/share", {"address": "\ud800"}, 400),
    ],
)
async def test_text_that_is_none_is_refused(console: Console, path: str, data: Any, status: int) -> None:
    assert (await console.ask("POST", path, data)).status == status


@pytest.mark.parametrize(
    "headers",
    [{"Content-Encoding": "deflate"}, {"Content-Encoding": "gzip"}, {"Content-Type": f"{_JSON}; charset=bogus"}],
)
async def test_a_body_that_cannot_be_read_is_refused(console: Console, headers: dict[str, str]) -> None:
    answer = await console.ask("POST", "/api/search", {"query": "hypervisor"}, **headers)
    assert (answer.status, "JSON" in answer.message) == (400, True)


async def test_a_cookie_of_raw_bytes_opens_nothing(locked: Console) -> None:
    parts = urlsplit(locked.url)
    head = f"GET /api/session HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\nCookie: glasscloud-{parts.port}="
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(head.encode() + b"\xff\xfe\r\n\r\n")
        async with asyncio.timeout(10):
            answer = await reader.read()
    finally:
        writer.close()
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"may_act": false' in answer
