"""What an answer tells beside its body: which fault a failure is, which instances answered, which one to show."""

from __future__ import annotations

from client.load.requests import Prepared
from client.load.summary import Fault, TracedRequest
from server.api import timing
from vmhost.base.http1 import Connection, Failure, Response

FAULTS = {
    Failure.CONNECT: Fault.CONNECT,
    Failure.TIMEOUT: Fault.TIMEOUT,
    Failure.RESET: Fault.RESET,
    Failure.CLOSED_EARLY: Fault.SHORT,
    Failure.GARBAGE: Fault.GARBAGE,
    Failure.TOO_LARGE: Fault.GARBAGE,
}

_CLOSED = frozenset({Failure.RESET, Failure.CLOSED_EARLY})


def may_resend(prepared: Prepared, connection: Connection | None, failure: Failure) -> bool:
    """Whether a request that failed so may be sent a second time: the server closed a kept connection before any byte
    of the answer, and the method is idempotent."""
    return prepared.idempotent and connection is not None and failure in _CLOSED and connection.went_stale


_NONE: tuple[timing.Attempt, ...] = ()


class Attempts:
    """Reads the attempts out of `Server-Timing`. `without` are the last headers that told of none: answers that share
    a remembered head share them, so that most need not be looked through."""

    __slots__ = ("without",)

    def __init__(self) -> None:
        self.without: list[tuple[bytes, bytes]] | None = None

    def of(self, response: Response) -> tuple[timing.Attempt, ...]:
        """The attempts that the answer tells of, usually none."""
        header = response.header(b"server-timing")
        if header is None or b"attempt" not in header:
            self.without = response.headers
            return _NONE
        trace = timing.parse(header.decode("latin-1"))
        return trace.attempts if trace is not None else _NONE


class Shown:
    """A fresh good answer and the slowest since somebody looked. Worth a `note` are those slower than `above_ns`."""

    __slots__ = ("_fresh", "_slowest", "above_ns")

    def __init__(self) -> None:
        self.above_ns = -1
        self._fresh: tuple[Prepared, Response, bytes, int, int] | None = None
        self._slowest: tuple[Prepared, Response, bytes, int, int] | None = None

    def note(self, prepared: Prepared, response: Response, trace: bytes, response_ns: int, service_ns: int) -> None:
        """A good answer came, slower than any before."""
        self._slowest = (prepared, response, trace, response_ns, service_ns)
        self.above_ns = response_ns
        if self._fresh is None:
            self._fresh = self._slowest

    def take(self) -> tuple[TracedRequest | None, TracedRequest | None]:
        """The first and the slowest since this was called before."""
        fresh, slowest = self._fresh, self._slowest
        self._fresh = self._slowest = None
        self.above_ns = -1
        return _traced(fresh), _traced(slowest)


def _traced(kept: tuple[Prepared, Response, bytes, int, int] | None) -> TracedRequest | None:
    if kept is None:
        return None
    prepared, response, trace, response_ns, service_ns = kept
    return TracedRequest(
        label=prepared.label,
        response_ms=response_ns / 1e6,
        service_ms=service_ns / 1e6,
        status=response.status,
        trace_id=trace[:32].decode(),
        server_timing=(response.header(b"server-timing") or b"").decode("latin-1"),
    )
