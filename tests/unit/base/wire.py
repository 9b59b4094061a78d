"""One end of a connection without a network: a transport that ships with the tests, and what came of a request."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from itertools import pairwise

from tests.unit.base.odd_answers import Odd, Read
from vmhost.base.http1 import Connection, Failure
from vmhost.base.http_response import HeadCache, Response

RECEIVED_BYTES = 64 * 1024


class Wire(asyncio.Transport):
    """A transport whose other end is the test. Like a real one it delivers nothing once it is closing."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing


class Asked:
    """A connection, open, and what became of the requests sent on it: all `ends` in the order told."""

    def __init__(self, heads: HeadCache | None = None) -> None:
        self.wire = Wire()
        self.ends: list[Response | Failure] = []
        self.closed = 0
        self.connection = Connection(self._closes, heads)
        self.connection.connection_made(self.wire)

    def send(self, *, head: bool = False) -> None:
        """Sends a request."""
        self.connection.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n", self._done, head=head)

    def receive(self, pieces: Iterable[bytes]) -> None:
        """The server's bytes, as long as the connection takes any."""
        for piece in pieces:
            if self.wire.closing:
                return
            self.connection.data_received(piece)

    def end(self, exc: Exception | None = None) -> None:
        """The server closes; or the connection breaks."""
        if exc is None and not self.wire.closing:
            self.connection.eof_received()
        self.connection.connection_lost(exc)

    def _done(self, response: Response | None, failure: Failure | None) -> None:
        end = failure if response is None else response
        assert end is not None
        self.ends.append(end)

    def _closes(self, connection: Connection) -> None:
        assert connection is self.connection
        assert not connection.open
        self.closed += 1


def read(pieces: Iterable[bytes], *, head: bool = False, heads: HeadCache | None = None) -> Read | Failure:
    """What a new connection reads out of an answer that arrives in these pieces, after which the server closes."""
    asked = Asked(heads)
    asked.send(head=head)
    asked.receive(pieces)
    reusable = asked.connection.idle
    asked.end()
    assert asked.closed == 1
    (end,) = asked.ends
    if isinstance(end, Failure):
        assert not reusable
        return end
    return Read(status=end.status, body=end.body, reusable=reusable)


def received(odd: Odd) -> list[bytes]:
    """An answer in pieces as a socket gives them."""
    return [odd.wire[at : at + RECEIVED_BYTES] for at in range(0, len(odd.wire), RECEIVED_BYTES)]


def cut(wire: bytes, places: Iterable[int]) -> Iterator[bytes]:
    """The bytes, cut at these places; no piece is empty, as with a real transport."""
    edges = [0, *sorted({place for place in places if 0 < place < len(wire)}), len(wire)]
    for begin, end in pairwise(edges):
        if begin < end:
            yield wire[begin:end]
