"""The records that the front end streams at /flow: samples of requests, and exact counters.

Events: `snapshot` ({"counters", "recent": [records]}), `request` (one sampled record), `counters` (each second).
Counters only grow, so a reader that missed some loses nothing: a rate is the difference of two.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from server.api.timing import RequestTrace


class FlowRecord(Struct, frozen=True, kw_only=True):
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
        data = msgspec.to_builtins(self)
        return {**data.pop("trace"), **data}

    @classmethod
    def from_json(cls, data: Any) -> FlowRecord:
        """The record that `to_json` made. Raises ValueError for anything else."""
        fields = msgspec.convert(data, dict[str, Any])
        return msgspec.convert({**fields, "trace": fields}, cls)


class InstanceCounters(Struct, frozen=True, kw_only=True):
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


class Counters(Struct, frozen=True, kw_only=True):
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


class FrontEndStatus(Struct, frozen=True):
    """The part of /status that clients read."""

    counters: Counters
