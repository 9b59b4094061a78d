"""A bounded pool of HTTP/1.1 connections to one peer, kept open between requests."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from vmhost.base.http1 import Connection, Done, Failure, HttpFailure, connect
from vmhost.base.http_response import Response


class ConnectionPool:
    """At most `limit` connections to one peer. Further requests wait, in order, within their deadline."""

    def __init__(self, host: str, port: int, *, limit: int = 64, waiting_max: int = 1024) -> None:
        self.host = host
        self.port = port
        self._limit = limit
        self._waiting_max = waiting_max
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._opening = 0
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._closed = False

    @property
    def peer(self) -> str:
        """Return "host:port" for messages."""
        return f"{self.host}:{self.port}"

    async def request(self, raw: bytes, *, timeout_s: float, head: bool = False) -> Response:
        """Send one prepared request and return its response.

        Raises HttpFailure; TIMEOUT after `timeout_s`, which includes waiting for a connection. Cancelling closes the
        connection of the request, because its response may still arrive."""
        connection: Connection | None = None
        try:
            async with asyncio.timeout(timeout_s):
                connection = await self._acquire(timeout_s)
                response: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
                connection.send(raw, _resolver(response, self.peer), head=head)
                return await response
        except TimeoutError:
            raise HttpFailure(Failure.TIMEOUT, self.peer) from None
        finally:
            if connection is not None:
                self._release(connection)

    def close(self) -> None:
        """Close every connection; requests in flight and waiting fail."""
        self._closed = True
        for connection in [*self._idle, *self._busy]:
            connection.abort(Failure.RESET)
        self._wake_all()

    async def _acquire(self, timeout_s: float) -> Connection:
        while not self._closed:
            while self._idle:
                connection = self._idle.pop()
                if connection.idle:
                    self._busy.add(connection)
                    return connection
            if len(self._busy) + self._opening < self._limit:
                return await self._open(timeout_s)
            await self._wait_turn()
        raise HttpFailure(Failure.CONNECT, self.peer)

    async def _open(self, timeout_s: float) -> Connection:
        self._opening += 1
        try:
            connection = await connect(self.host, self.port, timeout_s=timeout_s, on_close=self._forget)
        except HttpFailure:
            self._wake_one()
            raise
        finally:
            self._opening -= 1
        self._busy.add(connection)
        return connection

    async def _wait_turn(self) -> None:
        if len(self._waiters) >= self._waiting_max:
            raise HttpFailure(Failure.TIMEOUT, self.peer)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._wake_one()
            else:
                with contextlib.suppress(ValueError):
                    self._waiters.remove(turn)
            raise

    def _release(self, connection: Connection) -> None:
        self._busy.discard(connection)
        if connection.idle and not self._closed:
            self._idle.append(connection)
        else:
            # Its request was cancelled, and the response may still arrive.
            connection.abort(Failure.RESET)
        self._wake_one()

    def _forget(self, connection: Connection) -> None:
        self._busy.discard(connection)
        with contextlib.suppress(ValueError):
            self._idle.remove(connection)
        self._wake_one()

    def _wake_one(self) -> None:
        while self._waiters:
            turn = self._waiters.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _wake_all(self) -> None:
        while self._waiters:
            self._wake_one()


def _resolver(future: asyncio.Future[Response], peer: str) -> Done:
    def done(response: Response | None, failure: Failure | None) -> None:
        if future.done():
            return
        if response is not None:
            future.set_result(response)
        else:
            assert failure is not None
            future.set_exception(HttpFailure(failure, peer))

    return done
