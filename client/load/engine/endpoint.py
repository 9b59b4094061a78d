"""The servers of a plan: their addresses, and whether they accept a connection."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from client.load.engine.tls_settings import CLOSED_AT_ONCE, certificate_error_text, handshake_error_text, tls_context
from client.load.generator_limits import shortage_of
from client.load.plan.model import Plan
from client.load.plan.urls import Origin, Resolved, parse_resolve
from vmhost.base.errors import Unavailable
from vmhost.base.http1 import Connection, HttpFailure, connect
from vmhost.base.http_response import HeadCache

RESOLVE_TIMEOUT_S = 5.0
_NOTHING_RESOLVED: Resolved = {}
REFUSAL_WAIT_S = 0.1
"""A server that refuses a client certificate, or misses one, does so within this time or one round trip."""
REST_S = 5.0
"""How long an address that refused a connection is not used while another one works."""


class Addresses:
    """The addresses of one server, used in turn; one that failed is left out for a while if another works."""

    def __init__(self, hosts: Sequence[str], *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._hosts = tuple(hosts)
        self._clock_s = clock_s
        # Each process starts at another one, so that a few connections of each are spread too.
        self._turn = random.randrange(len(self._hosts))
        self._rests_until: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._hosts)

    def pick(self) -> str:
        """The next address that has not failed lately; if all have, the one that failed first."""
        now_s = self._clock_s()
        for _ in self._hosts:
            host = self._hosts[self._turn]
            self._turn = (self._turn + 1) % len(self._hosts)
            if self._rests_until.get(host, 0.0) <= now_s:
                return host
        return min(self._hosts, key=lambda host: self._rests_until[host])

    def failed(self, host: str) -> None:
        """Note that no connection could be opened there."""
        self._rests_until[host] = self._clock_s() + REST_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where connections go. With TLS the certificate must be that of `name`, or of the host if no name is given.

    `addresses` are all addresses of the name, if it has several."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    name: str = ""
    addresses: Addresses | None = None

    async def connect(
        self, timeout_s: float, *, on_close: Callable[[Connection], None] | None = None, heads: HeadCache | None = None,
        make: Callable[[Callable[[Connection], None] | None, HeadCache | None], Connection] | None = None,
    ) -> Connection:  # fmt: skip
        """Connect to the next address that accepts a connection. Raises HttpFailure."""
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
                # If this side has no file or port left, another address does not help.
                if not tries or self.addresses is None or shortage_of(failure.__cause__):
                    raise
                self.addresses.failed(host)


async def reach_all(plan: Plan, origins: Sequence[Origin]) -> list[Endpoint]:
    """Connect once to each server of a plan. Raises InvalidInput for its TLS files, and as `reach` does."""
    tls, resolved = tls_context(plan) if any(origin.tls for origin in origins) else None, parse_resolve(plan.resolve)
    return [await reach(origin, plan.timeout_s, tls=tls, resolved=resolved) for origin in origins]


async def reach(
    origin: Origin, timeout_s: float, *, tls: ssl.SSLContext | None = None, resolved: Resolved = _NOTHING_RESOLVED
) -> Endpoint:
    """Connect once to one of a server's addresses and close the connection again; return where connections go.

    Addresses in `resolved` are used instead of those that the system knows. Raises Unavailable if the name is not
    known, nothing listens there, or the certificate is refused."""
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
    advice = "" if ";" in reason else "; check that the server runs and listens there"
    raise Unavailable(f"{origin.peer} cannot be reached: {reason}{advice}")


async def _refusal(endpoint: Endpoint, timeout_s: float) -> str:
    """Why the endpoint's own address accepts no connection; empty if it does (the connection is closed again)."""
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
        # With TLS 1.3 a server refuses the client's certificate only after the client's handshake: a round trip later.
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
            f"host {origin.host!r} is not known ({_error_text(error)}); check the name, or give an address"
        ) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def connection_error_text(failure: HttpFailure) -> str:
    """Why no connection could be opened, in words."""
    cause = failure.__cause__
    return "no answer in time" if isinstance(cause, TimeoutError) else _error_text(cause)


def _error_text(error: BaseException | None) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return certificate_error_text(error)
    if isinstance(error, ssl.SSLError):
        return handshake_error_text(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
