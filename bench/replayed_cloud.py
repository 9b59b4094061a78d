"""A synthetic cloud: 60 instances on 2 hosts that serve 3,000 requests per second. Pure.

It produces the platform's events and the front end's flow, second by second. Within a minute some instances fail and
are replaced, and one hogs the CPU. The same seed gives the same stream.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

from msgspec import structs

from server.api import SHARD_TAG
from server.api.flow import Counters, FlowRecord, InstanceCounters
from server.api.timing import Attempt, RequestTrace
from vmhost.api.views import (
    CallView,
    CapabilityView,
    CloudEvent,
    FaultView,
    HostView,
    InstanceView,
    LimitsView,
    ReasonView,
    Snapshot,
    StatsView,
    UseView,
)
from vmhost.faults.registry import FAULTS

INSTANCES = 60
HOSTS = ("host-a", "host-b")
SHARDS = 4
REQUESTS_PER_S = 3000
SAMPLES_PER_S = 50
"""The rate of the front end's sampler."""
KILL_EVERY_S, PENDING_AFTER_S, REPLACED_AFTER_S = 15, 1, 2
HOG_EVERY_S, HOG_S = 45, 10
_QUERIES = ("hypervisor", "memory", "control group", "asyncio", "page table", "disk image", "scheduler", "socket")
_AGENTS = ("glasscloud-load/1.0",) * 18 + ("Mozilla/5.0 (X11; Linux x86_64)", "curl/8.5.0")
_LIMITS = LimitsView(
    cpu_guaranteed_cores=0.1,
    cpu_quota_cores=2.0,
    cpu_weight=10,
    memory_mib=512,
    pids=512,
    disk_gib=1,
    network_mbps=32,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Second:
    """One second of the stream: the platform's events, the samples in order, and the counters at its end."""

    events: tuple[CloudEvent, ...]
    records: tuple[FlowRecord, ...]
    counters: Counters


class ReplayedCloud:
    """The stream from `started` (epoch seconds) on; each `advance` returns the next second."""

    def __init__(self, started: float, *, seed: int = 1) -> None:
        self._rng = random.Random(seed)
        self._started = started
        self._second = 0
        self._launched = 0
        self._requests = self._failed = self._hedges = 0
        self._instances: dict[str, InstanceView] = {}
        self._attempts: dict[str, int] = {}
        self._hogging = ""
        self._to_replace: dict[int, InstanceView] = {}
        for _ in range(INSTANCES):
            self._put(replace(self._new(self._launched % SHARDS, HOSTS[self._launched % len(HOSTS)]), state="running"))

    @property
    def now(self) -> float:
        """The end of the last second, in epoch seconds."""
        return self._started + self._second

    def snapshot(self) -> Snapshot:
        """The complete cloud now."""
        hog = () if not self._hogging else (self._fault("cpu_hog", self._hogging, "started"),)
        return Snapshot(
            cloud="replay",
            region="us-east-1",
            driver="container",
            stands_for="containers: all share one Linux kernel",
            one="container, shared kernel 6.x",
            capabilities=(CapabilityView(name="cpu", enforced=True, why=""),),
            overcommit=1.0,
            hosts=tuple(self._host(host) for host in HOSTS),
            instances=tuple(self._instances.values()),
            faults=hog,
            fault_kinds=tuple(fault.describe() for fault in FAULTS.values()),
        )

    def advance(self) -> Second:
        """Return the next second."""
        self._second += 1
        events = (*self._kill(), *self._replace_killed(), *self._hog())
        records = tuple(self._record(self.now - 1 + (n + 1) / SAMPLES_PER_S) for n in range(SAMPLES_PER_S))
        return Second(events=(*events, self._stats()), records=records, counters=self._count())

    def counters(self) -> Counters:
        """The front end's counters now."""
        return Counters(
            at=self.now,
            uptime_s=float(self._second),
            in_flight=self._rng.randint(4, 24),
            requests=self._requests,
            answered=self._requests - self._failed,
            partial=0,
            failed=self._failed,
            rejected=0,
            shed=0,
            hedges=self._hedges,
            hedges_won=self._hedges // 2,
            retries=0,
            p50_ms=self._ms(2.0),
            p99_ms=self._ms(9.0),
            instances=tuple(self._replica(view) for view in self._serving()),
        )

    # the platform

    def _kill(self) -> tuple[CloudEvent, ...]:
        if self._second % KILL_EVERY_S:
            return ()
        victim = self._rng.choice([view for view in self._serving() if view.id != self._hogging])
        code = "Server.InternalError"
        gone = self._put(replace(victim, state="terminated", reason=ReasonView(code=code, message=f"{code}: killed")))
        self._to_replace[self._second + PENDING_AFTER_S] = victim
        call = CallView(
            id=f"call-{self._second}",
            at=self.now,
            action="Kill",
            by="the console",
            instances=(victim.id,),
            outcome="ok",
            message="",
        )
        return (call, self._fault("kill", victim.id, "started"), gone, self._host(victim.host))

    def _replace_killed(self) -> tuple[CloudEvent, ...]:
        events: list[CloudEvent] = []
        if (killed := self._to_replace.pop(self._second, None)) is not None:
            events.append(self._put(self._new(int(killed.tags[SHARD_TAG]), killed.host)))
        before = self.now - (REPLACED_AFTER_S - PENDING_AFTER_S)
        for view in tuple(self._instances.values()):
            if view.state == "pending" and view.launched_at <= before:
                events += [self._put(replace(view, state="running")), self._host(view.host)]
        return tuple(events)

    def _hog(self) -> tuple[CloudEvent, ...]:
        if self._second % HOG_EVERY_S == 0:
            self._hogging = self._rng.choice(self._serving()).id
            return (self._fault("cpu_hog", self._hogging, "started"),)
        if self._hogging and self._second % HOG_EVERY_S == HOG_S:
            victim, self._hogging = self._hogging, ""
            return (self._fault("cpu_hog", victim, "ended"),)
        return ()

    def _stats(self) -> StatsView:
        return StatsView(at=self.now, instances=tuple(self._use(view) for view in self._serving()))

    def _use(self, view: InstanceView) -> UseView:
        hogs = view.id == self._hogging
        return UseView(
            id=view.id,
            cpu_cores=2.0 if hogs else round(self._rng.uniform(0.05, 0.3), 3),
            memory_mib=round(self._rng.uniform(90, 140), 1),
            pids=self._rng.randint(3, 9),
            throttled_percent=80.0 if hogs else 0.0,
        )

    def _new(self, shard: int, host: str) -> InstanceView:
        self._launched += 1
        return InstanceView(
            id=f"i-{self._rng.getrandbits(68):017x}",
            type="t3.nano",
            state="pending",
            host=host,
            zone=f"us-east-1{host[-1]}",
            image="ami-0123456789abcdef0",
            launched_at=self.now,
            address=f"10.0.{self._launched // 250}.{self._launched % 250}",
            port=8080,
            tags={SHARD_TAG: str(shard), "Name": f"search-{self._launched}"},
            fleet=f"fleet-{shard}",
            generation=0,
            limits=_LIMITS,
        )

    def _put(self, view: InstanceView) -> InstanceView:
        """Publish another state of an instance. Like the platform, keeps only the last terminated instances."""
        published = replace(view, generation=(view.generation or 0) + 1, changed_at=self.now)
        self._instances.pop(view.id, None)
        self._instances[view.id] = published
        ended = [each.id for each in self._instances.values() if each.state == "terminated"]
        for each in ended[:-16]:
            del self._instances[each]
        return published

    def _host(self, host: str) -> HostView:
        count = sum(view.host == host and view.state != "terminated" for view in self._instances.values())
        return HostView(
            id=host,
            zone=f"us-east-1{host[-1]}",
            cpu_cores=4.0,
            memory_mib=20480,
            cpu_used=round(count * _LIMITS.cpu_guaranteed_cores, 2),
            memory_used_mib=count * _LIMITS.memory_mib,
            enforced=True,
            why="",
        )

    def _fault(self, fault: str, instance_id: str, phase: str) -> FaultView:
        return FaultView(
            fault_id=f"fault-{self._second}", fault=fault, instance_id=instance_id, phase=phase, at=self.now
        )

    def _serving(self) -> list[InstanceView]:
        return [view for view in self._instances.values() if view.state == "running"]

    # the front end

    def _count(self) -> Counters:
        shards: Mapping[int, list[str]] = self._by_shard()
        self._requests += REQUESTS_PER_S
        self._failed += self._rng.random() < 0.2
        self._hedges += REQUESTS_PER_S // 50
        for replicas in shards.values():
            for each in replicas:
                self._attempts[each] = self._attempts.get(each, 0) + REQUESTS_PER_S // len(replicas)
        self._attempts = {view.id: self._attempts.get(view.id, 0) for view in self._serving()}
        return self.counters()

    def _replica(self, view: InstanceView) -> InstanceCounters:
        attempts = self._attempts.get(view.id, 0)
        return InstanceCounters(
            instance_id=view.id,
            type=view.type,
            host=view.host,
            shard=int(view.tags[SHARD_TAG]),
            in_flight=self._rng.randint(0, 3),
            attempts=attempts,
            won=attempts * 98 // 100,
            lost=attempts // 50,
            errors=0,
            timeouts=0,
            p50_ms=self._ms(1.2),
            p95_ms=self._ms(4.0),
            p99_ms=self._ms(7.0),
            aside=False,
        )

    def _record(self, at: float) -> FlowRecord:
        attempts = [self._attempt(self._rng.choice(replicas)) for replicas in self._by_shard().values()]
        if self._rng.random() < 0.1:
            first = attempts.pop()
            second = self._attempt(self._rng.choice(self._by_shard()[first.shard]), start_ms=first.dur_ms + 0.5)
            attempts += [structs.replace(first, outcome="lost"), structs.replace(second, hedge=True)]
        failed = self._rng.random() < 0.01
        slowest = max(each.start_ms + each.dur_ms for each in attempts)
        return FlowRecord(
            at=at,
            query=self._rng.choice(_QUERIES),
            status=503 if failed else 200,
            partial=False,
            agent=self._rng.choice(_AGENTS),
            trace=RequestTrace(
                trace_id=f"{self._rng.getrandbits(128):032x}",
                total_ms=round(slowest + 0.6, 2),
                frontend_ms=0.6,
                attempts=tuple(attempts),
            ),
        )

    def _attempt(self, instance_id: str, *, start_ms: float = 0.2) -> Attempt:
        view = self._instances[instance_id]
        search_ms = self._ms(1.0)
        return Attempt(
            instance_id=view.id,
            type=view.type,
            host=view.host,
            shard=int(view.tags[SHARD_TAG]),
            start_ms=round(start_ms, 2),
            dur_ms=round(search_ms + 0.5, 2),
            search_ms=search_ms,
        )

    def _by_shard(self) -> Mapping[int, list[str]]:
        shards: dict[int, list[str]] = {}
        for view in self._serving():
            shards.setdefault(int(view.tags[SHARD_TAG]), []).append(view.id)
        return shards

    def _ms(self, typical: float) -> float:
        return round(typical * self._rng.lognormvariate(0, 0.4), 2)
