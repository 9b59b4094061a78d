"""The generator's connections to one server: opened when arrivals wait, at most so many, kept alive."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from client.load.engine.resource_limits import ShortageCounter, shortage_of
from client.load.engine.tls_settings import CLOSED_AT_ONCE, certificate_error_text, handshake_error_text, tls_context
from client.load.plan.model import Plan
from client.load.plan.urls import Origin, Resolved, parse_resolve
from vmhost.base.errors import Unavailable
from vmhost.base.http1 import Connection, HttpFailure, connect
from vmhost.base.http_response import HeadCache

RESOLVE_TIMEOUT_S = 5.0
_NOTHING_RESOLVED: Resolved = {}
REFUSAL_WAIT_S = 0.1
"""A server that refuses a client certificate, or lacks one, does so within this time or a trip to it."""
REST_S = 5.0
"""So long an address that refused is left out while another works."""


class Addresses:
    """The addresses of one server, used in turn; one that failed rests while another works."""

    def __init__(self, hosts: Sequence[str], *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._hosts = tuple(hosts)
        self._clock_s = clock_s
        # Processes begin at different ones, so that a few connections each are spread too.
        self._turn = random.randrange(len(self._hosts))
        self._rests_until: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._hosts)

    def pick(self) -> str:
        """The next one that does not rest; where all do, the one that has rested longest."""
        now_s = self._clock_s()
        for _ in self._hosts:
            host = self._hosts[self._turn]
            self._turn = (self._turn + 1) % len(self._hosts)
            if self._rests_until.get(host, 0.0) <= now_s:
                return host
        return min(self._hosts, key=lambda host: self._rests_until[host])

    def failed(self, host: str) -> None:
        """No connection could be opened there."""
        self._rests_until[host] = self._clock_s() + REST_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where connections go. With TLS the certificate must be that of `name`, or of the host without one.

    `addresses` are all that the name has, where it has several."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    name: str = ""
    addresses: Addresses | None = None

    async def connect(
        self, timeout_s: float, *, on_close: Callable[[Connection], None] | None = None, heads: HeadCache | None = None,
        make: Callable[[Callable[[Connection], None] | None, HeadCache | None], Connection] | None = None,
    ) -> Connection:  # fmt: skip
        """A connection to one of the addresses: the next in turn that accepts it. Raises HttpFailure."""
        tries = 1 if self.addresses is None else len(self.addresses)
        while True:
            host = self.host if self.addresses is None else self.addresses.pick()
            try:
                return await connect(
                    host, self.port, timeout_s=timeout_s, tls=self.tls, name=self.name, on_close=on_close, heads=heads,
                    make=make,
                )  # fmt: skip
            except HttpFailure as failure:
                tries -= 1
                # What this side lacks, another address would lack too.
                if not tries or self.addresses is None or shortage_of(failure.__cause__):
                    raise
                self.addresses.failed(host)


async def reach_all(plan: Plan, origins: Sequence[Origin]) -> list[Endpoint]:
    """The servers of a plan, each reached once. Raises InvalidInput for its TLS files, and as `reach`."""
    tls, resolved = tls_context(plan) if any(origin.tls for origin in origins) else None, parse_resolve(plan.resolve)
    return [await reach(origin, plan.timeout_s, tls=tls, resolved=resolved) for origin in origins]


async def reach(
    origin: Origin, timeout_s: float, *, tls: ssl.SSLContext | None = None, resolved: Resolved = _NOTHING_RESOLVED
) -> Endpoint:
    """The server, of whose addresses one has accepted a connection (which is closed again).

    Addresses in `resolved` are used instead of those that the system knows. Raises Unavailable: the name is not known,
    nothing listens there, or its certificate is refused."""
    tls = tls if origin.tls else None
    reason = "no address"
    hosts = resolved.get((origin.host, origin.port)) or await _addresses(origin)
    addresses = Addresses(hosts) if len(hosts) > 1 else None
    for host in hosts:
        endpoint = Endpoint(host=host, port=origin.port, tls=tls, name=origin.host, addresses=addresses)
        reason = await _refusal(endpoint, timeout_s)
        if not reason:
            return endpoint
        if addresses is not None:
            addresses.failed(host)
    advice = "" if ";" in reason else "; expected a server that accepts connections there"
    raise Unavailable(f"{origin.peer} cannot be reached: {reason}{advice}")


async def _refusal(endpoint: Endpoint, timeout_s: float) -> str:
    """Why the endpoint's own address takes no connection; empty where it took one (which is closed again)."""
    clock_s, closed = asyncio.get_running_loop().time, asyncio.Event()
    began_s = clock_s()
    try:
        connection = await connect(
            endpoint.host, endpoint.port, timeout_s=timeout_s, tls=endpoint.tls, name=endpoint.name,
            on_close=lambda _: closed.set(),
        )  # fmt: skip
    except HttpFailure as failure:
        reset = endpoint.tls is not None and isinstance(failure.__cause__, ConnectionResetError)
        return CLOSED_AT_ONCE if reset else connection_error_text(failure)
    if endpoint.tls is not None:
        # With TLS 1.3 a server refuses the client's certificate when the client's handshake has ended: a trip later.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(closed.wait(), max(REFUSAL_WAIT_S, clock_s() - began_s))
    if closed.is_set():
        return CLOSED_AT_ONCE
    connection.close()
    return ""


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
        return certificate_error_text(error)
    if isinstance(error, ssl.SSLError):
        return handshake_error_text(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def connection_error_text(failure: HttpFailure) -> str:
    """Why there is no connection, in words."""
    cause = failure.__cause__
    return "no answer in time" if isinstance(cause, TimeoutError) else _told(cause)


class ConnectionPool:
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
        heads: HeadCache,
        shortages: ShortageCounter,
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
            connection = await endpoint.connect(self._timeout_s, on_close=self._lost, heads=self._heads)
        except HttpFailure as failure:
            self.refusal = connection_error_text(failure)
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
