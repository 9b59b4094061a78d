"""The HTTP/1.1 client connection of the front end and the load generator.

An `asyncio.Protocol` on httptools' parser, with callbacks instead of tasks: a request costs a few microseconds, a tenth
of a general client's. One request in flight per connection, no pipelining, because a slow response would delay those
behind it. Sources: RFC 9112 (messages), RFC 9110 sections 6.4 and 9.3.2 (responses without content).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, NoReturn, cast

import httptools

from vmhost.base.errors import Unavailable
from vmhost.base.http_response import HeadCache, Response

MAX_HEADERS_BYTES = 64 * 1024
MAX_BODY_BYTES = 16 * 1024 * 1024
_RECEIVE_BYTES = 16 * 1024
# The parser buffers a header until its end, however long it is.
_HELD_BYTES_MAX = 2 * MAX_HEADERS_BYTES


class Failure(StrEnum):
    """Why a request has no response."""

    CONNECT = "connect"
    TIMEOUT = "timeout"
    RESET = "reset"
    CLOSED_EARLY = "closed early"
    GARBAGE = "garbage"
    TOO_LARGE = "too large"


class HttpFailure(Unavailable):
    """A request failed, and how."""

    def __init__(self, failure: Failure, peer: str) -> None:
        super().__init__(f"no HTTP/1.1 response from {peer}: {failure}")
        self.failure = failure


Done = Callable[[Response | None, Failure | None], None]
"""Called exactly once per request, with the response or the failure."""


def build_request(method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes = b"") -> bytes:
    """Return a request as bytes. Host must be among the headers; Content-Length is added for a body.

    Raises ValueError for a line break or NUL in any part, which could smuggle a second request."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    if body or method in {"POST", "PUT", "PATCH"}:
        lines.append(f"Content-Length: {len(body)}")
    if any(char in line for line in lines for char in "\r\n\0"):
        raise ValueError("a request line or header contains a line break or NUL")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Connection(asyncio.Protocol):
    """A connection with at most one request in flight. `on_close` is called once, when it becomes unusable."""

    __slots__ = (
        "_chunks",
        "_done",
        "_head",
        "_headers",
        "_held",
        "_in_body",
        "_on_close",
        "_parser",
        "_refused",
        "_response",
        "_size",
        "_tail",
        "fresh",
        "heads",
        "open",
        "transport",
        "used",
    )

    def __init__(self, on_close: Callable[[Connection], None] | None = None, heads: HeadCache | None = None) -> None:
        self.open = False
        self.used = False
        """Whether it has received a response already."""
        self._on_close = on_close
        self.transport: asyncio.Transport | None = None
        self._done: Done | None = None
        self.heads = heads
        """The heads it knows; with `fresh` and `transport` for subclasses that have a faster path."""
        self._head = False
        self.fresh = False
        """Whether the next bytes are the first of a response."""
        # One parser for all responses: it starts over by itself after each.
        self._parser: Any = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._chunks: list[bytes] = []
        # Size of headers or body so far; bytes received since it last grew; our own reason to stop the parser.
        self._size = 0
        self._held = 0
        self._refused: Failure | None = None
        self._in_body = False
        # After a HEAD: the last bytes of an incomplete header block.
        self._tail = b""
        # A complete response. It is delivered when the parser has finished the received bytes, because the callback may
        # send the next request at once, and the rest of those bytes is no response to that.
        self._response: Response | None = None

    @property
    def idle(self) -> bool:
        """Whether it is open without a request in flight."""
        return self.open and self._done is None

    @property
    def went_stale(self) -> bool:
        """Whether a reused connection ended before the first byte of the last response.

        The server probably closed it while it was idle, so the request may be sent again if its method allows
        (RFC 9112 section 9.3.1, RFC 9110 section 9.2.2)."""
        return self.used and self.fresh

    def send(self, raw: bytes, done: Done, *, head: bool = False) -> None:
        """Send one prepared request on an idle connection; `head` means that its response has no body (HEAD)."""
        if self._done is not None or not self.open:
            raise RuntimeError("the connection is not idle; one request at a time")
        self._done = done
        self._head = head
        self.fresh = True
        assert self.transport is not None
        self.transport.write(raw)

    def abort(self, failure: Failure = Failure.TIMEOUT) -> None:
        """Close the connection at once; a request in flight fails with `failure`."""
        self._fail(failure)

    def close(self) -> None:
        """Close an idle connection; a request in flight fails as RESET."""
        self._close(at_once=False)
        self._finish(None, Failure.RESET)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if hasattr(transport, "max_size"):
            # The standard library reads 256 KiB at a time; allocating that takes two thirds of the speed.
            transport.max_size = _RECEIVE_BYTES
        # uvloop's transports are not subclasses of asyncio's.
        self.transport = cast(asyncio.Transport, transport)
        self.open = True

    def data_received(self, data: bytes) -> None:
        done = self._done
        if done is None:
            # No request is in flight. Like the parser, allow line breaks between responses.
            if data.strip(b"\r\n"):
                self._close(at_once=True)
            return
        fresh = self.fresh
        if fresh:
            self.fresh = False
            response = None if self.heads is None or self._head else self.heads.find(data)
            if response is not None:
                self._done = None
                self.used = True
                done(response, None)
                return
        size, failure, rest = self._size, None, b""
        try:
            if self._head:
                rest = self._feed_head(data)
            else:
                self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            failure = self._refused or Failure.GARBAGE
        response = self._response
        if response is None:
            self._held = self._held + len(data) if self._size == size else 0
            if failure is not None or self._held > _HELD_BYTES_MAX:
                self._fail(failure or Failure.TOO_LARGE)
            return
        if failure is not None or rest:
            # Bytes that are no response followed the complete one.
            response.keep_alive = False
        elif fresh and response.keep_alive and self.heads is not None and not self._head:
            self.heads.learn(data, response)
        self._deliver(response)

    def eof_received(self) -> None:
        if self._done is not None and self._in_body and self._ends_with_connection():
            self._complete(keep_alive=False)
            assert self._response is not None
            self._deliver(self._response)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        self.transport = None
        self._finish(None, Failure.RESET if exc is not None else Failure.CLOSED_EARLY)
        self._notify_closed()

    # httptools

    def on_message_begin(self) -> None:
        if self._response is not None:
            self._refuse(Failure.GARBAGE)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._size += len(name) + len(value)
        if self._in_body:
            # A trailer counts as body, not as header (RFC 9110 section 6.5.1).
            if self._size > MAX_BODY_BYTES:
                self._refuse(Failure.TOO_LARGE)
            return
        if self._size > MAX_HEADERS_BYTES:
            self._refuse(Failure.TOO_LARGE)
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._size = 0
        self._in_body = True
        if self._head and self._parser.get_status_code() >= 200:
            # llhttp would wait for the announced body, which a response to HEAD never has.
            self._complete(keep_alive=self._stays_open())
            self._refuse(Failure.GARBAGE)

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > MAX_BODY_BYTES:
            self._refuse(Failure.TOO_LARGE)
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 100:
            self._refuse(Failure.GARBAGE)
        if status < 200:
            # 1xx is interim; the final response follows.
            self._reset()
            return
        self._complete(keep_alive=self._parser.should_keep_alive())

    # inside

    def _ends_with_connection(self) -> bool:
        names = {name for name, _ in self._headers}
        return b"content-length" not in names and b"transfer-encoding" not in names

    def _feed_head(self, data: bytes) -> bytes:
        """Parse header blocks until the response's is complete; return the bytes after it, which are not its body."""
        while data and self._response is None:
            end = (self._tail + data).find(b"\r\n\r\n")
            size = len(data) if end < 0 else end + 4 - len(self._tail)
            block, data = data[:size], data[size:]
            self._tail = (self._tail + block)[-3:] if end < 0 else b""
            try:
                self._parser.feed_data(block)
            except httptools.HttpParserError:
                if self._response is None:
                    raise
                # This parser waits for a body that never comes; the next response needs a new one.
                self._parser, self._refused = httptools.HttpResponseParser(self), None
        return data

    def _stays_open(self) -> bool:
        """Whether the headers keep the connection open (RFC 9112 section 9.3)."""
        said = b",".join(value for name, value in self._headers if name == b"connection").lower()
        options = {option.strip() for option in said.split(b",")}
        return b"close" not in options and (self._parser.get_http_version() == "1.1" or b"keep-alive" in options)

    def _refuse(self, failure: Failure) -> NoReturn:
        """Stop the parser from one of its callbacks."""
        self._refused = failure
        raise ValueError(failure)

    def _complete(self, *, keep_alive: bool) -> None:
        chunks = self._chunks
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self._response = Response(self._parser.get_status_code(), self._headers, body, keep_alive)
        self._reset()

    def _deliver(self, response: Response) -> None:
        self._response = None
        self.used = True
        if not response.keep_alive:
            self._close(at_once=False)
        self._finish(response, None)

    def _fail(self, failure: Failure) -> None:
        # Close first, so that the callback does not send its next request here.
        self._close(at_once=True)
        self._finish(None, failure)

    def _finish(self, response: Response | None, failure: Failure | None) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(response, failure)

    def _reset(self) -> None:
        self._headers, self._chunks, self._size, self._held, self._in_body = [], [], 0, 0, False

    def _close(self, *, at_once: bool) -> None:
        self.open = False
        if self.transport is not None:
            if at_once:
                self.transport.abort()
            else:
                self.transport.close()
        self._notify_closed()

    def _notify_closed(self) -> None:
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close(self)


async def connect(
    host: str,
    port: int,
    *,
    timeout_s: float,
    tls: ssl.SSLContext | None = None,
    name: str = "",
    on_close: Callable[[Connection], None] | None = None,
    heads: HeadCache | None = None,
    make: Callable[[Callable[[Connection], None] | None, HeadCache | None], Connection] | None = None,
) -> Connection:
    """Open a connection. With TLS the server's certificate must have `name`, or without one, `host`.

    Raises HttpFailure(CONNECT), also after `timeout_s`."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            _, connection = await loop.create_connection(
                lambda: (make or Connection)(on_close, heads),
                host,
                port,
                ssl=tls,
                server_hostname=(name or host) if tls else None,
            )
    except (OSError, TimeoutError) as error:
        raise HttpFailure(Failure.CONNECT, f"{host}:{port}") from error
    return connection
