"""What the front end remembers of its requests: exact counts, the last of them, and a stream of samples.

Cheap: a request costs an append and a few additions. What is kept of it is the text of its headers, which tells all;
records are made of it only for samples and for readers. (Keeping the objects costs a quarter of the speed: their
memory comes back too late to be still in the processor's cache.)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from server.api.flow import Counters, FlowRecord
from server.api.timing import parse
from server.frontend.fanout import Fanout
from server.frontend.latency import LatencyWindow
from vmhost.base.clock import Clock
from vmhost.base.sse import Hub
from vmhost.base.standstill import Standstill

SAMPLES_PER_S = 50.0
RECENT_MAX = 500
_SNAPSHOT_MAX = 100
_RESERVE = 10.0
_SETTLE_S = 3.0
"""So long after a sleep requests may still end that were under way before it."""
_QUERY_CHARS_MAX = 200
_AGENT_CHARS_MAX = 60


class Sampler:
    """Lets at most `per_s` through; machines' requests never take the last few, which are kept for people's."""

    __slots__ = ("_at", "_per_s", "_tokens")

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._tokens = per_s
        self._at = float("-inf")

    def take(self, now: float, *, person: bool) -> bool:
        """Whether this one is a sample; `now` is monotonic seconds."""
        if now > self._at:
            self._tokens = min(self._per_s, self._tokens + (now - self._at) * self._per_s)
            self._at = now
        if self._tokens < (1.0 if person else 1.0 + _RESERVE):
            return False
        self._tokens -= 1
        return True


@dataclass(slots=True)
class Seen:
    """One request as it is remembered. Nobody changes it."""

    at: float
    query: str
    status: int
    partial: bool
    agent: str
    server_timing: str
    traceparent: str

    def record(self) -> FlowRecord:
        """What is told of it."""
        trace = parse(self.server_timing, self.traceparent)
        assert trace is not None
        return FlowRecord(
            at=self.at,
            query=self.query[:_QUERY_CHARS_MAX],
            status=self.status,
            partial=self.partial,
            agent=self.agent[:_AGENT_CHARS_MAX],
            trace=trace,
        )


class Observer:
    """Counts, remembers and streams; `hub` carries what `server.api.flow` describes."""

    def __init__(self, clock: Clock, fanout: Fanout, monotonic: Callable[[], float]) -> None:
        self._clock = clock
        self._fanout = fanout
        self._monotonic = monotonic
        self._since = monotonic()
        self._recent: deque[Seen] = deque(maxlen=RECENT_MAX)
        self._sampler = Sampler(SAMPLES_PER_S)
        self._window = LatencyWindow()
        self.wall = clock.now
        self.hub = Hub()
        self.in_flight = 0
        self.answered = 0
        self.partial = 0
        self.failed = 0
        self.rejected = 0
        self.shed = 0
        self.interrupted = 0
        self._standstill = Standstill(clock.now())
        self._awake_since = float("-inf")

    def answer(self, seen: Seen, total_ms: float, *, person: bool) -> None:
        """A request that leaves were asked about has its answer."""
        now = self._monotonic()
        self._alive(seen.at)
        if seen.status < 400:
            self.answered += 1
            self.partial += seen.partial
            self._window.record(total_ms, now)
        elif seen.status < 500:
            self.rejected += 1
        elif seen.at - total_ms / 1000 < self._awake_since:
            self.interrupted += 1
        else:
            self.failed += 1
        self._recent.append(seen)
        if self.hub.readers and self._sampler.take(now, person=person):
            self.hub.publish("request", seen.record().to_json())

    def counters(self) -> Counters:
        """The exact counts now."""
        now = self._monotonic()
        p50_ms, p99_ms = self._window.quantiles((0.5, 0.99), now)
        shards = self._fanout.shards
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
            instances=self._fanout.instances(now),
        )

    def snapshot(self) -> dict[str, object]:
        """What a new reader of the stream gets first; the newest record stands last."""
        recent = list(self._recent)[-_SNAPSHOT_MAX:]
        return {"counters": self.counters().to_json(), "recent": [seen.record().to_json() for seen in recent]}

    def _alive(self, at: float) -> None:
        """Leaves out of all percentiles what was under way while this computer slept."""
        if self._standstill.alive(at):
            self._awake_since = at
        if at - self._awake_since < _SETTLE_S:
            self._window = LatencyWindow()
            self._fanout.forget_latencies()

    async def tell_each_second(self) -> None:
        """Publishes the counters until it is cancelled."""
        while True:
            await self._clock.sleep(1.0)
            self._alive(self._clock.now())
            if self.hub.readers:
                self.hub.publish("counters", self.counters().to_json())
