"""Counts the steps of flows by name, with their service times and the instances behind them, and keeps some to show.

Also says which fault an exception is that ended a step or a flow."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

import aiohttp
from aiohttp.http import HttpProcessingError

from client.load.engine.tls_settings import certificate_error_text
from client.load.examples import FailureExample, FailureExamples
from client.load.generator_limits import shortage_of
from client.load.http_text import status_phrase
from client.load.interval_stats import GOOD
from client.load.requests import fault_of_status
from client.load.run_result import TracedRequest
from client.load.script.flow import Flow, StepExchange
from client.load.standstill import StandstillDetector
from client.load.summary import Fault
from server.api import timing

NAMES_MAX = 100
OTHERS = "(other steps)"
"""The name of further steps after the hundredth name: a script that puts an id into names would make one for each."""
_NS_PER_US = 1000
_NS_PER_MS = 1_000_000
_CAUSE_MAX = 200

Good = tuple[str, int, int, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """A step that has ended, to show one flow. `error` is empty for a good step; `exchange` is None for a step whose
    requests the script sends with a client of its own."""

    name: str
    error: str
    took_ms: float
    exchange: StepExchange | None


class StepRecorder:
    """Records the steps of one process. `examples` are steps that failed; `on_step` is called with each that ends."""

    def __init__(
        self, *, timeout_s: float = 0.0, since_ns: int = 0, clock_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self.detector = StandstillDetector(lambda _: None)
        """The engine's; until it is set, none."""
        self.examples = FailureExamples(since_ns)
        self._now_ns = clock_ns
        self.on_step: Callable[[StepResult], None] | None = None
        self._timeout_s = timeout_s
        self._names: set[str] = set()
        self._last: Good | None = None
        self._slowest: Good | None = None

    def check_standstill(self) -> int:
        """Leave out the flows under way if the computer has just stood still; called before anything is counted.

        Returns the time of the check: what is counted ended then. A later time could lie behind another standstill."""
        if (now_ns := self._now_ns()) >= self.detector.check_at_ns:
            self.detector.check(now_ns)
        return now_ns

    def answered(
        self, flow: Flow, name: str, exchange: StepExchange, trace_id: str, took_ns: int, expect: Collection[int]
    ) -> None:
        """Count a step with a complete response."""
        answer = exchange.answer
        assert answer is not None
        status = answer.status
        fault = fault_of_status(status)
        if expect:
            fault = GOOD if status in expect else fault or Fault.WRONG
        flow.status = status
        flow.fault = flow.fault or fault
        flow.last = exchange
        self._count(flow, name, status, fault, took_ns)
        self._show(flow, name, fault, _wrong_status(exchange, expect) if fault else "", took_ns, exchange)
        if flow.over:
            return
        flow.stats.received_bytes += len(exchange.body)
        told = answer.headers.get("Server-Timing", "")
        if "attempt" in told and (trace := timing.parse(told)) is not None:
            flow.stats.record_attempts(trace.attempts)
        if fault == GOOD:
            self._last = (name, status, took_ns, trace_id, told)
            if self._slowest is None or took_ns > self._slowest[2]:
                self._slowest = self._last

    def failed(
        self, flow: Flow, name: str, exchange: StepExchange | None, error: BaseException, took_ns: int
    ) -> None:  # fmt: skip
        """Count a step without a complete response, or one of the script's own, that has ended with an error.

        A step that was cancelled ran into its flow's timeout or the run's end."""
        if exchange is not None:
            flow.status = 0
            flow.last = exchange
        fault = _fault_in(flow, error)
        self._count(flow, name, 0, fault, took_ns)
        self._show(flow, name, fault, self._why(error, fault), took_ns, exchange)

    def passed(self, flow: Flow, name: str, took_ns: int) -> None:
        """Count a step of the script's own that has ended well."""
        self._count(flow, name, 0, GOOD, took_ns)
        self._show(flow, name, GOOD, "", took_ns, None)

    def take_samples(self) -> tuple[TracedRequest | None, TracedRequest | None]:
        """The last and the slowest good step since the last call."""
        last, slowest = self._last, self._slowest
        self._last = self._slowest = None
        return _traced(last), _traced(slowest)

    def _count(self, flow: Flow, name: str, status: int, fault: str, took_ns: int) -> None:
        self.check_standstill()
        if flow.over:
            # A task that a script left running after its flow: the flow's interval may have been sent already.
            return
        if name not in self._names:
            if len(self._names) >= NAMES_MAX:
                name = OTHERS
            self._names.add(name)
        flow.stats.record_step((name, status, fault), took_ns // _NS_PER_US)

    def _show(self, flow: Flow, name: str, fault: str, error: str, took_ns: int, exchange: StepExchange | None) -> None:
        if self.on_step is not None:
            self.on_step(StepResult(name=name, error=error, took_ms=took_ns / _NS_PER_MS, exchange=exchange))
        if fault == GOOD or exchange is None or flow.over:
            return
        status = 0 if exchange.answer is None else exchange.answer.status
        if self.examples.wants((name, status, fault), flow.due_ns):
            example = FailureExample(
                target=name, status=status, fault=fault, error=error, request=exchange.request,
                response=exchange.response, took_ms=took_ns / _NS_PER_MS,
            )  # fmt: skip
            self.examples.add(example.kind, example)

    def _why(self, error: BaseException, fault: Fault) -> str:
        if isinstance(error, asyncio.CancelledError):
            if fault is Fault.UNFINISHED:
                return "no response yet when the run ended"
            return f"no response when the flow's timeout of {self._timeout_s:g} s was over"
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            cause = error.certificate_error
            why = certificate_error_text(cause) if isinstance(cause, ssl.SSLCertVerificationError) else str(cause)
            return f"no connection could be made: {why}"
        if isinstance(error, aiohttp.ClientConnectorError):
            return f"no connection could be made: {error.strerror or error}"[:_CAUSE_MAX]
        text = str(error).partition("\n")[0]
        return (f"{type(error).__name__}: {text}" if text else type(error).__name__)[:_CAUSE_MAX]


def _fault_in(flow: Flow, error: BaseException) -> Fault:
    if isinstance(error, asyncio.CancelledError):
        return Fault.UNFINISHED if flow.given_up else Fault.TIMEOUT
    return fault_of(error)


def _wrong_status(exchange: StepExchange, expect: Collection[int]) -> str:
    assert exchange.answer is not None
    status = exchange.answer.status
    text = f"status {status} {status_phrase(status)}".rstrip()
    if exchange.redirects:
        text += f" after {exchange.redirects} redirect{'' if exchange.redirects == 1 else 's'}"
    return f"{text}; the script expects {' or '.join(map(str, sorted(expect)))}" if expect else text


def _traced(good: Good | None) -> TracedRequest | None:
    if good is None:
        return None
    name, status, took_ns, trace_id, told = good
    took_ms = took_ns / _NS_PER_MS
    return TracedRequest(
        label=name, response_ms=took_ms, service_ms=took_ms, status=status, trace_id=trace_id, server_timing=told
    )


def fault_of(error: BaseException) -> Fault:
    """The class of an error of the server, the network, a check, or else of the script itself."""
    match error:
        case AssertionError() | json.JSONDecodeError():
            return Fault.WRONG
        case TimeoutError():
            return Fault.TIMEOUT
        case aiohttp.InvalidURL():
            return Fault.SCRIPT
        case aiohttp.ClientConnectorError():
            return Fault.GENERATOR if shortage_of(error) else Fault.CONNECT
        case aiohttp.ClientPayloadError():
            return Fault.SHORT
        case aiohttp.ClientConnectionError():
            return Fault.RESET
        case aiohttp.ClientResponseError():
            # Also raised for an answer that was understood: too many redirects, no JSON, raise_for_status().
            return Fault.GARBAGE if isinstance(error.__cause__, HttpProcessingError) else Fault.WRONG
        case ConnectionRefusedError():
            return Fault.CONNECT
        case ConnectionError():
            return Fault.RESET
        case _:
            return Fault.SCRIPT
