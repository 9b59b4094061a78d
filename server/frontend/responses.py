"""HTTP responses of the front end, with the headers that each of them carries."""

from __future__ import annotations

import asyncio
import functools
from email.utils import formatdate
from typing import Any

import msgspec
from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import SERVER_SOFTWARE
from multidict import CIMultiDict

from vmhost.base.errors import CloudError

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

Headers = tuple[tuple[str, str], ...]
JSON_HEADERS: Headers = (
    ("Content-Type", "application/json"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
)


def header_lines(headers: Headers) -> str:
    """The headers as text, each on a line of its own."""
    return "".join([f"{name}: {value}\r\n" for name, value in headers])


def json_response(data: Any, *, status: int = 200, extra: Headers = ()) -> web.Response:
    """Data as JSON that must not be cached."""
    return json_bytes_response(msgspec.json.encode(data), status=status, extra=extra)


def json_bytes_response(body: bytes, *, status: int = 200, extra: Headers = ()) -> web.Response:
    """JSON that must not be cached."""
    return web.Response(body=body, status=status, headers=CIMultiDict((*JSON_HEADERS, *extra)))


def page_response(html: str, *, status: int = 200, extra: Headers = ()) -> web.Response:
    """A page that may not load from other sites, run inline scripts or be shown in a frame."""
    return file_response(html.encode("utf-8", "replace"), "text/html; charset=utf-8", status=status, extra=extra)


def file_response(
    body: bytes, content_type: str, *, status: int = 200, cache: str = "no-store", extra: Headers = ()
) -> web.Response:
    """A file, under the same content security policy as pages."""
    return web.Response(
        body=body,
        status=status,
        headers=CIMultiDict(
            (
                ("Content-Type", content_type),
                ("Cache-Control", cache),
                ("Content-Security-Policy", _POLICY),
                ("Referrer-Policy", "no-referrer"),
                ("X-Content-Type-Options", "nosniff"),
                *extra,
            )
        ),
    )


def error_json(error: CloudError) -> dict[str, Any]:
    """An error as JSON data."""
    return {"error": {"kind": error.kind, "message": error.message}}


def raw_json_response(request: web.BaseRequest, body: bytes, extra: Headers, now: float) -> web.StreamResponse:
    """JSON with status 200 that must not be cached; `extra` must hold no line breaks, `now` is epoch seconds.

    Requests that need more (HEAD, HTTP/1.0, a connection that ends, a slow reader) get aiohttp's own response."""
    transport = request.transport
    if (
        transport is None
        or transport.is_closing()
        or transport.get_write_buffer_size()
        or request.method != "GET"
        or not request.keep_alive
        or request.version != HttpVersion11
    ):
        return json_bytes_response(body, extra=extra)
    head = f"{_raw_start(int(now))}{header_lines(extra)}Content-Length: {len(body)}\r\n\r\n"
    return RawResponse(transport, head.encode("latin-1") + body)


@functools.lru_cache(1)
def _raw_start(second: int) -> str:
    """The lines that all raw responses of one second have in common."""
    date = formatdate(second, usegmt=True)
    return f"HTTP/1.1 200 OK\r\n{header_lines(JSON_HEADERS)}Server: {SERVER_SOFTWARE}\r\nDate: {date}\r\n"


class RawResponse(web.StreamResponse):
    """A response whose bytes are ready and are sent in one write; the connection stays open.

    aiohttp's own response costs three times as much, and this one is sent for every search."""

    keep_alive = True

    def __init__(self, transport: asyncio.Transport, raw: bytes) -> None:
        super().__init__()
        self._transport = transport
        self._raw = raw

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Does nothing: the bytes are ready."""
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Sends the bytes."""
        self._transport.write(self._raw)
