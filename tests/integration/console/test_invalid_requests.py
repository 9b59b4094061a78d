"""Requests that no page sends are refused with a message, without an internal error."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.integration.console.console_client import Console

_JSON = "application/json"


@pytest.mark.parametrize(
    ("path", "data", "status"),
    [
        ("/api/session", {"token": "\ud800"}, 400),
        ("/api/search", {"query": "\ud800"}, 400),
        ("/api/search", {"query": "one \udfff more"}, 400),
        ("/api/share", {"address": "\ud800"}, 400),
    ],
)
async def test_invalid_unicode_refused(console: Console, path: str, data: Any, status: int) -> None:
    assert (await console.request("POST", path, data)).status == status


@pytest.mark.parametrize(
    "headers",
    [{"Content-Encoding": "deflate"}, {"Content-Encoding": "gzip"}, {"Content-Type": f"{_JSON}; charset=bogus"}],
)
async def test_a_body_that_cannot_be_read_is_refused(console: Console, headers: dict[str, str]) -> None:
    answer = await console.request("POST", "/api/search", {"query": "hypervisor"}, **headers)
    assert (answer.status, "JSON" in answer.message) == (400, True)


async def raw(console: Console, head: str, rest: bytes) -> bytes:
    """The whole answer to what no client's library would send."""
    parts = urlsplit(console.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(f"{head} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n".encode() + rest)
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


async def test_a_cookie_of_raw_bytes_opens_nothing(locked: Console) -> None:
    cookie = f"Cookie: glasscloud-{urlsplit(locked.url).port}=".encode()
    answer = await raw(locked, "GET /api/session", cookie + b"\xff\xfe\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"can_act":false' in answer


@pytest.mark.parametrize(
    "more", [b"Content-Encoding: deflate\r\nContent-Length: 7\r\n\r\nrubbish", b"no header\r\n\r\n"]
)
async def test_unreadable_request_refused_without_log(
    locked: Console, more: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await raw(locked, "POST /api/search", b"Content-Type: application/json\r\n" + more)
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
    assert b"Traceback" not in answer
    assert [record.getMessage() for record in caplog.records if record.name.startswith("aiohttp")] == []
