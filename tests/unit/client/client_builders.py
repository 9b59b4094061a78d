"""Builders of instances, clouds and loads for the client's tests."""

from __future__ import annotations

from collections.abc import Mapping

from client.cloud_state import CloudState, fold
from client.load.interval_stats import GOOD, IntervalStats
from client.load.run_result import Snapshot, TracedRequest
from client.load.schedule import NS_PER_S
from client.load.summary import Fault, Summary, summarise
from server.api.timing import Attempt, RequestTrace, render
from vmhost.api import views
from vmhost.faults.registry import FAULTS

IDS = ("i-00a12000000000001", "i-00b34000000000002", "i-00c77000000000003", "i-00d90000000000004")
HOSTS = ("host-a", "host-a", "host-b", "host-b")


def instance(
    number: int, *, state: str = "running", generation: int = 1, own_id: str | None = None, fleet: str | None = None
) -> views.InstanceView:
    shard = number % 2
    return views.InstanceView(
        id=own_id or IDS[number],
        type="t3.nano",
        state=state,
        host=HOSTS[number],
        zone="us-east-1a",
        image="ami-1",
        launched_at=100.0 + number,
        address="127.0.0.1",
        port=8080,
        tags={"search:shard": str(shard), "Name": f"search shard {shard}"},
        fleet=fleet or f"fleet-{shard}",
        generation=generation,
        changed_at=100.0,
    )


def host(name: str) -> views.HostView:
    return views.HostView(
        id=name, zone="us-east-1a", cpu_cores=0.75, memory_mib=4000, cpu_used=0.2, memory_used_mib=1024, enforced=True,
        why="",
    )  # fmt: skip


def cloud(*instances: views.InstanceView, driver: str = "process") -> views.Snapshot:
    return views.Snapshot(
        cloud="glasscloud",
        region="us-east-1",
        driver=driver,
        stands_for="plain processes on one OS",
        capabilities=(
            views.CapabilityView(name="crash", enforced=True, why="one that dies takes no other along"),
            views.CapabilityView(name="cpu", enforced=False, why="processes share the host's cores"),
            views.CapabilityView(name="memory", enforced=True, why="control groups"),
        ),
        overcommit=1.0,
        hosts=(host("host-a"), host("host-b")),
        fault_kinds=tuple(fault.describe() for fault in FAULTS.values()),
        instances=instances or tuple(instance(number) for number in range(4)),
    )


def cloud_state(*instances: views.InstanceView) -> CloudState:
    return fold(CloudState(), cloud(*instances))


def trace(left: int = 0, right: int = 3) -> RequestTrace:
    def attempt(number: int, shard: int, dur_ms: float) -> Attempt:
        return Attempt(
            instance_id=IDS[number], type="t3.nano", host=HOSTS[number], shard=shard, start_ms=0.1, dur_ms=dur_ms
        )

    return RequestTrace(
        trace_id="", total_ms=3.4, frontend_ms=0.5, attempts=(attempt(left, 0, 2.1), attempt(right, 1, 2.9))
    )


def summary(*, requests: int = 200, lost: int = 0, ms: Mapping[int, float] | None = None, seconds: int = 10) -> Summary:
    """A load of `requests`, each sent to a replica of both shards; `ms` are latencies by instance number."""
    stats = IntervalStats(0, NS_PER_S)
    took = {0: 2.1, 1: 2.2, 2: 2.0, 3: 2.1, **(ms or {})}
    for number in range(requests):
        stats.record_arrival()
        stats.record_sent(0, 0)
        pair = (0, 1) if number % 2 else (2, 3)
        attempts = [
            Attempt(instance_id=IDS[n], type="t3.nano", host=HOSTS[n], shard=n % 2, start_ms=0, dur_ms=took[n])
            for n in pair
        ]
        stats.record_attempts(attempts)
        if number < lost:
            stats.record_outcome((0, 200, Fault.PARTIAL), 2000, 2000)
        else:
            stats.record_outcome((0, 200, GOOD), int(1000 * max(took[n] for n in pair)), 2000)
    return summarise(stats, since=0.0, until=float(seconds), targets=("search",))


def load(
    *, requests: int = 200, lost: int = 0, rate: float = 20.0, query: str = "hypervisor", now: Summary | None = None
) -> Snapshot:
    """Ten seconds of load; `now` is of the last two, else as the others."""
    figures = summary(requests=requests, lost=lost)
    last = TracedRequest(
        label=query, response_ms=3.4, service_ms=3.4, status=200, trace_id="", server_timing=render(trace())
    )
    return Snapshot(
        at=0.0, elapsed_s=10.0, rate_per_s=rate, in_flight=0, waiting=0, cpu_percent=3.0, processes=1,
        total=figures, recent=figures, moment=now or figures, minute=figures.response, last=last, slowest=None,
        marks=(), timeline=(),
    )  # fmt: skip
