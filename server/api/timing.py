"""The trace of a request in its response: the `Server-Timing` header, written by the front end and read by clients.

    total;dur=3.42, fe;dur=0.51, attempt;dur=2.10;desc="instance=i-0… type=t3.nano host=host-a shard=0 start=0.21
    search=1.05 role=first outcome=won", attempt;…

All times are milliseconds. Sources: W3C Server Timing (the header; browsers draw it), W3C Trace Context (traceparent).
"""

from __future__ import annotations

import re

from msgspec import Struct

ATTEMPTS_MAX = 48
"""The most attempts in one header, so that it stays below the 8 KiB that clients accept."""


class Attempt(Struct, frozen=True, kw_only=True, gc=False):
    """One request to one replica of one shard."""

    instance_id: str
    type: str
    host: str
    shard: int
    start_ms: float
    """From the request's arrival at the front end to the sending of this attempt."""
    dur_ms: float
    """From sending to the response, or until the front end stopped waiting."""
    search_ms: float | None = None
    """The leaf's own time; None if it did not answer."""
    hedge: bool = False
    """Sent because another attempt was slow."""
    retry: bool = False
    """Sent because another attempt had failed."""
    outcome: str = "won"
    """won: its response was used. lost: another attempt was faster. error: it failed. timeout: no response within the
    deadline. late: the leaf itself gave up because the deadline had passed."""


class RequestTrace(Struct, frozen=True, kw_only=True, gc=False):
    """One request's way through the service."""

    trace_id: str
    """32 hexadecimal digits; empty if unknown."""
    total_ms: float
    """From the request's arrival at the front end to its response."""
    frontend_ms: float
    """The part of `total_ms` in which the front end did not wait for a leaf."""
    attempts: tuple[Attempt, ...]


def render(trace: RequestTrace) -> str:
    """The header's value; instance, type and host must not contain spaces, quotes or control characters."""
    parts = [f"total;dur={trace.total_ms:.2f}, fe;dur={trace.frontend_ms:.2f}"]
    for attempt in trace.attempts[:ATTEMPTS_MAX]:
        search = "-" if attempt.search_ms is None else f"{attempt.search_ms:.2f}"
        role = "hedge" if attempt.hedge else "retry" if attempt.retry else "first"
        parts.append(
            f'attempt;dur={attempt.dur_ms:.2f};desc="instance={attempt.instance_id} type={attempt.type}'
            f" host={attempt.host} shard={attempt.shard} start={attempt.start_ms:.2f} search={search}"
            f' role={role} outcome={attempt.outcome}"'
        )
    return ", ".join(parts)


_NUMBER = r"(\d{1,12}(?:\.\d{1,9})?)"
_TOTALS = re.compile(rf"total;dur={_NUMBER}, fe;dur={_NUMBER}", re.ASCII)
_ATTEMPT = re.compile(
    rf', attempt;dur={_NUMBER};desc="instance=([^\s"]+) type=([^\s"]+) host=([^\s"]+) shard=(\d{{1,6}})'
    rf' start={_NUMBER} search=(?:{_NUMBER}|-) role=(\w+) outcome=(\w+)"',
    re.ASCII,
)


def parse(header: str, traceparent: str = "") -> RequestTrace | None:
    """The trace that `render` wrote, with the id of the response's traceparent; None for any other header."""
    totals = _TOTALS.match(header)
    if totals is None:
        return None
    attempts = tuple(
        Attempt(
            instance_id=instance,
            type=kind,
            host=host,
            shard=int(shard),
            start_ms=float(start),
            dur_ms=float(dur),
            search_ms=float(search) if search else None,
            hedge=role == "hedge",
            retry=role == "retry",
            outcome=outcome,
        )
        for dur, instance, kind, host, shard, start, search, role, outcome in _ATTEMPT.findall(header)
    )
    total, frontend = totals.groups()
    return RequestTrace(
        trace_id=parse_traceparent(traceparent) or "",
        total_ms=float(total),
        frontend_ms=float(frontend),
        attempts=attempts,
    )


_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")


def parse_traceparent(text: str) -> str | None:
    """The trace id of a W3C traceparent of any version, or None if it is invalid."""
    match = _TRACEPARENT.fullmatch(text)
    if match is None or (match[1] == "00" and match[3] is not None):
        return None
    return match[2]


def make_traceparent(trace_id: str, span_id: str, *, sampled: bool = False) -> str:
    """A traceparent (version 00) from ids of 32 and 16 hexadecimal digits."""
    return f"00-{trace_id}-{span_id}-{'01' if sampled else '00'}"
