"""HTTP/1.1 for the engines: each channel is a connection of its own, without pipelining."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from client.load.engine.endpoint import Endpoint
from client.load.engine.transport import Channel, OnDone
from client.load.requests import PreparedRequest
from vmhost.base.http1 import Connection
from vmhost.base.http_response import HeadCache


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
