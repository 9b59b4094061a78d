"""The metadata server: one listening socket per instance, which alone says who asks."""

from __future__ import annotations

import asyncio
import functools
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from aiohttp import web

from vmhost.base.clock import Clock, SystemClock
from vmhost.metadata import tokens
from vmhost.metadata.facts import VERSIONS, InstanceFacts, answer, is_user_data

TOKEN_HEADER = "X-aws-ec2-metadata-token"
TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"

_CONNECTIONS_MAX = 32
"""Per instance: a guest that opens more only locks itself out."""
_HEADER_BYTES_MAX = 4096
_IDLE_S = 15.0
_DRAIN_S = 0.5
_BACKLOG = 64
_TOKEN_PATHS = frozenset(f"/{version}/api/token" for version in VERSIONS)


class _Refusal(asyncio.Protocol):
    """Hangs up at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listener:
    web: web.Server
    server: asyncio.Server

    async def close(self) -> None:
        self.server.close()
        await self.web.shutdown(_DRAIN_S)


class InstanceMetadata:
    """Answers guests, by IMDSv2 with a token and by IMDSv1 without; a `drivers.base.MetadataServer`.

    `facts` tells what an instance may know now, or None when there is no such instance (any more)."""

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
        """Serves this instance's metadata on the socket, in place of any earlier one."""
        await self.detach(instance_id)
        server = web.Server(
            functools.partial(self._respond, instance_id),
            access_log=None,
            keepalive_timeout=_IDLE_S,
            max_line_size=_HEADER_BYTES_MAX,
            max_field_size=_HEADER_BYTES_MAX,
        )

        def accept() -> asyncio.BaseProtocol:
            return _Refusal() if len(server.connections) >= _CONNECTIONS_MAX else server()

        sock.setblocking(False)
        try:
            listener = await asyncio.get_running_loop().create_server(accept, sock=sock, backlog=_BACKLOG)
        except BaseException:
            sock.close()
            raise
        self._listeners[instance_id] = _Listener(web=server, server=listener)

    async def detach(self, instance_id: str) -> None:
        """Closes the instance's socket and connections."""
        if (listener := self._listeners.pop(instance_id, None)) is not None:
            await listener.close()

    async def close(self) -> None:
        """Closes all of them."""
        for instance_id in tuple(self._listeners):
            await self.detach(instance_id)

    async def _respond(self, instance_id: str, request: web.BaseRequest) -> web.StreamResponse:
        if not _by_address(request.headers.get("Host", "")):
            return _page(403)
        path = request.rel_url.raw_path
        if path in _TOKEN_PATHS:
            return self._issue(instance_id, request)
        if request.method not in ("GET", "HEAD"):
            return _page(405, {"Allow": "GET, HEAD"})
        token = request.headers.get(TOKEN_HEADER)
        if token is not None and not tokens.is_good(self._secret, instance_id, token, now=self._clock.now()):
            return _page(401)
        facts = self._facts(instance_id)
        value = None if facts is None else answer(facts, path)
        if value is None:
            return _page(404)
        kind = "application/octet-stream" if is_user_data(path) else "text/plain"
        return web.Response(body=value, content_type=kind)

    def _issue(self, instance_id: str, request: web.BaseRequest) -> web.Response:
        if request.method != "PUT":
            return _page(405, {"Allow": "PUT"})
        if "X-Forwarded-For" in request.headers:
            return _page(403)
        ttl_s = tokens.parse_ttl(request.headers.get(TTL_HEADER))
        if ttl_s is None:
            return _page(400)
        token = tokens.issue(self._secret, instance_id, expires_at=self._clock.now() + ttl_s)
        return web.Response(text=token, headers={TTL_HEADER: str(ttl_s)})


def _by_address(host: str) -> bool:
    """Whether the service was called by an address, as every guest calls it.

    A name may be a web page's own, made to resolve to this machine, where a process guest's metadata is in reach."""
    name = host.rpartition(":")[0] or host
    try:
        ip_address(name)
    except ValueError:
        # No page can leave its Host out; a guest that speaks HTTP/1.0 may.
        return name.lower() in ("", "localhost")
    return True


_REASONS = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed"}


def _page(status: int, headers: dict[str, str] | None = None) -> web.Response:
    """A refusal as a small page, which is what the real service answers with too."""
    title = f"{status} - {_REASONS[status]}"
    text = (
        '<?xml version="1.0" encoding="iso-8859-1"?>\n'
        f'<html xmlns="http://www.w3.org/1999/xhtml" lang="en">\n <head><title>{title}</title></head>\n'
        f" <body><h1>{title}</h1></body>\n</html>\n"
    )
    return web.Response(status=status, text=text, content_type="text/html", headers=headers)
