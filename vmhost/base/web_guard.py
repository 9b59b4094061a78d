"""What every web server of ours does with each request: refuse foreign pages and names, answer errors in words.

Any web page can make a browser send requests to loopback, and anyone can make a name of theirs resolve to this computer
(DNS rebinding). So the Host header must be a known name, and a request of another site's page is refused.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TypeAlias, TypeVar

import msgspec
import structlog
from aiohttp import web

from vmhost.base.errors import CloudError, Denied, Internal, InvalidInput, NotFound

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
READING = frozenset({"GET", "HEAD"})
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+?)\.?(?::(\d{1,5}))?", re.IGNORECASE | re.ASCII)

Refuse: TypeAlias = Callable[[web.BaseRequest, CloudError], web.StreamResponse]
"""Makes the response to a request that failed, in the form that the server's clients expect."""
R = TypeVar("R", bound=web.BaseRequest)


def host_parts(header: str) -> tuple[str, int]:
    """Return name (lower case, IPv6 in brackets) and port of a Host header; the name is empty if it is malformed."""
    match = _HOST.fullmatch(header)
    return ("", 0) if match is None else (match[1].lower(), int(match[2] or 80))


def check_host(header: str, names: Collection[str], *, option: str = "") -> None:
    """Raise Denied unless the Host header has one of these names. `option` adds a name; the message mentions it."""
    if host_parts(header)[0] not in names:
        more = f", or add it with {option}" if option else ""
        raise Denied(f"host {header[:80]!r} is not served here; use {', '.join(sorted(names))}{more}")


def check_sender(
    method: str, headers: Mapping[str, str], names: Collection[str], *, option: str = "", links: bool = False
) -> None:
    """Raise Denied for a request to a foreign name or from another site's page. Header names match in any case.

    With `links`, a person may follow a link on another site to a page here."""
    host = headers.get("Host", "")
    check_host(host, names, option=option)
    origin = headers.get("Origin")
    if origin is not None and origin.partition("://")[2].lower() != host.lower():
        raise Denied(f"requests from another site ({origin[:80]!r}) are refused")
    if origin is None and headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        if links and method in READING and headers.get("Sec-Fetch-Mode") == "navigate":
            return
        raise Denied("requests from another site are refused")


async def answered(
    request: R,
    handler: Callable[[R], Awaitable[web.StreamResponse]],
    refuse: Refuse,
    *,
    log: structlog.stdlib.BoundLogger,
    home: str = "",
    body_bytes_max: int = 0,
    request_id: str = "",
) -> web.StreamResponse:
    """Return the handler's response, or what `refuse` makes of its error. Unexpected errors are logged.

    `home` says where to look instead, for paths that do not exist: "the EC2 API is at /"."""
    try:
        return await handler(request)
    except CloudError as error:
        return refuse(request, error)
    except web.HTTPException as error:
        return refuse(request, _translated(request, error, home, body_bytes_max))
    except ConnectionError:
        raise
    except Exception:
        log.exception("request_failed", path=request.path[:200], **({"request_id": request_id} if request_id else {}))
        return refuse(request, Internal(f"internal error; see the log{request_id and f', request id {request_id}'}"))


def _translated(request: web.BaseRequest, error: web.HTTPException, home: str, body_bytes_max: int) -> CloudError:
    path = request.path[:80]
    if error.status == web.HTTPRequestEntityTooLarge.status_code:
        words = f"the request body is larger than {body_bytes_max} bytes"
        return InvalidInput(words, code="RequestEntityTooLarge")
    if error.status == web.HTTPMethodNotAllowed.status_code:
        allowed = error.headers.get("Allow", "").replace(",", " or ")
        return InvalidInput(f"{path} does not support {request.method[:16]}; use {allowed}")
    return NotFound(f"there is nothing at {path}{home and '; '}{home}", code="NotFound")


def json_refusal(_: web.BaseRequest, error: CloudError) -> web.Response:
    """Return the error as JSON."""
    body = {"error": {"kind": error.kind, "code": error.code, "message": error.message}}
    return json_response(body, status=error.status)


def json_response(data: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return the data, also frozen objects, as a response in JSON."""
    return web.Response(
        body=msgspec.json.encode(data), status=status, headers=headers, content_type="application/json", charset="utf-8"
    )
