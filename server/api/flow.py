"""The records that the front end streams at /flow: samples of requests, and exact counters.

Events: `snapshot` ({"counters", "recent": [records]}), `request` (one sampled record), `counters` (each second).
Counters only grow, so a reader that missed some loses nothing: a rate is the difference of two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from server.api.timing import Attempt, RequestTrace

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRecord:
    """One request that the front end answered."""

    at: float
    """When it was answered, in seconds since the epoch."""
    query: str
    status: int
    partial: bool
    """Whether a shard is missing from the answer."""
    agent: str
    """The client's User-Agent, shortened."""
    trace: RequestTrace

    def to_json(self) -> dict[str, Any]:
        """The record as JSON data, with the trace's fields beside the others."""
        data = asdict(self)
        return {**data.pop("trace"), **data}

    @classmethod
    def from_json(cls, data: Any) -> FlowRecord:
        """The record that `to_json` made. Raises ValueError for anything else."""
        return _read(data, _flow_record)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceCounters:
    """Counts of one replica since the front end discovered it."""

    instance_id: str
    type: str
    host: str
    shard: int
    in_flight: int
    attempts: int
    won: int
    lost: int
    errors: int
    timeouts: int
    p50_ms: float | None
    """Of the last seconds; None if there were too few responses."""
    p95_ms: float | None
    p99_ms: float | None
    aside: bool
    """Whether it is set aside because it failed; it is tried again automatically."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """The front end's exact counts since its start."""

    at: float
    uptime_s: float
    in_flight: int
    requests: int
    """Requests for searches and documents: answered + failed + rejected + shed + interrupted."""
    answered: int
    partial: int
    """Answered requests from which a shard is missing."""
    failed: int
    """Answered with 5xx, not counting those shed."""
    rejected: int
    """Answered with 4xx."""
    shed: int
    """Answered with 503 because too many were in flight."""
    interrupted: int = 0
    """Failed because this computer slept in the meantime; not counted as failed."""
    hedges: int
    hedges_won: int
    retries: int
    p50_ms: float | None
    p99_ms: float | None
    instances: tuple[InstanceCounters, ...]

    def to_json(self) -> dict[str, Any]:
        """The counters as JSON data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> Counters:
        """The counters that `to_json` made. Raises ValueError for anything else."""
        return _read(data, _counters)


def _flow_record(data: Mapping[str, Any]) -> FlowRecord:
    trace = RequestTrace(
        trace_id=data["trace_id"],
        total_ms=data["total_ms"],
        frontend_ms=data["frontend_ms"],
        attempts=tuple(Attempt(**attempt) for attempt in data["attempts"]),
    )
    plain = {name: data[name] for name in ("at", "query", "status", "partial", "agent")}
    return FlowRecord(trace=trace, **plain)


def _counters(data: Mapping[str, Any]) -> Counters:
    return Counters(**{**data, "instances": tuple(InstanceCounters(**each) for each in data["instances"])})


def _read(data: Any, reader: Callable[[Mapping[str, Any]], _T]) -> _T:
    try:
        return reader(data)
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"invalid data in the flow stream: {str(data)[:80]!r}; is the front end of another version?"
        ) from error
