"""Counting the steps of flows: by name, with their service time, the instances behind them, and those to show."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import aiohttp

from client.load.requests import class_of
from client.load.script.faults import fault_of
from client.load.script.flow import Flow
from client.load.summary import Fault, TracedRequest
from client.load.tally import GOOD
from server.api import timing

NAMES_MAX = 100
OTHERS = "(other steps)"
"""What steps are called after the hundredth name: a script that names a step after an id has no end of them."""
_NS_PER_US = 1000
_NS_PER_MS = 1_000_000

Good = tuple[str, int, int, str, str]


class Steps:
    """The steps of one process."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._last: Good | None = None
        self._slowest: Good | None = None

    def answered(
        self, flow: Flow, name: str, answer: aiohttp.ClientResponse, body: bytes, trace_id: str, took_ns: int,
        expect: Collection[int],
    ) -> None:  # fmt: skip
        """An answer came, with all of its body."""
        status = answer.status
        fault = class_of(status)
        if expect:
            fault = GOOD if status in expect else fault or Fault.WRONG
        flow.status = status
        flow.fault = flow.fault or fault
        self._count(flow, name, status, fault, took_ns)
        if flow.over:
            return
        flow.tally.received_bytes += len(body)
        told = answer.headers.get("Server-Timing", "")
        if "attempt" in told and (trace := timing.parse(told)) is not None:
            flow.tally.attempted(trace.attempts)
        if fault == GOOD:
            self._last = (name, status, took_ns, trace_id, told)
            if self._slowest is None or took_ns > self._slowest[2]:
                self._slowest = self._last

    def failed(self, flow: Flow, name: str, error: BaseException, took_ns: int) -> None:
        """No answer came, or only a part; a step that was cancelled has run out of somebody's time."""
        flow.status = 0
        if isinstance(error, asyncio.CancelledError):
            fault = Fault.UNFINISHED if flow.given_up else Fault.TIMEOUT
        else:
            fault = fault_of(error)
        self._count(flow, name, 0, fault, took_ns)

    def take_shown(self) -> tuple[TracedRequest | None, TracedRequest | None]:
        """The last and the slowest good step since this was asked before."""
        last, slowest = self._last, self._slowest
        self._last = self._slowest = None
        return _traced(last), _traced(slowest)

    def _count(self, flow: Flow, name: str, status: int, fault: str, took_ns: int) -> None:
        if flow.over:
            # Left running by a script whose flow has ended: its stretch may have been told already.
            return
        if name not in self._names:
            if len(self._names) >= NAMES_MAX:
                name = OTHERS
            self._names.add(name)
        flow.tally.stepped((name, status, fault), took_ns // _NS_PER_US)


def _traced(good: Good | None) -> TracedRequest | None:
    if good is None:
        return None
    name, status, took_ns, trace_id, told = good
    took_ms = took_ns / _NS_PER_MS
    return TracedRequest(
        label=name, response_ms=took_ms, service_ms=took_ms, status=status, trace_id=trace_id, server_timing=told
    )
