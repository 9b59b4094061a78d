"""HTTP/1.1 responses as the client connection gives them, and a cache of their parsed heads. Pure."""

from __future__ import annotations

_HEADS_MAX = 1024


class Response:
    """A complete response. Header names are lower case, in the order received."""

    __slots__ = ("body", "headers", "keep_alive", "status")

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes, keep_alive: bool) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.keep_alive = keep_alive

    def header(self, name: bytes) -> bytes | None:
        """Return the first header of that (lower-case) name."""
        for key, value in self.headers:
            if key == name:
                return value
        return None


class HeadCache:
    """A cache of parsed response heads, so that the same bytes are not parsed again. Shared by a client's connections.

    It keeps only responses with a Content-Length, and gives up if a server's heads rarely repeat (for example because
    each has an id). Without `bodies`, a response with a known head is the first one with it, whose body has the same
    length."""

    __slots__ = ("_bodies", "_known", "hits", "last", "last_head", "last_length")

    def __init__(self, *, bodies: bool = True) -> None:
        self._bodies = bodies
        # For each head the length of the whole response, and such a response; None after giving up.
        self._known: dict[bytes, tuple[int, Response]] | None = {}
        self.hits = 0
        # Usually the head is the same as in the previous response, and comparing is faster than hashing.
        self.last: Response | None = None
        self.last_head, self.last_length = b"", -1

    def find(self, data: bytes) -> Response | None:
        """Return the response if `data` is one complete response with a known head."""
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
        """Remember the head of `data`, which is one complete response."""
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
