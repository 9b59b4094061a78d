"""The metadata server: one listening socket per instance, which identifies the instance."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import functools
import hashlib
import hmac
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from aiohttp import web

from vmhost.base.clock import Clock, SystemClock
from vmhost.base.logs import get_logger
from vmhost.metadata.instance_facts import VERSIONS, InstanceFacts, is_user_data, look_up

_log = get_logger("metadata")

TOKEN_HEADER = "X-aws-ec2-metadata-token"
TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"

_CONNECTIONS_MAX = 32
"""Per instance, so that a guest that opens more only blocks itself."""
_RATE_PER_S, _BURST = 50, 300
"""Requests, and separately connections, per instance. EC2 throttles too, at 1024 packets per second."""
_THROTTLED_S = 0.25
"""Delay before a throttled request is refused: refusing at once would cost as much as responding."""
_TTL_S_MAX = 21_600
"""Lifetime of a session token."""
_STAMP_BYTES = 8
_HEADER_BYTES_MAX = 4096
_IDLE_S = 15.0
_DRAIN_S = 0.5
_TOKEN_PATHS = frozenset(f"/{version}/api/token" for version in VERSIONS)


class TokenBucket:
    """Holds up to `burst` tokens and gains `rate_per_s` a second."""

    def __init__(self, clock: Clock, *, rate_per_s: float, burst: int) -> None:
        self._clock = clock
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = float(burst)
        self._filled_at = clock.monotonic()

    def take(self) -> bool:
        """Take a token; False if the bucket is empty."""
        self._fill()
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    async def wait(self) -> None:
        """Take a token as soon as there is one."""
        while not self.take():
            await self._clock.sleep((1 - self._tokens) / self._rate_per_s)

    def _fill(self) -> None:
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate_per_s)
        self._filled_at = now


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listener:
    sock: socket.socket
    web: web.Server
    accepting: asyncio.Task[None]

    async def close(self) -> None:
        self.accepting.cancel()
        try:
            await asyncio.wait([self.accepting])
        finally:
            # Also if this is cancelled: nothing else refers to the socket any more.
            self.sock.close()
        await self.web.shutdown(_DRAIN_S)


class InstanceMetadata:
    """Serves metadata by IMDSv2 with a token and by IMDSv1 without.

    `facts` returns what an instance may know now, or None if it does not exist."""

    def __init__(
        self,
        facts: Callable[[str], InstanceFacts | None],
        *,
        clock: Clock | None = None,
        secret: bytes | None = None,
    ) -> None:
        self._facts = facts
        self._clock = clock or SystemClock()
        self._secret = secret or secrets.token_bytes(32)
        self._listeners: dict[str, _Listener] = {}

    async def attach(self, instance_id: str, sock: socket.socket) -> None:
        """Serve this instance's metadata on the socket, in place of an earlier one. A cancelled call closes it."""
        try:
            await self.detach(instance_id)
        except BaseException:
            sock.close()
            raise
        sock.setblocking(False)
        # No valid request is larger, and more is not read.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _HEADER_BYTES_MAX * 4)
        server = web.Server(
            functools.partial(self._respond, instance_id, self._bucket()),
            access_log=None,
            # Close the connection instead of reading the rest of a body.
            lingering_time=0,
            keepalive_timeout=_IDLE_S,
            max_line_size=_HEADER_BYTES_MAX,
            max_field_size=_HEADER_BYTES_MAX,
        )
        accepting = asyncio.create_task(_accept(sock, server, self._bucket()), name=f"metadata {instance_id}")
        self._listeners[instance_id] = _Listener(sock=sock, web=server, accepting=accepting)

    async def detach(self, instance_id: str) -> None:
        """Close the instance's socket and connections."""
        if (listener := self._listeners.pop(instance_id, None)) is not None:
            await listener.close()

    async def close(self) -> None:
        """Close all sockets and connections."""
        for instance_id in tuple(self._listeners):
            await self.detach(instance_id)

    def _bucket(self) -> TokenBucket:
        return TokenBucket(self._clock, rate_per_s=_RATE_PER_S, burst=_BURST)

    async def _respond(self, instance_id: str, bucket: TokenBucket, request: web.BaseRequest) -> web.StreamResponse:
        if not bucket.take():
            await self._clock.sleep(_THROTTLED_S)
            return _page(503)
        if not _by_address(request.headers.get("Host", "")):
            return _page(403)
        path = request.rel_url.raw_path
        if path in _TOKEN_PATHS:
            return self._issue(instance_id, request)
        if request.method not in ("GET", "HEAD"):
            return _page(405, {"Allow": "GET, HEAD"})
        token = request.headers.get(TOKEN_HEADER)
        if token is not None and not is_valid(self._secret, instance_id, token, now=self._clock.now()):
            return _page(401)
        facts = self._facts(instance_id)
        value = None if facts is None else look_up(facts, path)
        if value is None:
            return _page(404)
        kind = "application/octet-stream" if is_user_data(path) else "text/plain"
        return web.Response(body=value, content_type=kind)

    def _issue(self, instance_id: str, request: web.BaseRequest) -> web.Response:
        if request.method != "PUT":
            return _page(405, {"Allow": "PUT"})
        if "X-Forwarded-For" in request.headers:
            return _page(403)
        ttl_s = parse_ttl(request.headers.get(TTL_HEADER))
        if ttl_s is None:
            return _page(400)
        token = issue_token(self._secret, instance_id, expires_at=self._clock.now() + ttl_s)
        return web.Response(text=token, headers={TTL_HEADER: str(ttl_s)})


