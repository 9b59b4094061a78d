"""How others read an answer: h11, and httptools with a new parser and nothing of ours around it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import h11
import httptools

from tests.unit.base.odd_answers import Read
from vmhost.base.http1 import MAX_HEADERS_BYTES

_END = b""


def read_by_h11(pieces: Iterable[bytes], *, head: bool = False) -> Read | None:
    """What h11 reads, if after that the server closes; None if it does not accept it."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=2 * MAX_HEADERS_BYTES)
    connection.send(h11.Request(method="HEAD" if head else "GET", target="/", headers=[("Host", "test")]))
    connection.send(h11.EndOfMessage())
    status, body, whole, reusable = 0, bytearray(), False, False
    try:
        for piece in [*pieces, _END]:
            if piece == _END:
                reusable = connection.their_state is h11.DONE and not connection.trailing_data[0]
            connection.receive_data(piece)
            while not whole and (event := connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(event, h11.Response):
                    status = event.status_code
                elif isinstance(event, h11.Data):
                    body += event.data
                whole = isinstance(event, h11.EndOfMessage)
    except h11.RemoteProtocolError:
        return None
    return Read(status=status, body=bytes(body), reusable=reusable) if whole else None


def read_by_httptools(pieces: Iterable[bytes]) -> Read | None:
    """What a new parser reads (it knows of no HEAD), if after that the server closes; None if it does not accept it."""
    plain = _Plain()
    try:
        for piece in pieces:
            plain.parser.feed_data(piece)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return plain.reads and replace(plain.reads, reusable=False)
    if plain.reads is None and plain.until_closed:
        plain.complete(reusable=False)
    return plain.reads


class _Plain:
    """Collects the first answer that is no announcement."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.reads: Read | None = None
        self.until_closed = False
        self._lengths = 0
        self._body: list[bytes] = []

    def on_header(self, name: bytes, _value: bytes) -> None:
        self._lengths += name.lower() in {b"content-length", b"transfer-encoding"}

    def on_headers_complete(self) -> None:
        self.until_closed = not self._lengths

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self.reads is None and not 100 <= self.parser.get_status_code() < 200:
            self.complete(reusable=self.parser.should_keep_alive())
        self._lengths, self.until_closed = 0, False

    def complete(self, *, reusable: bool) -> None:
        body = b"".join(self._body)
        self.reads = Read(status=self.parser.get_status_code(), body=body, reusable=reusable)
