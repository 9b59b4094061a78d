"""The seam between engines and protocols: an engine gives a request to a channel and is called when it has ended.

HTTP/1.1 is `http1_transport.py`; another protocol is another file with these two classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from client.load.requests import PreparedRequest
from vmhost.base.http1 import Failure
from vmhost.base.http_response import Response

OnDone = Callable[[Response | None, Failure | None], None]
"""Called exactly once for each request: with its response, or with the reason why it got no response."""


class Channel(Protocol):
    """A way to one server that carries one request at a time: a connection, or one of several streams on one."""

    open: bool
    """Whether it can still be used."""

    @property
    def idle(self) -> bool:
        """Whether it is open and carries no request."""

    @property
    def went_stale(self) -> bool:
        """Whether the server closed it, after earlier responses, before any byte of the last request's response."""

    def send_request(self, request: PreparedRequest, on_done: OnDone, trace: bytes = b"") -> None:
        """Send a request, with that trace id if one is given. The channel must be idle."""

    def abort(self, failure: Failure = Failure.TIMEOUT) -> None:
        """Close it at once; a request under way ends with that failure."""

    def close(self) -> None:
        """Close an idle channel."""


class Transport(Protocol):
    """Opens channels to one server."""

    async def open_channel(self, timeout_s: float, *, on_close: Callable[[Channel], None] | None = None) -> Channel:
        """A new channel; `on_close` is called once, when it can no longer be used. Raises HttpFailure."""
