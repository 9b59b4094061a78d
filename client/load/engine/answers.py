"""What an answer tells beside its body: which fault a failure is, which instances answered, which one to show."""

from __future__ import annotations

from client.load.requests import Prepared
from client.load.summary import Fault, TracedRequest
from server.api import timing
from vmhost.base.http1 import Failure, Response

FAULTS = {
    Failure.CONNECT: Fault.CONNECT,
    Failure.TIMEOUT: Fault.TIMEOUT,
    Failure.RESET: Fault.RESET,
    Failure.CLOSED_EARLY: Fault.SHORT,
    Failure.GARBAGE: Fault.GARBAGE,
    Failure.TOO_LARGE: Fault.GARBAGE,
}

_NONE: tuple[timing.Attempt, ...] = ()


class Attempts:
    """Reads the attempts out of `Server-Timing`; answers that share a remembered head are looked at once."""

    __slots__ = ("_without",)

    def __init__(self) -> None:
        self._without: list[tuple[bytes, bytes]] | None = None

    def of(self, response: Response) -> tuple[timing.Attempt, ...]:
        """The attempts that the answer tells of, usually none."""
        headers = response.headers
        if headers is self._without:
            return _NONE
        header = response.header(b"server-timing")
        if header is None or b"attempt" not in header:
            self._without = headers
            return _NONE
        trace = timing.parse(header.decode("latin-1"))
        return trace.attempts if trace is not None else _NONE


class Shown:
    """The last and the slowest good answer since somebody looked."""

    __slots__ = ("_last", "_slowest", "_slowest_ns")

    def __init__(self) -> None:
        self._last: tuple[Prepared, Response, bytes, int, int] | None = None
        self._slowest: tuple[Prepared, Response, bytes, int, int] | None = None
        self._slowest_ns = -1

    def note(self, prepared: Prepared, response: Response, trace: bytes, response_ns: int, service_ns: int) -> None:
        """A good answer came."""
        self._last = (prepared, response, trace, response_ns, service_ns)
        if response_ns > self._slowest_ns:
            self._slowest, self._slowest_ns = self._last, response_ns

    def take(self) -> tuple[TracedRequest | None, TracedRequest | None]:
        """The last and the slowest; from now on only later ones."""
        last, slowest = self._last, self._slowest
        self._last = self._slowest = None
        self._slowest_ns = -1
        return _traced(last), _traced(slowest)


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
