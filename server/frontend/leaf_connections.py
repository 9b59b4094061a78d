"""The connections to one leaf: bounded, kept open, and driven by callbacks, so that a request needs no task."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from vmhost.base.http1 import Connection, Failure, HttpFailure, connect
from vmhost.base.http_response import Response

CONNECTIONS_MAX = 64
WAITING_MAX = 256
CONNECT_TIMEOUT_S = 0.25
"""Leaves are in the same data center, so one that does not accept a connection within this time is treated as dead."""

Spawn = Callable[[Coroutine[Any, Any, None]], object]
"""Starts a task in a group that outlives the connections."""


class LeafRequest:
    """One request to one leaf. `on_done` is called exactly once, and never from within `LeafConnections.send`."""

    __slots__ = ("_connection", "_connections", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._connections: LeafConnections | None = None
        self._connection: Connection | None = None

    def on_done(self, response: Response | None, failure: Failure | None) -> None:
        """Called with the response, or with the failure."""
        raise NotImplementedError

    def wait_for(self, connections: LeafConnections) -> None:
        """Waits for one of the connections to become idle."""
        self._connections = connections

    def send_on(self, connections: LeafConnections, connection: Connection) -> None:
        """Sends the request on an idle connection."""
        self._connections = connections
        self._connection = connection
        connection.send(self.raw, self._on_response)

    def abort(self, failure: Failure) -> None:
        """Ends the request now with that failure, and its connection too, because the response may still arrive."""
        if self._connection is not None:
            self._connection.abort(failure)
        elif self._connections is not None:
            self._connections.remove_waiting(self)
            self.on_done(None, failure)

    def _on_response(self, response: Response | None, failure: Failure | None) -> None:
        connection, connections = self._connection, self._connections
        assert connection is not None
        assert connections is not None
        if failure is None:
            # After a failure the connection is about to close, even if it still looks open.
            connections.release(connection)
        self.on_done(response, failure)


class LeafConnections:
    """Sends requests to one leaf over at most `limit` connections; up to `waiting_max` more wait in order."""

    def __init__(
        self, host: str, port: int, *, spawn: Spawn, limit: int = CONNECTIONS_MAX, waiting_max: int = WAITING_MAX
    ) -> None:
        self.host = host
        self.port = port
        self._spawn = spawn
        self._limit = limit
        self._waiting_max = waiting_max
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._opening = 0
        self._waiting: deque[LeafRequest] = deque()
        self._closed = False

    def send(self, request: LeafRequest) -> bool:
        """Sends the request, or queues it for a connection; False when this is closed or the queue is full.

        There is no timeout here: the caller aborts the request when it has waited long enough."""
        while self._idle:
            connection = self._idle.pop()
            if connection.idle:
                request.send_on(self, connection)
                return True
        if self._closed or len(self._waiting) >= self._waiting_max:
            return False
        request.wait_for(self)
        self._waiting.append(request)
        self._open_more()
        return True

    def close(self) -> None:
        """Closes every connection; requests that are in flight or waiting fail as RESET."""
        self._closed = True
        for connection in list(self._all):
            connection.abort(Failure.RESET)
        self._fail_waiting(Failure.RESET)

    def release(self, connection: Connection) -> None:
        """Sends the next waiting request on a connection whose response has arrived."""
        if not connection.idle:
            return
        if self._waiting:
            self._waiting.popleft().send_on(self, connection)
        else:
            self._idle.append(connection)

    def remove_waiting(self, request: LeafRequest) -> None:
        """Takes a request out of the queue."""
        self._waiting.remove(request)

    def _open_more(self) -> None:
        if self._opening < len(self._waiting) and len(self._all) + self._opening < self._limit and not self._closed:
            self._opening += 1
            self._spawn(self._open())

    async def _open(self) -> None:
        try:
            connection = await connect(self.host, self.port, timeout_s=CONNECT_TIMEOUT_S, on_close=self._on_close)
        except HttpFailure as error:
            self._opening -= 1
            self._fail_waiting(error.failure)
            return
        self._opening -= 1
        if self._closed:
            connection.abort()
            return
        self._all.add(connection)
        self.release(connection)

    def _fail_waiting(self, failure: Failure) -> None:
        waiting, self._waiting = self._waiting, deque()
        for request in waiting:
            request.on_done(None, failure)

    def _on_close(self, connection: Connection) -> None:
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._open_more()
