"""The door of the console: which requests come in, who may act, and what every answer tells the browser."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from client.console.keys import Key
from vmhost.base.errors import CloudError, Denied, Internal, InvalidInput, NotFound, Unauthenticated
from vmhost.base.logs import get_logger
from vmhost.base.web_guard import LOOPBACK, check_host, host_parts

BODY_BYTES_MAX = 256 * 1024
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_NO_DOCUMENTS = frozenset({"text/javascript", "text/css"})
_EVERYWHERE = frozenset({"X-Content-Type-Options", "Cross-Origin-Resource-Policy"})
_READING = frozenset({"GET", "HEAD"})
_log = get_logger("console")


class Asked(Protocol):
    """What is looked at of a request."""

    @property
    def method(self) -> str:
        """GET, POST …"""

    @property
    def headers(self) -> Mapping[str, str]:
        """By name."""

    @property
    def content_type(self) -> str:
        """Of the body, without its parameters."""

    @property
    def cookies(self) -> Mapping[str, str]:
        """By name."""


class Door:
    """Decides on requests. `hosts` are the names by which people reach us; any port of them will do, for a container's
    port is published under another number."""

    def __init__(self, key: Key, hosts: Collection[str] = LOOPBACK) -> None:
        self._key = key
        self._hosts = hosts

    def admit(self, request: Asked) -> None:
        """Raises Denied for a request that a foreign page, or a name that was bent to our address, has sent."""
        host = request.headers.get("Host", "")
        check_host(host, self._hosts)
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != host:
            raise Denied(f"requests from another site ({origin[:80]!r}) are refused")
        if origin is None and _foreign(request):
            raise Denied("requests from another site are refused")
        if request.method in _READING:
            return
        if request.content_type != "application/json":
            raise InvalidInput(f"the request body is {request.content_type[:60]!r}; send application/json")
        encoding = request.headers.get("Content-Encoding", "identity").lower()
        if encoding != "identity":
            raise InvalidInput(f"the request body is compressed ({encoding[:20]!r}); send plain JSON")

    def may_act(self, request: Asked) -> bool:
        """Whether the request carries the cookie that the token was traded for."""
        return self._key.knows(request.cookies.get(cookie_name(request), ""))

    def must_act(self, request: Asked) -> None:
        """Raises Unauthenticated for a reader without the key."""
        if not self.may_act(request):
            raise Unauthenticated("this page is view-only; open the link that `glasscloud status` prints to control it")


def cookie_name(request: Asked) -> str:
    """A name a port: cookies of one host are shared by all its ports."""
    return f"glasscloud-{host_parts(request.headers.get('Host', ''))[1]}"


def _foreign(request: Asked) -> bool:
    """Whether a browser says that another site's page sent it; a link that somebody followed is no such thing."""
    if request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin"):
        return False
    return request.method not in _READING or request.headers.get("Sec-Fetch-Mode") != "navigate"


def door(gate: Door) -> Middleware:
    """The middleware: foreign requests are refused, and every error is told as JSON."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            gate.admit(request)
            return await handler(request)
        except CloudError as error:
            return refusal(error)
        except web.HTTPException as error:
            return refusal(_translated(request, error))
        except ConnectionError:
            raise
        except Exception:
            _log.exception("request_failed", path=request.path[:200])
            return refusal(Internal("this is our own fault; the log says more"))

    return middleware


async def protect(_request: web.Request, response: web.StreamResponse) -> None:
    """Gives every answer the headers that keep a browser from doing more than the page needs."""
    # A policy binds documents; on each of many scripts and styles it would weigh more than some of them.
    plain = response.content_type in _NO_DOCUMENTS
    for name, value in HEADERS.items():
        if not plain or name in _EVERYWHERE:
            response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")


def _translated(request: web.Request, error: web.HTTPException) -> CloudError:
    if error.status == 413:
        return InvalidInput(f"the request body is larger than {BODY_BYTES_MAX} bytes")
    if error.status == 405:
        return InvalidInput(
            f"{request.path[:80]} does not take {request.method[:16]}; {error.headers.get('Allow')} it does"
        )
    return NotFound(f"there is nothing at {request.path[:80]}; the console is at /", code="NotFound")


def refusal(error: CloudError) -> web.Response:
    """The error as the page reads it."""
    body = {"error": {"kind": error.kind, "code": error.code, "message": error.message}}
    return web.json_response(body, status=error.status)
