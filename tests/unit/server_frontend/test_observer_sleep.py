"""The front end's counts when its computer sleeps, and the records that it streams."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from typing import Any

import msgspec

from server.api.timing import RequestTrace, make_traceparent, render
from server.frontend.observer import Observer, RecentRequest
from server.frontend.shard_map import ShardMap
from tests.fakes import ManualClock

TRACE = RequestTrace(trace_id="", total_ms=1.0, frontend_ms=0.1, attempts=())


def request(at: float, status: int = 200) -> RecentRequest:
    return RecentRequest(
        at=at, query="kvm", status=status, partial=False, agent="curl", server_timing=render(TRACE),
        traceparent=make_traceparent("1" * 32, "2" * 16),
    )  # fmt: skip


def test_agent_that_is_not_utf8_becomes_json() -> None:
    record = msgspec.structs.replace(request(0.0), agent="curl \udcff").flow_record()
    assert b'"agent":"curl ?"' in msgspec.json.encode(record.to_json())


def spawn(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    return asyncio.get_running_loop().create_task(work)


async def test_requests_across_a_sleep_are_not_counted() -> None:
    clock = ManualClock()
    started = clock.now()
    monotonic = started
    observer = Observer(clock, ShardMap(1, rng=random.Random(1), spawn=spawn, monotonic=lambda: monotonic))
    observer.record(request(started + 0.5), 3.0, person=True)
    assert observer.counters().p99_ms is not None
    woke = started + 61.0
    monotonic = woke
    observer.record(request(woke), 60_000.0, person=True)
    observer.record(request(woke + 0.1, status=503), 60_050.0, person=True)
    observer.record(request(woke + 0.2, status=503), 20.0, person=True)
    counters = observer.counters()
    assert (counters.p99_ms, counters.interrupted, counters.failed) == (None, 1, 1)
    assert counters.requests == 4
    monotonic = woke + 4.0
    observer.record(request(woke + 3.5), 4.0, person=True)
    assert (observer.counters().p99_ms or 0) < 10
