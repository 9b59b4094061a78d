"""A server for strangers: so many connections, each of which must ask soon or is closed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from vmhost.base.logs import get_logger

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

CONNECTIONS_MAX = 600
CONNECTIONS_EACH_MAX = 24
FIRST_REQUEST_S = 10.0
KEEPALIVE_S = 15.0
_LINE_BYTES_MAX = 2048
_FIELD_BYTES_MAX = 4096
_FIELDS_MAX = 48
_DRAIN_S = 1.0
_log = get_logger("share")


class BoundedServer(web.Server):
    """Serves a bare handler on at most CONNECTIONS_MAX connections, at most CONNECTIONS_EACH_MAX to one address."""

    def __init__(self, handler: Handler) -> None:
        super().__init__(
            handler,
            # Whoever goes gives its place in the stream free at once, not when it is next written to.
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=KEEPALIVE_S,
            max_line_size=_LINE_BYTES_MAX,
            max_field_size=_FIELD_BYTES_MAX,
            max_headers=_FIELDS_MAX,
        )
        self._open: Counter[str] = Counter()

    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)

    def admits(self, address: str) -> bool:
        """Counts one more connection of the address, unless it is one too many."""
        if self._open.total() >= CONNECTIONS_MAX or self._open[address] >= CONNECTIONS_EACH_MAX:
            _log.debug("connection_refused", address=address)
            return False
        self._open[address] += 1
        return True

    def gone(self, address: str) -> None:
        """One less."""
        self._open[address] -= 1
        if self._open[address] <= 0:
            del self._open[address]


class _Connection(RequestHandler):
    __slots__ = ("_counted", "_server", "_waits")

    def __init__(self, server: BoundedServer, *, loop: asyncio.AbstractEventLoop, **settings: object) -> None:
        super().__init__(server, loop=loop, **settings)  # type: ignore[arg-type]
        self._server = server
        self._counted = ""
        self._waits: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        address = str(transport.get_extra_info("peername", ("unknown",))[0])
        if not self._server.admits(address):
            cast(asyncio.Transport, transport).abort()
            return
        self._counted = address
        # aiohttp waits for a first request for ever.
        self._waits = self._loop.call_later(FIRST_REQUEST_S, self._close_if_silent)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._waits is not None:
            self._waits.cancel()
        if self._counted:
            self._server.gone(self._counted)
            self._counted = ""
        super().connection_lost(exc)

    def _close_if_silent(self) -> None:
        if self._request_count == 0 and self.transport is not None:
            self.transport.abort()


@contextlib.asynccontextmanager
async def serve_strangers(handler: Handler, sock: socket.socket) -> AsyncIterator[None]:
    """Serves on the listening socket while the block lasts; then closes it and every connection."""
    runner = web.ServerRunner(BoundedServer(handler), shutdown_timeout=_DRAIN_S)
    await runner.setup()
    try:
        await web.SockSite(runner, sock).start()
        yield
    finally:
        await runner.cleanup()
