"""The generator's connections to one server: opened when arrivals wait, at most so many, kept alive."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from client.load.engine.files import Shortages
from client.load.plan.origin import Origin
from vmhost.base.errors import Unavailable
from vmhost.base.http1 import Connection, Heads, HttpFailure, connect

RESOLVE_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where connections go: an address (for TLS the name, which the certificate is checked against)."""

    host: str
    port: int
    tls: ssl.SSLContext | None


async def reach(origin: Origin, timeout_s: float, *, insecure: bool = False) -> Endpoint:
    """The first of the server's addresses that accepts a connection (which is closed again).

    `insecure` takes any certificate. Raises Unavailable: the name is not known, or nothing listens there."""
    tls = _context(insecure) if origin.tls else None
    reason = "no address"
    for host in await _addresses(origin):
        endpoint = Endpoint(host=origin.host if tls else host, port=origin.port, tls=tls)
        try:
            connection = await connect(endpoint.host, endpoint.port, timeout_s=timeout_s, tls=tls)
        except HttpFailure as failure:
            reason = cause_of(failure)
        else:
            connection.close()
            return endpoint
    raise Unavailable(f"{origin.peer} cannot be reached: {reason}; expected a server that accepts connections there")


def _context(insecure: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def _addresses(origin: Origin) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_TIMEOUT_S):
            found = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError) as error:
        raise Unavailable(
            f"host {origin.host!r} is not known ({_told(error)}); expected a name or an address"
        ) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _told(error: BaseException | None) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}; -k takes it all the same)"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def cause_of(failure: HttpFailure) -> str:
    """Why there is no connection, in words."""
    cause = failure.__cause__
    return "no answer in time" if isinstance(cause, TimeoutError) else _told(cause)


class Connections:
    """Up to `limit` connections. `freed` is called when one becomes usable, `refused` when one could not be opened.

    `refused` is given True where this side had nothing left to open it with."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        limit: int,
        timeout_s: float,
        tasks: asyncio.TaskGroup,
        freed: Callable[[], None],
        refused: Callable[[bool], None],
        heads: Heads,
        shortages: Shortages,
    ) -> None:
        self._endpoint = endpoint
        self.limit = limit
        """The most at once."""
        self._timeout_s = timeout_s
        self._tasks = tasks
        self._freed = freed
        self._refused = refused
        self._heads = heads
        self._shortages = shortages
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._closed = False
        self.refusal = ""
        """Why the last connection that could not be opened was refused."""

    @property
    def open(self) -> int:
        """How many there are."""
        return len(self._all)

    @property
    def full(self) -> bool:
        """Whether no more may be opened."""
        return len(self._all) + len(self._opening) >= self.limit

    def take(self) -> Connection | None:
        """An idle connection, the one used last first; None if there is none."""
        while self._idle:
            connection = self._idle.pop()
            if connection.idle:
                return connection
        return None

    def give_back(self, connection: Connection) -> None:
        """The connection can carry another request."""
        self._idle.append(connection)

    def drop_idle(self) -> None:
        """Closes the idle ones."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def grow(self, wanted: int) -> None:
        """Opens connections until so many are on their way or the limit is reached."""
        while len(self._opening) < wanted and not self.full and not self._closed:
            task = self._tasks.create_task(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    def close(self) -> None:
        """Ends all of them; requests in flight fail."""
        self._closed = True
        for task in self._opening:
            task.cancel()
        for connection in list(self._all):
            connection.abort()

    async def _open(self) -> None:
        endpoint = self._endpoint
        connection, ours = None, False
        try:
            connection = await connect(
                endpoint.host,
                endpoint.port,
                timeout_s=self._timeout_s,
                tls=endpoint.tls,
                on_close=self._lost,
                heads=self._heads,
            )
        except HttpFailure as failure:
            self.refusal = cause_of(failure)
            ours = self._shortages.note(failure.__cause__)
            if ours and self._all:
                # More cannot be had: to try for each arrival would only take time.
                self.limit = len(self._all)
        task = asyncio.current_task()
        assert task is not None
        self._opening.discard(task)
        if connection is None or not connection.open:
            self._refused(ours)
            return
        if self._closed:
            connection.abort()
            return
        self._all.add(connection)
        self._idle.append(connection)
        self._freed()

    def _lost(self, connection: Connection) -> None:
        if connection in self._all:
            self._all.discard(connection)
            if not self._closed:
                self._freed()
