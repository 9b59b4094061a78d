"""Exact counts of the front end's requests, the most recent of them, and a stream of samples.

A request costs an append and a few additions. Only the text of its headers is kept, which holds its whole trace;
records are made from it for samples and for readers only. (Keeping the trace's objects instead costs a quarter of the
speed, because their memory is reused too late to be still in the processor's cache.)
"""

from __future__ import annotations

from collections import deque

import msgspec

from server.api.flow import Counters, FlowRecord
from server.api.timing import parse
from server.frontend.replicas import LatencyWindow
from server.frontend.shard_map import ShardMap
from vmhost.base.clock import Clock, SuspendDetector
from vmhost.base.sse import Hub

SAMPLES_PER_S = 50.0
RECENT_MAX = 500
_SNAPSHOT_MAX = 100
_RESERVE = 10.0
_SETTLE_S = 3.0
"""For this long after a sleep, requests may still end that were in flight before it."""
_QUERY_CHARS_MAX = 200
_AGENT_CHARS_MAX = 60


class Sampler:
    """Lets at most `per_s` requests through. The last few are kept for people's requests, not for programs'."""

    __slots__ = ("_at", "_per_s", "_tokens")

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._tokens = per_s
        self._at = float("-inf")

    def take(self, now: float, *, person: bool) -> bool:
        """Whether this request becomes a sample; `now` is monotonic seconds."""
        if now > self._at:
            self._tokens = min(self._per_s, self._tokens + (now - self._at) * self._per_s)
            self._at = now
        if self._tokens < (1.0 if person else 1.0 + _RESERVE):
            return False
        self._tokens -= 1
        return True


class RecentRequest(msgspec.Struct, frozen=True, gc=False):
    """One request as it is kept."""

    at: float
    query: str
    status: int
    partial: bool
    agent: str
    server_timing: str
    traceparent: str

    def flow_record(self) -> FlowRecord:
        """The request as readers of the stream see it."""
        trace = parse(self.server_timing, self.traceparent)
        assert trace is not None
        return FlowRecord(
            at=self.at,
            query=self.query[:_QUERY_CHARS_MAX],
            status=self.status,
            partial=self.partial,
            # A header may hold bytes that are not UTF-8, which JSON cannot.
            agent=self.agent[:_AGENT_CHARS_MAX].encode(errors="replace").decode(),
            trace=trace,
        )


class Observer:
    """Counts requests, keeps the most recent and streams samples; `hub` carries what `server.api.flow` describes."""

    def __init__(self, clock: Clock, shard_map: ShardMap) -> None:
        self._clock = clock
        self._shard_map = shard_map
        self._monotonic = shard_map.timers.now
        self._since = self._monotonic()
        self._recent: deque[RecentRequest] = deque(maxlen=RECENT_MAX)
        self._sampler = Sampler(SAMPLES_PER_S)
        self._window = LatencyWindow()
        self.now = clock.now
        self.hub = Hub()
        self.in_flight = 0
        self.answered = 0
        self.partial = 0
        self.failed = 0
        self.rejected = 0
        self.shed = 0
        self.interrupted = 0
        self._suspend_detector = SuspendDetector(clock.now())
        self._awake_since = float("-inf")

    def record(self, request: RecentRequest, total_ms: float, *, person: bool) -> None:
        """Record a request that was sent to leaves and has its answer."""
        now = self._monotonic()
        self._detect_sleep(request.at)
        if request.status < 400:
            self.answered += 1
            self.partial += request.partial
            self._window.record(total_ms, now)
        elif request.status < 500:
            self.rejected += 1
        elif request.at - total_ms / 1000 < self._awake_since:
            self.interrupted += 1
        else:
            self.failed += 1
        self._recent.append(request)
        if self.hub.readers and self._sampler.take(now, person=person):
            self.hub.publish("request", request.flow_record().to_json())

    def counters(self) -> Counters:
        """The exact counts now."""
        now = self._monotonic()
        p50_ms, p99_ms = self._window.quantiles((0.5, 0.99), now)
        shards = self._shard_map.shards
        return Counters(
            at=self._clock.now(),
            uptime_s=now - self._since,
            in_flight=self.in_flight,
            requests=self.answered + self.failed + self.rejected + self.shed + self.interrupted,
            answered=self.answered,
            partial=self.partial,
            failed=self.failed,
            rejected=self.rejected,
            shed=self.shed,
            interrupted=self.interrupted,
            hedges=sum(shard.hedging.sent for shard in shards),
            hedges_won=sum(shard.hedges_won for shard in shards),
            retries=sum(shard.retries for shard in shards),
            p50_ms=p50_ms,
            p99_ms=p99_ms,
            instances=self._shard_map.counters(now),
        )

    def snapshot(self) -> dict[str, object]:
        """The first event for a new reader of the stream; the newest request stands last."""
        recent = [each.flow_record().to_json() for each in list(self._recent)[-_SNAPSHOT_MAX:]]
        return {"counters": msgspec.to_builtins(self.counters()), "recent": recent}

    def _detect_sleep(self, at: float) -> None:
        """Leaves requests that were in flight while this computer slept out of all percentiles."""
        if self._suspend_detector.check(at):
            self._awake_since = at
        if at - self._awake_since < _SETTLE_S:
            self._window = LatencyWindow()
            self._shard_map.forget_latencies()

    async def publish_each_second(self) -> None:
        """Publishes the counters until it is cancelled."""
        while True:
            await self._clock.sleep(1.0)
            self._detect_sleep(self._clock.now())
            if self.hub.readers:
                self.hub.publish("counters", msgspec.to_builtins(self.counters()))
