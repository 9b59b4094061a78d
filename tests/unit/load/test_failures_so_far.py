"""While a run goes on: what the service has broken already, told from what judges the run at its end."""

from __future__ import annotations

from dataclasses import replace

from live_builders import metrics, plan, second, snapshot

from client.load.interval_stats import IntervalStats
from client.load.run_result import Snapshot
from client.load.schedule import NS_PER_S
from client.load.summary import Fault
from client.load.verdict import broken_so_far

GOOD = {2.0: 20}


def silent(seconds: int) -> Snapshot:
    """Seconds in each of which ten requests were due and none ended."""
    tallies = [IntervalStats(number * NS_PER_S, (number + 1) * NS_PER_S) for number in range(seconds)]
    for stats in tallies:
        for _ in range(10):
            stats.record_arrival()
    of = metrics(*tallies)
    now = snapshot(of, float(seconds))
    return replace(now, moment=of.window(now.at - 2.0, now.at, float(seconds)))


def test_a_service_that_answers_keeps_its_promises() -> None:
    assert broken_so_far(plan(), snapshot(metrics(second(0, GOOD), second(1, GOOD)), 2.0)) == ""


def test_reason_names_failures_and_total() -> None:
    now = snapshot(metrics(second(0, GOOD), second(1, {2.0: 10}, faults={Fault.CLIENT_ERROR: 10})), 2.0)
    assert broken_so_far(plan(), now) == "10 of 40 requests failed (25 %)"
    assert broken_so_far(plan(thresholds=("errors<30%",)), now) == ""


def test_other_threshold_is_described() -> None:
    now = snapshot(metrics(second(0, GOOD)), 1.0)
    assert broken_so_far(plan(thresholds=("max<1ms",)), now) == "max<1ms is broken: max 2 ms"


def test_silent_service_is_reported_before_timeouts() -> None:
    assert broken_so_far(plan(), silent(2)) == ""
    assert broken_so_far(plan(), silent(5)) == "none of 30 requests that were due more than 2 s ago got a response"
