"""What engines of prepared requests share: what they read from responses beside the body, examples, samples."""

from __future__ import annotations

import time
from collections.abc import Callable

from client.load.engine.load_engine import LoadEngine
from client.load.engine.transport import Channel
from client.load.examples import FailureExample, FailureExamples, Kind
from client.load.generator_limits import GeneratorLimits, ShortageCounter, file_limit
from client.load.http_text import raw_request_text, response_text
from client.load.interval_stats import Recorder
from client.load.plan.model import Plan
from client.load.requests import PreparedRequest
from client.load.run_result import TracedRequest
from client.load.schedule import NS_PER_S
from client.load.summary import Fault
from server.api import timing
from vmhost.base.http1 import Failure
from vmhost.base.http_response import Response

FAULTS = {
    Failure.CONNECT: Fault.CONNECT,
    Failure.TIMEOUT: Fault.TIMEOUT,
    Failure.RESET: Fault.RESET,
    Failure.CLOSED_EARLY: Fault.SHORT,
    Failure.GARBAGE: Fault.GARBAGE,
    Failure.TOO_LARGE: Fault.GARBAGE,
}

_WORDS = {
    Fault.CONNECT: "no connection could be made",
    Fault.RESET: "the connection was reset before the response came",
    Fault.SHORT: "the server closed the connection before the response was complete",
    Fault.GARBAGE: "the response is not valid HTTP/1.1, or it is too large",
    Fault.UNFINISHED: "no response yet when the run ended",
    Fault.OVERFLOW: "not sent: too many requests already waited for a connection",
}
_CLOSED = frozenset({Failure.RESET, Failure.CLOSED_EARLY})


def may_resend(prepared: PreparedRequest, connection: Channel | None, failure: Failure) -> bool:
    """Whether a failed request may be sent again: the server closed a kept connection before any byte of the response,
    and the method is idempotent."""
    return prepared.idempotent and connection is not None and failure in _CLOSED and connection.went_stale


_NONE: tuple[timing.Attempt, ...] = ()


class AttemptReader:
    """Reads a search's attempts from `Server-Timing`. `without` are the last headers that had none: responses with a
    known head share them, so that most need not be searched."""

    __slots__ = ("without",)

    def __init__(self) -> None:
        self.without: list[tuple[bytes, bytes]] | None = None

    def of(self, response: Response) -> tuple[timing.Attempt, ...]:
        """The attempts in the response's headers, usually none."""
        header = response.header(b"server-timing")
        if header is None or b"attempt" not in header:
            self.without = response.headers
            return _NONE
        trace = timing.parse(header.decode("latin-1"))
        return trace.attempts if trace is not None else _NONE


class FailureRecorder:
    """Keeps examples of one process's failures, in the form in which reports show them."""

    def __init__(self, plan: Plan, since_ns: int) -> None:
        self.book = FailureExamples(since_ns)
        self._names = plan.target_names
        self._timeout_s = plan.timeout_s

    def answered(
        self, prepared: PreparedRequest, response: Response, fault: str, *, due_ns: int, took_ns: int, trace: bytes
    ) -> None:
        """Note a response that is not a good one."""
        kind = (prepared.target, response.status, fault)
        if self.book.wants(kind, due_ns):
            headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers]
            self._add(
                kind, prepared.why(response, fault), prepared, trace, took_ns,
                response=response_text(response.status, headers, response.body),
            )  # fmt: skip

    def failed(
        self,
        prepared: PreparedRequest,
        fault: Fault,
        *,
        due_ns: int,
        took_ns: int,
        trace: bytes,
        sent: bool,
        cause: str = "",
    ) -> None:
        """Note a request without a response."""
        kind = (prepared.target, 0, fault)
        if self.book.wants(kind, due_ns):
            self._add(kind, self._why(fault, sent, cause), prepared, trace, took_ns)

    def _why(self, fault: Fault, sent: bool, cause: str) -> str:
        if fault is Fault.TIMEOUT:
            waited = "" if sent else "; it was still waiting for a connection"
            return f"no response within the timeout of {self._timeout_s:g} s{waited}"
        words = _WORDS.get(fault, str(fault))
        return f"{words}: {cause}" if cause else words

    def _add(
        self, kind: Kind, error: str, prepared: PreparedRequest, trace: bytes, took_ns: int, *, response: str = ""
    ) -> None:
        target, status, fault = kind
        assert isinstance(target, int)
        raw = prepared.with_trace(trace) if trace else prepared.raw
        example = FailureExample(
            target=self._names[target], status=status, fault=fault, error=error, request=raw_request_text(raw),
            response=response, took_ms=took_ns / 1e6,
        )  # fmt: skip
        self.book.add(kind, example)


class RequestSamples:
    """A recent good request and the slowest since the last `take`. Only those slower than `above_ns` need a `note`."""

    __slots__ = ("_first", "_slowest", "above_ns")

    def __init__(self) -> None:
        self.above_ns = -1
        self._first: tuple[PreparedRequest, Response, bytes, int, int] | None = None
        self._slowest: tuple[PreparedRequest, Response, bytes, int, int] | None = None

    def note(
        self, prepared: PreparedRequest, response: Response, trace: bytes, response_ns: int, service_ns: int
    ) -> None:
        """Note a good request that was slower than all before."""
        self._slowest = (prepared, response, trace, response_ns, service_ns)
        self.above_ns = response_ns
        if self._first is None:
            self._first = self._slowest

    def take(self) -> tuple[TracedRequest | None, TracedRequest | None]:
        """The first and the slowest since the last call."""
        first, slowest = self._first, self._slowest
        self._first = self._slowest = None
        self.above_ns = -1
        return _traced(first), _traced(slowest)


def _traced(kept: tuple[PreparedRequest, Response, bytes, int, int] | None) -> TracedRequest | None:
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


class RequestEngine(LoadEngine):
    """An engine that sends prepared requests: what it reads from their responses, and keeps to show."""

    def __init__(
        self, plan: Plan, *, recorder: Recorder, start_ns: int, clock_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        super().__init__(plan, recorder=recorder, start_ns=start_ns, clock_ns=clock_ns)
        self.attempts = AttemptReader()
        self.samples = RequestSamples()
        self.failures = FailureRecorder(plan, start_ns + round(plan.warm_up_s * NS_PER_S))
        self._shortages = ShortageCounter()

    def take_samples(self) -> tuple[TracedRequest | None, TracedRequest | None]:
        return self.samples.take()

    def take_examples(self) -> list[FailureExample]:
        return self.failures.book.take()

    def _limits(self) -> GeneratorLimits:
        shortages = self._shortages
        return GeneratorLimits(short_of=shortages.kind, short_times=shortages.times, files_max=file_limit())
