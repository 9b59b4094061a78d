"""HTTP responses of the front end, with the headers that each of them carries."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web
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
