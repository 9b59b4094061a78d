"""Which requests the console accepts, who may change something, and the security headers of every response."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from client.console.console_key import ConsoleKey
from vmhost.base.errors import InvalidInput, Unauthenticated
from vmhost.base.logs import get_logger
from vmhost.base.web_guard import LOOPBACK, READING, answered, check_sender, host_parts, json_refusal

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
_log = get_logger("console")


class IncomingRequest(Protocol):
    """The parts of a request that are checked."""

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


class RequestGuard:
    """Decides which requests to accept.

    `hosts` are the names under which people reach the console. The port may be any, because a container's port is
    published under another number."""

    def __init__(self, key: ConsoleKey, hosts: Collection[str] = LOOPBACK) -> None:
        self._key = key
        self._hosts = hosts

    def check(self, request: IncomingRequest) -> None:
        """Raise Denied for a request from another site's page, or to a foreign name that resolves to our address."""
        check_sender(request.method, request.headers, self._hosts, links=True)
        if request.method in READING:
            return
        if request.content_type != "application/json":
            raise InvalidInput(f"the request body is {request.content_type[:60]!r}; send application/json")
        encoding = request.headers.get("Content-Encoding", "identity").lower()
        if encoding != "identity":
            raise InvalidInput(f"the request body is compressed ({encoding[:20]!r}); send plain JSON")

    def has_key(self, request: IncomingRequest) -> bool:
        """Whether the request carries the cookie that is given in exchange for the token."""
        return self._key.matches_cookie(request.cookies.get(cookie_name(request), ""))

    def require_key(self, request: IncomingRequest) -> None:
        """Raise Unauthenticated for a request without the key."""
        if not self.has_key(request):
            raise Unauthenticated("this page is view-only; open the link that `glasscloud status` prints to control it")


def cookie_name(request: IncomingRequest) -> str:
    """Return the cookie's name, which contains the port: all ports of a host share its cookies."""
    return f"glasscloud-{host_parts(request.headers.get('Host', ''))[1]}"


def guard_middleware(guard: RequestGuard) -> Middleware:
    """Return the middleware that refuses foreign requests and sends every error as JSON."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        async def checked(request: web.Request) -> web.StreamResponse:
            guard.check(request)
            return await handler(request)

        return await answered(
            request, checked, json_refusal, log=_log, home="the console is at /", body_bytes_max=BODY_BYTES_MAX
        )

    return middleware


async def add_security_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers that keep a browser from doing more than the page needs."""
    # A content security policy applies to documents only. Scripts and styles are many and small: they go without.
    no_document = response.content_type in _NO_DOCUMENTS
    for name, value in HEADERS.items():
        if not no_document or name in _EVERYWHERE:
            response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
