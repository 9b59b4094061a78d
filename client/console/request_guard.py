"""Which requests the console accepts, who may change something, and the security headers of every response.

Clients that have the console's key may act, all others may only look. The key's token is in the fragment of the printed
address, which browsers send nowhere. The page exchanges it for a cookie that scripts cannot read. The cookie is derived
from the token, so it stays valid when the console restarts with that token.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from vmhost.base.errors import InvalidInput, Unauthenticated
from vmhost.base.files import write_atomically
from vmhost.base.json_request import decode_body
from vmhost.base.logs import get_logger
from vmhost.base.web_guard import LOOPBACK, READING, answered, check_sender, host_parts, json_refusal

T = TypeVar("T")
TOKEN_CHARS_MAX = 200
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleKey:
    """The secret of one console. It never appears in a repr."""

    token: str = field(repr=False)

    @classmethod
    def create(cls) -> ConsoleKey:
        """Return a new random key."""
        return cls(token=secrets.token_urlsafe(24))

    @classmethod
    def read(cls, path: Path) -> ConsoleKey | None:
        """Return the key in the file; None if it cannot be read."""
        try:
            token = path.read_text().strip()
        except (OSError, UnicodeDecodeError):
            return None
        return cls(token=token) if token else None

    @classmethod
    def read_or_create(cls, path: Path) -> ConsoleKey:
        """Return the key in the file, or write a new one that only the file's owner can read."""
        key = cls.read(path)
        if key is not None:
            return key
        key = cls.create()
        write_atomically(path, key.token + "\n", mode=0o600)
        return key

    @property
    def cookie(self) -> str:
        """The value that the browser keeps instead of the token."""
        return hmac.new(self.token.encode(), b"glasscloud console", hashlib.sha256).hexdigest()

    def link(self, url: str) -> str:
        """Return the address at which a person opens the console and may act."""
        return f"{url}/#token={self.token}"


def same_secret(given: str, own: str) -> bool:
    """Whether the received text is ours, compared in a time that does not tell how much of it is right."""
    # Received text may contain lone surrogates, which do not encode by default; such text is never equal to ours.
    return hmac.compare_digest(given.encode(errors="surrogatepass"), own.encode())


class RequestGuard:
    """Decides which requests to accept.

    `hosts` are the names under which people reach the console. The port may be any, because a container's port is
    published under another number."""

    def __init__(self, key: ConsoleKey, hosts: Collection[str] = LOOPBACK) -> None:
        self._key = key
        self._hosts = hosts

    def check(self, request: web.BaseRequest) -> None:
        """Raise Denied for a request from another site's page, or to a foreign name that resolves to our address."""
        check_sender(request.method, request.headers, self._hosts, links=True)
        if request.method in READING:
            return
        if request.content_type != "application/json":
            raise InvalidInput(f"the request body is {request.content_type[:60]!r}; send application/json")
        encoding = request.headers.get("Content-Encoding", "identity").lower()
        if encoding != "identity":
            raise InvalidInput(f"the request body is compressed ({encoding[:20]!r}); send plain JSON")

    def has_key(self, request: web.BaseRequest) -> bool:
        """Whether the request carries the cookie that is given in exchange for the token."""
        return same_secret(request.cookies.get(cookie_name(request), ""), self._key.cookie)

    def require_key(self, request: web.BaseRequest) -> None:
        """Raise Unauthenticated for a request without the key."""
        if not self.has_key(request):
            raise Unauthenticated("this page is view-only; open the link that `glasscloud status` prints to control it")


def cookie_name(request: web.BaseRequest) -> str:
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


async def json_body(request: web.Request, kind: type[T]) -> T:
    """Return the JSON object in the body. Raises InvalidInput that names the field."""
    try:
        raw = await request.read()
    except web.RequestPayloadError:
        raise InvalidInput("the request body must be a JSON object") from None
    if (request.charset or "utf-8").lower() != "utf-8":
        raise InvalidInput("the request body must be JSON in UTF-8")
    return decode_body(raw, kind)
