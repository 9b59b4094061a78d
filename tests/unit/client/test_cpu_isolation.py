"""The verdict of the CPU hog, from two windows of CPU counters and load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from client_builders import IDS, instance

from client.experiments.cpu_isolation import Isolation, Outcome, judge_isolation, window_of
from client.load.interval_stats import GOOD, IntervalStats
from client.load.schedule import NS_PER_S
from client.load.summary import Fault, Summary, summarise
from server.api.timing import Attempt
from vmhost.api.views import CpuView, GuestCpuView, HostView, InstanceView, LimitsView

HOG, NEIGHBOR, FAR = IDS[0], IDS[1], IDS[2]
LIMITS = LimitsView(
    cpu_guaranteed_cores=0.1, cpu_quota_cores=1.0, cpu_weight=102, memory_mib=512, pids=128, disk_gib=1,
    network_mbps=1000,
)  # fmt: skip
QUIET = {HOG: (0.06, 0.02), NEIGHBOR: (0.06, 0.02), FAR: (0.06, 0.02)}
"""Cores and waiting threads of each instance."""
HOGGED = {**QUIET, HOG: (0.9, 15.0), NEIGHBOR: (0.06, 0.04)}
_SECONDS = 10.0


def load(*, own_ms: float = 0.3, failed: int = 0, responses: int = 1000) -> Summary:
    """Ten seconds in which each of the three instances sends `responses`."""
    stats = IntervalStats(0, round(_SECONDS * NS_PER_S))
    for number in range(responses):
        stats.record_arrival()
        stats.record_sent(0, 0)
        stats.record_attempts(
            Attempt(instance_id=each, type="t3.nano", host="host-a", shard=0, start_ms=0, dur_ms=1.0, search_ms=own_ms)
            for each in (HOG, NEIGHBOR, FAR)
        )
        stats.record_outcome((0, 200, Fault.PARTIAL if number < failed else GOOD), 2000, 2000)
    return summarise(stats, since=0.0, until=_SECONDS, targets=("search",))


def readings(
    uses: Mapping[str, tuple[float, float | None]], *, others: float = 0.15, cores: bool = True
) -> tuple[CpuView, CpuView]:
    """Two readings ten seconds apart, the host on CPU 0, the other host on CPU 1."""

    def view(seconds: float) -> CpuView:
        on_host = sum(uses[each][0] for each in (HOG, NEIGHBOR) if each in uses)
        return CpuView(
            at=100.0 + seconds,
            cores={"0": 50 + (on_host + others) * seconds, "1": 70 + 0.2 * seconds} if cores else {},
            instances=tuple(
                GuestCpuView(
                    id=each, host="host-b" if each == FAR else "host-a", at=100.0 + seconds, used=5 + used * seconds,
                    throttled=0.0, waited=None if waited is None else 1 + waited * seconds,
                )
                for each, (used, waited) in uses.items()
            ),
        )  # fmt: skip

    return view(0.0), view(_SECONDS)


def instances() -> list[InstanceView]:
    return [replace(instance(number), limits=LIMITS) for number in range(3)]


def host(*cpus: int, shared: bool = False) -> HostView:
    return HostView(
        id="host-a", zone="us-east-1a", cpu_cores=0.75, memory_mib=4000, cpu_used=0.2, memory_used_mib=1024,
        enforced=True, why="", cpus=cpus, shared=shared,
    )  # fmt: skip


def judge(
    beside: Mapping[str, tuple[float, float | None]],
    *,
    before: Mapping[str, tuple[float, float | None]] = QUIET,
    others: tuple[float, float] = (0.15, 0.15),
    loads: tuple[Summary, Summary] | None = None,
    hog: bool = True,
    enforced: bool = True,
    cores: bool = True,
    shared: bool = False,
) -> Isolation:
    calm, hogged = loads or (load(), load())
    views, here = instances(), host(*((0, 1) if shared else (0,)), shared=shared)
    return judge_isolation(
        hog=views[0] if hog else None,
        requested_cores=16 if hog else 0,
        instances=views,
        host=here,
        enforced=enforced,
        control=window_of(*readings(before, others=others[0], cores=cores), calm, here),
        beside=window_of(*readings(beside, others=others[1], cores=cores), hogged, here),
    )


def test_isolated() -> None:
    found = judge(HOGGED)
    assert (found.outcome, found.held, found.pairs) == (Outcome.ISOLATED, True, ())
    assert found.reason == (
        "the hog received 0.90 of 16 cores; its neighbor got the CPU that it needed, 0.2 ms later per response"
    )
    assert found.hog is not None
    assert (found.hog.received_cores, found.hog.limit_cores) == (pytest.approx(0.9), 1.0)
    (row,) = found.neighbors
    assert (row.instance_id, row.delayed) == (NEIGHBOR, False)
    assert row.wait_ms == (pytest.approx(0.2), pytest.approx(0.4))


def test_leaked_if_hog_exceeds_its_limit() -> None:
    found = judge({**HOGGED, HOG: (1.41, 14.9)})
    assert (found.outcome, found.held) == (Outcome.LEAKED, False)
    assert found.reason == f"{HOG} received 1.41 cores, its limit is 1.00"


def test_small_excess_is_tolerated() -> None:
    assert judge({**HOGGED, HOG: (1.03, 15.0)}).outcome is Outcome.ISOLATED


def test_starved_neighbor_names_its_culprit() -> None:
    found = judge({**HOGGED, HOG: (0.73, 15.8), NEIGHBOR: (0.012, 0.5)}, loads=(load(), load(responses=90)))
    assert found.outcome is Outcome.LEAKED
    assert found.pairs == ((HOG, NEIGHBOR),)
    assert found.reason == f"{HOG} delayed others: {NEIGHBOR} waited 55.6 ms for a core per response (0.2 before)"


def test_slower_neighbor_that_waited_was_delayed() -> None:
    slow = judge({**HOGGED, NEIGHBOR: (0.06, 0.3)}, loads=(load(), load(own_ms=12.0)))
    assert (slow.outcome, slow.pairs) == (Outcome.LEAKED, ((HOG, NEIGHBOR),))
    # The same growth without waiting for the CPU is the service's own.
    assert judge({**HOGGED, NEIGHBOR: (0.06, 0.02)}, loads=(load(), load(own_ms=12.0))).outcome is Outcome.ISOLATED


def test_neighbor_with_fewer_requests_is_not_starved() -> None:
    fewer = judge({**HOGGED, NEIGHBOR: (0.04, 0.05)}, loads=(load(), load(responses=700)))
    assert (fewer.outcome, fewer.pairs) == (Outcome.ISOLATED, ())


def test_silent_neighbor_is_judged_by_its_cpu() -> None:
    silent = load(responses=0)
    starved = judge({**HOGGED, NEIGHBOR: (0.02, 0.4)}, loads=(silent, silent))
    assert (starved.outcome, starved.pairs) == (Outcome.LEAKED, ((HOG, NEIGHBOR),))
    assert starved.reason.endswith(f"{NEIGHBOR} received 0.020 cores (0.060 before) and waited for the rest")
    assert judge({**HOGGED, NEIGHBOR: (0.02, 0.02)}, loads=(silent, silent)).outcome is Outcome.ISOLATED


def test_neighbor_with_its_guarantee_was_not_delayed() -> None:
    busy = {**QUIET, NEIGHBOR: (0.5, 0.1)}
    assert judge({**HOGGED, HOG: (0.6, 15.0), NEIGHBOR: (0.35, 9.0)}, before=busy).outcome is Outcome.ISOLATED


def test_instance_on_another_host_is_not_a_victim() -> None:
    found = judge({**HOGGED, FAR: (0.01, 3.0)})
    assert (found.outcome, [row.instance_id for row in found.neighbors]) == (Outcome.ISOLATED, [NEIGHBOR])


def test_no_culprit_without_a_hog() -> None:
    assert judge(QUIET, hog=False).pairs == ()
    assert judge(QUIET, hog=False).outcome is Outcome.ISOLATED
    delayed = judge({**QUIET, NEIGHBOR: (0.03, 0.9)}, hog=False)
    assert (delayed.outcome, delayed.pairs) == (Outcome.INCONCLUSIVE, ())
    assert delayed.reason.endswith("but no other instance used more CPU than before")


def test_other_programs_make_it_inconclusive() -> None:
    starved = {**HOGGED, HOG: (0.4, 15.0), NEIGHBOR: (0.03, 0.9)}
    rising = judge(starved, others=(0.15, 0.45))
    assert (rising.outcome, rising.held) == (Outcome.INCONCLUSIVE, None)
    assert "programs outside the instances used 0.30 cores more of host-a than before" in rising.reason
    busy = judge(starved, others=(0.6, 0.6))
    assert busy.outcome is Outcome.INCONCLUSIVE
    assert "programs outside the instances used 0.60 of the 1 cores under host-a" in busy.reason


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (lambda: judge({HOG: (0.9, 15.0), FAR: (0.06, 0.02)}), "no other instance ran on host-a throughout"),
        (lambda: judge({**HOGGED, NEIGHBOR: (0.06, None)}), f"does not report how long {NEIGHBOR} waits for a core"),
        (lambda: judge({**HOGGED, HOG: (0.04, 0.1)}), "the hog received 0.04 cores, too little"),
        (lambda: judge({NEIGHBOR: (0.06, 0.02)}), f"the CPU that {HOG} received could not be measured"),
        (lambda: judge(HOGGED, loads=(load(failed=2), load())), "2 requests failed before the hog started"),
        (lambda: judge(HOGGED, enforced=False), "but no CPU limit is enforced here"),
        (
            lambda: judge({**HOGGED, NEIGHBOR: (0.01, 2.0)}, cores=False),
            "the CPU of programs outside the instances is not known here",
        ),
    ],
)
def test_inconclusive_names_the_reason(found: Any, words: str) -> None:
    verdict = found()
    assert (verdict.outcome, verdict.held) == (Outcome.INCONCLUSIVE, None)
    assert words in verdict.reason


def test_shared_hosts_are_measured_on_all_cores() -> None:
    found = judge({**HOGGED, NEIGHBOR: (0.01, 2.0)}, shared=True)
    assert (found.outcome, found.pairs) == (Outcome.LEAKED, ((HOG, NEIGHBOR),))


def test_restarted_instance_is_left_out() -> None:
    first, last = readings(HOGGED)
    reborn = tuple(replace(each, used=0.1) if each.id == NEIGHBOR else each for each in last.instances)
    window = window_of(first, replace(last, instances=reborn), load(), host(0))
    assert NEIGHBOR not in window.cpu
