"""The HTTP/1.1 client protocol that the front end and the load engine share.

An `asyncio.Protocol` with httptools as its parser and callbacks instead of tasks: a request costs a few microseconds
of user time, a tenth of a general client's. One request in flight per connection, no pipelining (a slow answer would
hold up those behind it). Sources: RFC 9112 (messages), RFC 9110 sections 6.4 and 9.3.2 (answers without content).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, NoReturn, cast

import httptools

from vmhost.base.errors import Unavailable

MAX_HEADERS_BYTES = 64 * 1024
MAX_BODY_BYTES = 16 * 1024 * 1024
_RECEIVE_BYTES = 16 * 1024
# The parser keeps a header until its end has come, however long that is.
_HELD_BYTES_MAX = 2 * MAX_HEADERS_BYTES
_HEADS_MAX = 1024


class Failure(StrEnum):
    """Why a request has no answer."""

    CONNECT = "connect"
    TIMEOUT = "timeout"
    RESET = "reset"
    CLOSED_EARLY = "closed early"
    GARBAGE = "garbage"
    TOO_LARGE = "too large"


class HttpFailure(Unavailable):
    """A request without an answer, and which failure it was."""

    def __init__(self, failure: Failure, peer: str) -> None:
        super().__init__(f"{peer} gave no answer: {failure}; expected an HTTP/1.1 response")
        self.failure = failure


class Response:
    """A whole answer. Header names are lower case, in the order received."""

    __slots__ = ("body", "headers", "keep_alive", "status")

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes, keep_alive: bool) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.keep_alive = keep_alive

    def header(self, name: bytes) -> bytes | None:
        """The first header of that (lower-case) name."""
        for key, value in self.headers:
            if key == name:
                return value
        return None


class Heads:
    """Heads of answers as the parser understood them: the same bytes again mean the same, so they need not be read
    again. For a client that asks one server the same thing very often; shared by its connections.

    Only answers with a Content-Length are remembered, and only while it pays: a server whose heads hardly ever come
    twice (an id or a time of its own in each) makes it give up. Without `bodies`, for whoever looks at none, an answer
    with a known head is given as the first one was, which has a body of the same length."""

    __slots__ = ("_bodies", "_known", "hits", "last", "last_head", "last_length")

    def __init__(self, *, bodies: bool = True) -> None:
        self._bodies = bodies
        # The whole answer's length for each head, and such an answer; None once it has given up.
        self._known: dict[bytes, tuple[int, Response]] | None = {}
        self.hits = 0
        self.last: Response | None = None
        """The answer before. Most often the head is the same again, and comparing is quicker than hashing."""
        self.last_head, self.last_length = b"", -1

    def find(self, data: bytes) -> Response | None:
        """The answer, if `data` is one whole answer with a known head."""
        if len(data) == self.last_length and data.startswith(self.last_head):
            like = self.last
            assert like is not None
            self.hits += 1
            return Response(like.status, like.headers, data[len(self.last_head) :], True) if self._bodies else like
        if not self._known:
            return None
        end = data.find(b"\r\n\r\n") + 4
        length, like = self._known.get(data[:end], (-1, None))
        if like is None or length != len(data):
            return None
        self.hits += 1
        self.last, self.last_head, self.last_length = like, data[:end], length
        return Response(like.status, like.headers, data[end:], True) if self._bodies else like

    def learn(self, data: bytes, response: Response) -> None:
        """`data` was one whole answer, and this is what it says."""
        if self._known is None or response.header(b"content-length") is None:
            return
        end = len(data) - len(response.body)
        if response.header(b"transfer-encoding") is not None or data[end - 4 : end] != b"\r\n\r\n":
            return
        if len(self._known) >= _HEADS_MAX:
            worth, self.hits = self.hits >= _HEADS_MAX, 0
            self._known = {} if worth else None
            if self._known is None:
                return
        self._known[data[:end]] = len(data), response


Done = Callable[[Response | None, Failure | None], None]
"""Called exactly once per request, with the answer or with the failure."""


def build_request(method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes = b"") -> bytes:
    """A request as bytes; Host must be among the headers, Content-Length is added where there is a body.

    Raises ValueError for a line break or NUL in any part, which would smuggle a second request."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    if body or method in {"POST", "PUT", "PATCH"}:
        lines.append(f"Content-Length: {len(body)}")
    if any(char in line for line in lines for char in "\r\n\0"):
        raise ValueError("a request line or header contains a line break or NUL")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Connection(asyncio.Protocol):
    """One connection with at most one request in flight. `on_close` is called once, when it can no longer be used."""

    __slots__ = (
        "_answer",
        "_chunks",
        "_done",
        "_fresh",
        "_head",
        "_headers",
        "_heads",
        "_held",
        "_in_body",
        "_on_close",
        "_parser",
        "_refused",
        "_size",
        "_tail",
        "_transport",
        "open",
        "used",
    )

    def __init__(self, on_close: Callable[[Connection], None] | None = None, heads: Heads | None = None) -> None:
        self.open = False
        self.used = False
        """Whether it has carried an answer already."""
        self._on_close = on_close
        self._transport: asyncio.Transport | None = None
        self._done: Done | None = None
        self._heads = heads
        self._head = False
        # Whether the next bytes are the first of an answer.
        self._fresh = False
        # One parser for the connection's life: it starts over by itself after each answer.
        self._parser: Any = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._chunks: list[bytes] = []
        # Of headers or body so far; bytes received since that last grew; why we refused, when it was not the parser.
        self._size = 0
        self._held = 0
        self._refused: Failure | None = None
        self._in_body = False
        # The last bytes of a header block of which more is to come, after a HEAD.
        self._tail = b""
        # An answer that is whole. It is told when the parser is done with the bytes that it came in, because whoever
        # is told may send the next request at once, and what else is in those bytes does not answer that.
        self._answer: Response | None = None

    @property
    def idle(self) -> bool:
        """Open and without a request in flight."""
        return self.open and self._done is None

    @property
    def went_stale(self) -> bool:
        """Whether it ended, after an earlier answer, before any byte of the answer to the request that was sent last.

        The server has most likely closed it while it was idle: such a request may be sent again where its method
        allows it (RFC 9112 section 9.3.1, RFC 9110 section 9.2.2)."""
        return self.used and self._fresh

    def send(self, raw: bytes, done: Done, *, head: bool = False) -> None:
        """Sends one prepared request; `head` says that its answer has no body (HEAD). The connection must be idle."""
        if self._done is not None or not self.open:
            raise RuntimeError("the connection is not idle; one request at a time")
        self._done = done
        self._head = head
        self._fresh = True
        assert self._transport is not None
        self._transport.write(raw)

    def abort(self, failure: Failure = Failure.TIMEOUT) -> None:
        """Ends the connection at once; a request in flight is done with that failure."""
        self._fail(failure)

    def close(self) -> None:
        """Ends an idle connection; a request in flight fails as RESET."""
        self._close(at_once=False)
        self._finish(None, Failure.RESET)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if hasattr(transport, "max_size"):
            # The standard library reads 256 KiB at a time, and allocating that costs two thirds of the speed.
            transport.max_size = _RECEIVE_BYTES
        # A cast, not a check: uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self.open = True

    def data_received(self, data: bytes) -> None:
        done = self._done
        if done is None:
            # Nobody asked: whatever this is belongs to no request. The parser, too, skips line breaks between answers.
            if data.strip(b"\r\n"):
                self._close(at_once=True)
            return
        fresh = self._fresh
        if fresh:
            self._fresh = False
            response = None if self._heads is None or self._head else self._heads.find(data)
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
        answer = self._answer
        if answer is None:
            self._held = self._held + len(data) if self._size == size else 0
            if failure is not None or self._held > _HELD_BYTES_MAX:
                self._fail(failure or Failure.TOO_LARGE)
            return
        if failure is not None or rest:
            # The answer was whole, and then came something that is none.
            answer.keep_alive = False
        elif fresh and answer.keep_alive and self._heads is not None and not self._head:
            self._heads.learn(data, answer)
        self._tell(answer)

    def eof_received(self) -> None:
        if self._done is not None and self._in_body and self._ends_with_connection():
            self._complete(keep_alive=False)
            assert self._answer is not None
            self._tell(self._answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        self._transport = None
        self._finish(None, Failure.RESET if exc is not None else Failure.CLOSED_EARLY)
        self._tell_closed()

    # httptools

    def on_message_begin(self) -> None:
        if self._answer is not None:
            self._refuse(Failure.GARBAGE)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._size += len(name) + len(value)
        if self._in_body:
            # A trailer counts as body, and is no header (RFC 9110 section 6.5.1).
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
            # llhttp would wait for the announced body that an answer to HEAD never has: it must not go on.
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
            # 1xx is an announcement; the answer follows on the same parser.
            self._reset()
            return
        self._complete(keep_alive=self._parser.should_keep_alive())

    # inside

    def _ends_with_connection(self) -> bool:
        names = {name for name, _ in self._headers}
        return b"content-length" not in names and b"transfer-encoding" not in names

    def _feed_head(self, data: bytes) -> bytes:
        """Reads header blocks until the answer's is whole; what follows it, which must not be read as its body."""
        while data and self._answer is None:
            end = (self._tail + data).find(b"\r\n\r\n")
            size = len(data) if end < 0 else end + 4 - len(self._tail)
            block, data = data[:size], data[size:]
            self._tail = (self._tail + block)[-3:] if end < 0 else b""
            try:
                self._parser.feed_data(block)
            except httptools.HttpParserError:
                if self._answer is None:
                    raise
                # It waits for a body that never comes, so the next answer needs another one.
                self._parser, self._refused = httptools.HttpResponseParser(self), None
        return data

    def _stays_open(self) -> bool:
        """Whether the server keeps the connection, as its headers say (RFC 9112 section 9.3)."""
        said = b",".join(value for name, value in self._headers if name == b"connection").lower()
        options = {option.strip() for option in said.split(b",")}
        return b"close" not in options and (self._parser.get_http_version() == "1.1" or b"keep-alive" in options)

    def _refuse(self, failure: Failure) -> NoReturn:
        """Stops the parser, from one of its callbacks."""
        self._refused = failure
        raise ValueError(failure)

    def _complete(self, *, keep_alive: bool) -> None:
        chunks = self._chunks
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self._answer = Response(self._parser.get_status_code(), self._headers, body, keep_alive)
        self._reset()

    def _tell(self, answer: Response) -> None:
        self._answer = None
        self.used = True
        if not answer.keep_alive:
            self._close(at_once=False)
        self._finish(answer, None)

    def _fail(self, failure: Failure) -> None:
        # First the end, so that whoever is told does not send its next request here.
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
        if self._transport is not None:
            if at_once:
                self._transport.abort()
            else:
                self._transport.close()
        self._tell_closed()

    def _tell_closed(self) -> None:
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
    heads: Heads | None = None,
    make: Callable[[Callable[[Connection], None] | None, Heads | None], Connection] | None = None,
) -> Connection:
    """An open connection; with TLS to the server of that name, else of that host.

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
