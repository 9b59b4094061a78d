"""The seam between engines and protocols: an engine gives a request to a channel and is called when it has ended.

HTTP/1.1, without pipelining, is at the end of this file; another protocol is another pair of these classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from client.load.engine.endpoint import Endpoint
from client.load.requests import PreparedRequest
from vmhost.base.http1 import Connection, Failure
from vmhost.base.http_response import HeadCache, Response

OnDone = Callable[[Response | None, Failure | None], None]
"""Called exactly once for each request: with its response, or with the reason why it got no response."""


class Channel(Protocol):
    """A way to one server that carries one request at a time: a connection, or one of several streams on one."""

    open: bool
    """Whether it can still be used."""

    @property
    def idle(self) -> bool:
        """Whether it is open and carries no request."""

    @property
    def went_stale(self) -> bool:
        """Whether the server closed it, after earlier responses, before any byte of the last request's response."""

    def send_request(self, request: PreparedRequest, on_done: OnDone, trace: bytes = b"") -> None:
        """Send a request, with that trace id if one is given. The channel must be idle."""

    def abort(self, failure: Failure = Failure.TIMEOUT) -> None:
        """Close it at once; a request under way ends with that failure."""

    def close(self) -> None:
        """Close an idle channel."""


class Transport(Protocol):
    """Opens channels to one server."""

    async def open_channel(self, timeout_s: float, *, on_close: Callable[[Channel], None] | None = None) -> Channel:
        """A new channel; `on_close` is called once, when it can no longer be used. Raises HttpFailure."""


class Http1Channel(Connection):
    """An HTTP/1.1 connection that sends prepared requests."""

    __slots__ = ()

    def send_request(self, request: PreparedRequest, on_done: OnDone, trace: bytes = b"") -> None:
        self.send(request.with_trace(trace) if trace else request.raw, on_done, head=request.head)


class Http1Transport:
    """Opens HTTP/1.1 connections to one server. `bodies`: whether responses' bodies are looked at."""

    def __init__(self, endpoint: Endpoint, *, bodies: bool, kind: type[Http1Channel] = Http1Channel) -> None:
        self._endpoint = endpoint
        self._heads = HeadCache(bodies=bodies)
        self._kind = kind

    async def open_channel(self, timeout_s: float, *, on_close: Callable[[Any], None] | None = None) -> Channel:
        connection = await self._endpoint.connect(timeout_s, on_close=on_close, heads=self._heads, make=self._kind)
        assert isinstance(connection, Http1Channel)
        return connection
