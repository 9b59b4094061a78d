"""aiohttp's server with limits: on connections, on the time a request takes to arrive, and on clients that do not read.

By itself aiohttp waits forever for a first request, for the rest of one, and for a client to read its response: a
thousand silent connections would use up all files that a program may open.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMethod, HttpProcessingError, LineTooLong
from aiohttp.log import server_logger
from aiohttp.web_protocol import RequestHandler

from vmhost.base.errors import CloudError, InvalidInput
from vmhost.base.web_guard import Refuse

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_FILES_SHARE = 2
"""A listener uses at most one part in this many of the files that its program may open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The limits of one listener. Times are in seconds and are checked every `every_s`."""

    connections: int = 4096
    each_address: int | None = None
    """Connections from one address; None: no separate limit."""
    arrival_s: float = 10.0
    """Time for the first byte, for the complete head of a request, and between two pieces of its body."""
    keepalive_s: float = 120.0
    """How long a connection may be idle between two requests."""
    unread_s: float = 20.0
    """How long a client may read nothing of a response."""
    every_s: float = 1.0
    head: dict[str, int] = field(default_factory=dict)
    """aiohttp's max_line_size, max_field_size and max_headers, where they differ from its own."""


def _plain(_: web.BaseRequest, error: CloudError) -> web.Response:
    return web.Response(status=error.status, text=f"{error.message}\n")


class Listener(web.Server):
    """A server within bounds. `refuse` makes the response to what is not an HTTP request."""

    def __init__(self, handler: Any, *, bounds: Bounds, refuse: Refuse = _plain, **options: Any) -> None:
        super().__init__(handler, **{"keepalive_timeout": bounds.keepalive_s, **bounds.head, **options})
        self.bounds = bounds
        self.refuse = refuse
        self._most = min(bounds.connections, max(16, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // _FILES_SHARE))
        self._open: dict[_Connection, str] = {}
        self._addresses: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)

    def admit(self, connection: _Connection, address: str) -> bool:
        """Count the connection; False if there are too many."""
        each = self.bounds.each_address
        if len(self._open) >= self._most or (each is not None and self._addresses[address] >= each):
            return False
        self._open[connection] = address
        self._addresses[address] += 1
        if self._timer is None:
            self._timer = self._loop.call_later(self.bounds.every_s, self._check)
        return True

    def release(self, connection: _Connection) -> None:
        """Stop counting the connection. One that was not admitted is ignored."""
        address = self._open.pop(connection, None)
        if address is not None:
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]

    def _check(self) -> None:
        now = self._loop.time()
        for connection in tuple(self._open):
            connection.check(now, self.bounds)
        self._timer = self._loop.call_later(self.bounds.every_s, self._check) if self._open else None


class _Connection(RequestHandler):
    __slots__ = ("_arriving_since", "_heard_at", "_listener", "_unread_bytes", "_unread_since")

    def __init__(self, listener: Listener, *, loop: asyncio.AbstractEventLoop, **settings: Any) -> None:
        super().__init__(listener, loop=loop, **settings)
        self._listener = listener
        self._heard_at = loop.time()
        self._arriving_since: float | None = self._heard_at
        """Since when a request's head is due; None while a request is handled or the connection is idle."""
        self._unread_bytes = 0
        self._unread_since: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        address = str((transport.get_extra_info("peername") or ("unknown",))[0])
        if not self._listener.admit(self, address):
            cast(asyncio.Transport, transport).abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._listener.release(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        requests = self._request_count
        super().data_received(data)
        self._heard_at = self._loop.time()
        if self._request_count != requests:
            self._arriving_since = None
        elif self._arriving_since is None and self._current_request is None:
            self._arriving_since = self._heard_at

    def check(self, now: float, bounds: Bounds) -> None:
        """Close the connection if the client is too slow."""
        transport = self.transport
        if transport is None:
            return
        unread = transport.get_write_buffer_size()
        if not unread or unread < self._unread_bytes:
            self._unread_since = None
        elif self._unread_since is None:
            self._unread_since = now
        self._unread_bytes = unread
        if self._late(now, bounds.arrival_s) or (
            self._unread_since is not None and now - self._unread_since > bounds.unread_s
        ):
            transport.abort()

    def _late(self, now: float, arrival_s: float) -> bool:
        if self._arriving_since is not None:
            return now - self._arriving_since > arrival_s
        request = self._current_request
        return request is not None and not request.content.is_eof() and now - self._heard_at > arrival_s

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Refuse what could not be read as a request and close the connection."""
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        words = "this is not an HTTP request; send HTTP/1.1"
        if isinstance(exc, LineTooLong):
            words = "a line of this request is too long; shorten its address or headers"
        elif isinstance(exc, BadHttpMethod):
            words = "this is not an HTTP request, or its method is unknown; send HTTP/1.1 and GET or POST"
        response = self._listener.refuse(request, InvalidInput(words))
        response.force_close()
        return response


class _ApplicationRunner(web.AppRunner):
    """Serves an application with a Listener."""

    def __init__(self, app: web.Application, *, bounds: Bounds, refuse: Refuse, **options: Any) -> None:
        super().__init__(app, **options)
        self._bounds = bounds
        self._refuse = refuse

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        options = {name: value for name, value in self._kwargs.items() if name != "shutdown_timeout"}
        return Listener(
            made.request_handler,
            bounds=self._bounds,
            refuse=self._refuse,
            request_factory=made.request_factory,
            **options,
        )


class _NotHttp(logging.Filter):
    """Drops log records about what is not HTTP; the response already says so."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_NOT_HTTP = _NotHttp()


@contextlib.asynccontextmanager
async def served(
    app: web.Application | Handler,
    sock: Any,
    *,
    bounds: Bounds,
    drain_s: float,
    handler_cancellation: bool = False,
    refuse: Refuse | None = None,
) -> AsyncIterator[None]:
    """Serve an application or a bare handler on the listening socket inside the context.

    At the end it stops accepting, gives running requests `drain_s` to finish, and closes."""
    server_logger.addFilter(_NOT_HTTP)
    options: dict[str, Any] = {
        "access_log": None,
        # No program of ours accepts compressed bodies, and a small one may decompress to gigabytes.
        "auto_decompress": False,
        "handler_cancellation": handler_cancellation,
    }
    runner: web.BaseRunner
    if isinstance(app, web.Application):
        runner = _ApplicationRunner(app, bounds=bounds, refuse=refuse or _plain, shutdown_timeout=drain_s, **options)
    else:
        listener = Listener(app, bounds=bounds, refuse=refuse or _plain, **options)
        runner = web.ServerRunner(listener, shutdown_timeout=drain_s)
    await runner.setup()
    try:
        await web.SockSite(runner, sock).start()
        yield
    finally:
        await runner.cleanup()
