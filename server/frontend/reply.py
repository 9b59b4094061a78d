"""Responses with the headers that every answer of the front end carries."""

from __future__ import annotations

import json
from typing import Any

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


def lines(headers: Headers) -> str:
    """The headers as they stand in a message."""
    return "".join([f"{name}: {value}\r\n" for name, value in headers])


def as_json(data: Any, *, status: int = 200, extra: Headers = ()) -> web.Response:
    """Data as JSON that no cache keeps."""
    return as_json_bytes(json.dumps(data, separators=(",", ":")).encode(), status=status, extra=extra)


def as_json_bytes(body: bytes, *, status: int = 200, extra: Headers = ()) -> web.Response:
    """JSON that no cache keeps."""
    return web.Response(body=body, status=status, headers=CIMultiDict((*JSON_HEADERS, *extra)))


def as_page(html: str, *, status: int = 200, extra: Headers = ()) -> web.Response:
    """A page that may load nothing from elsewhere, run no inline script and stand in nobody's frame."""
    return as_file(html.encode("utf-8", "replace"), "text/html; charset=utf-8", status=status, extra=extra)


def as_file(
    body: bytes, content_type: str, *, status: int = 200, cache: str = "no-store", extra: Headers = ()
) -> web.Response:
    """Bytes of a type, under the same policy as pages."""
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


def problem(error: CloudError) -> dict[str, Any]:
    """An error as JSON data."""
    return {"error": {"kind": error.kind, "message": error.message}}
