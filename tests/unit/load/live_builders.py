"""Runs as the live view sees them, built from counts and times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from client.load.interval_stats import GOOD, IntervalStats
from client.load.metrics import Metrics
from client.load.plan.model import ClosedLoop, OpenLoop, Plan, Target
from client.load.run_result import Snapshot
from client.load.schedule import NS_PER_S
from client.load.summary import Fault
from server.api.timing import Attempt

BEGAN = 1_700_000_000.0
URL = "http://127.0.0.1:8000/"
IDS = ("i-08e4000000000001", "i-09b8000000000002", "i-0a13000000000003", "i-0ad3000000000004")


def plan(*, rate_per_s: float = 100.0, users: int = 0, **changes: object) -> Plan:
    loops = {"closed": ClosedLoop(users=users)} if users else {"open": OpenLoop(rate_per_s=rate_per_s)}
    settings = {"targets": (Target(url=URL),), "duration_s": 60.0, **loops, **changes}
    return Plan(**settings)  # type: ignore[arg-type]


def second(
    number: int,
    times_ms: Mapping[float, int],
    *,
    faults: Mapping[Fault, int] | None = None,
    instances: Sequence[str] = (),
    waited_ms: float = 0.0,
    lag_us: int = 120,
) -> IntervalStats:
    """Returns a second with this number of requests for each response time; they waited for its first part."""
    stats = IntervalStats(number * NS_PER_S, (number + 1) * NS_PER_S)
    sent = 0
    for took_ms, count in times_ms.items():
        for _ in range(count):
            stats.record_arrival()
            stats.record_sent(lag_us, int(waited_ms * 1000))
            stats.record_outcome((0, 200, GOOD), int(took_ms * 1000), max(1, int((took_ms - waited_ms) * 1000)))
            if instances:
                stats.record_attempts([attempt(instances[sent % len(instances)], took_ms)])
            sent += 1
    for fault, count in (faults or {}).items():
        for _ in range(count):
            stats.record_arrival()
            stats.record_sent(lag_us, 0)
            stats.record_outcome((0, 503 if fault is Fault.SERVER_ERROR else 0, fault), 2_000_000, 2_000_000)
    return stats


def attempt(instance_id: str, took_ms: float) -> Attempt:
    host = f"host-{'ab'[IDS.index(instance_id) // 2 % 2]}" if instance_id in IDS else "host-a"
    return Attempt(instance_id=instance_id, type="t3.nano", host=host, shard=0, start_ms=0.1, dur_ms=took_ms)


def metrics(*seconds: IntervalStats, warm_up_s: float = 0.0) -> Metrics:
    result = Metrics(BEGAN, targets=("",), warm_up_s=warm_up_s)
    for stats in seconds:
        result.add(stats)
    return result


def snapshot(
    of: Metrics, elapsed_s: float, *, rate: float = 100.0, waiting: int = 0, cpu: float = 12.0, processes: int = 2
) -> Snapshot:
    now = BEGAN + elapsed_s
    recent = of.window(now - 10.0, now, elapsed_s)
    return Snapshot(
        at=now, elapsed_s=elapsed_s, rate_per_s=rate, in_flight=3, waiting=waiting, cpu_percent=cpu,
        processes=processes, total=of.total(elapsed_s, instances=False), recent=recent, moment=recent,
        minute=recent.response, last=None, slowest=None, marks=tuple(of.marks), timeline=of.timeline.columns(),
    )  # fmt: skip
