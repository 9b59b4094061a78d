"""The connections to one leaf: bounded, kept open, and used by callbacks, so that a request needs no task."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from vmhost.base.http1 import Connection, Failure, HttpFailure, Response, connect

CONNECTIONS_MAX = 64
WAITING_MAX = 256
CONNECT_TIMEOUT_S = 0.25
"""A leaf is in the same data centre: whoever does not accept within this time is as good as dead."""

Spawn = Callable[[Coroutine[Any, Any, None]], object]
"""Starts a task in a group that outlives the link."""


class Flight:
    """One request on its way. `done` is called exactly once, never from within `Link.send`."""

    __slots__ = ("_connection", "_link", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._link: Link | None = None
        self._connection: Connection | None = None

    def done(self, response: Response | None, failure: Failure | None) -> None:
        """It has its answer, or will never have one."""
        raise NotImplementedError

    def board(self, link: Link) -> None:
        """Waits for one of the link's connections."""
        self._link = link

    def take_off(self, link: Link, connection: Connection) -> None:
        """Leaves on an idle connection."""
        self._link = link
        self._connection = connection
        connection.send(self.raw, self._landed)

    def give_up(self, failure: Failure) -> None:
        """Ends it now as that failure; its connection ends with it, because the answer may still come."""
        if self._connection is not None:
            self._connection.abort(failure)
        elif self._link is not None:
            self._link.withdraw(self)
            self.done(None, failure)

    def _landed(self, response: Response | None, failure: Failure | None) -> None:
        connection, link = self._connection, self._link
        assert connection is not None
        assert link is not None
        if failure is None:
            # Else the connection is just about to close, though it may not look so yet.
            link.give_back(connection)
        self.done(response, failure)


class Link:
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
        self._waiting: deque[Flight] = deque()
        self._closed = False

    def send(self, flight: Flight) -> bool:
        """Sends the flight's request, or lets it wait for a connection; False when it is closed or too many wait.

        It sets no deadline: the caller gives the flight up when it has waited enough."""
        while self._idle:
            connection = self._idle.pop()
            if connection.idle:
                flight.take_off(self, connection)
                return True
        if self._closed or len(self._waiting) >= self._waiting_max:
            return False
        flight.board(self)
        self._waiting.append(flight)
        self._open_more()
        return True

    def close(self) -> None:
        """Ends every connection; whatever is on its way or waiting fails as RESET."""
        self._closed = True
        for connection in list(self._all):
            connection.abort(Failure.RESET)
        self._fail_waiting(Failure.RESET)

    def give_back(self, connection: Connection) -> None:
        """The connection's answer is in: the next one leaves on it."""
        if not connection.idle:
            return
        if self._waiting:
            self._waiting.popleft().take_off(self, connection)
        else:
            self._idle.append(connection)

    def withdraw(self, flight: Flight) -> None:
        """A waiting flight will not leave any more."""
        self._waiting.remove(flight)

    def _open_more(self) -> None:
        if self._opening < len(self._waiting) and len(self._all) + self._opening < self._limit and not self._closed:
            self._opening += 1
            self._spawn(self._open())

    async def _open(self) -> None:
        try:
            connection = await connect(self.host, self.port, timeout_s=CONNECT_TIMEOUT_S, on_close=self._forget)
        except HttpFailure as error:
            self._opening -= 1
            self._fail_waiting(error.failure)
            return
        self._opening -= 1
        if self._closed:
            connection.abort()
            return
        self._all.add(connection)
        self.give_back(connection)

    def _fail_waiting(self, failure: Failure) -> None:
        waiting, self._waiting = self._waiting, deque()
        for flight in waiting:
            flight.done(None, failure)

    def _forget(self, connection: Connection) -> None:
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._open_more()