async def _accept(sock: socket.socket, server: web.Server, bucket: TokenBucket) -> None:
    """Accept the instance's connections at a limited rate; close those above the limit."""
    loop = asyncio.get_running_loop()
    while True:
        await bucket.wait()
        try:
            connection, _ = await loop.sock_accept(sock)
        except OSError as error:
            _log.debug("metadata_connection_failed", error=str(error))
            continue
        if len(server.connections) >= _CONNECTIONS_MAX:
            connection.close()
            continue
        with contextlib.suppress(OSError):
            await loop.connect_accepted_socket(server, connection)


def _by_address(host: str) -> bool:
    """Whether the Host header is an address, as in every guest's request.

    A name may belong to a web page and resolve to this computer, where the metadata of process guests is reachable."""
    name = host.rpartition(":")[0] or host
    try:
        ip_address(name)
    except ValueError:
        # Browsers always send a Host header; a guest with HTTP/1.0 may send none.
        return name.lower() in ("", "localhost")
    return True


_REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    503: "Service Unavailable",
}


def _page(status: int, headers: dict[str, str] | None = None) -> web.Response:
    """Return an error as a small page, like the real service."""
    title = f"{status} - {_REASONS[status]}"
    text = (
        '<?xml version="1.0" encoding="iso-8859-1"?>\n'
        f'<html xmlns="http://www.w3.org/1999/xhtml" lang="en">\n <head><title>{title}</title></head>\n'
        f" <body><h1>{title}</h1></body>\n</html>\n"
    )
    return web.Response(status=status, text=text, content_type="text/html", headers=headers)


# Session tokens of IMDS version 2. They contain their expiry, so nothing is stored.


def parse_ttl(text: str | None) -> int | None:
    """Parse the lifetime in seconds in a token request; None if it is missing or EC2 would refuse it."""
    if text is None or not text.isascii() or not text.isdecimal() or len(text) > len(str(_TTL_S_MAX)):
        return None
    return int(text) if 1 <= int(text) <= _TTL_S_MAX else None


def issue_token(secret: bytes, instance_id: str, *, expires_at: float) -> str:
    """Return a token that is valid for this instance until `expires_at`."""
    stamp = int(expires_at * 1000).to_bytes(_STAMP_BYTES)
    return base64.urlsafe_b64encode(stamp + _seal(secret, instance_id, stamp)).decode()


def is_valid(secret: bytes, instance_id: str, token: str, *, now: float) -> bool:
    """Whether we issued the token to this instance and it has not expired."""
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii", "strict"))
    except (binascii.Error, UnicodeEncodeError):
        return False
    stamp, seal = raw[:_STAMP_BYTES], raw[_STAMP_BYTES:]
    return hmac.compare_digest(seal, _seal(secret, instance_id, stamp)) and now * 1000 < int.from_bytes(stamp)


def _seal(secret: bytes, instance_id: str, stamp: bytes) -> bytes:
    return hmac.digest(secret, stamp + instance_id.encode(), hashlib.sha256)
