"""The tour's table of instances in phases."""

from __future__ import annotations

from client.load.interval_stats import GOOD, IntervalStats
from client.load.schedule import NS_PER_S
from client.load.summary import Fault, Summary, summarise
from client.tour.tour_report import phase_table
from server.api.timing import Attempt


def phase(victim_ms: float, other_ms: float, *, requests: int = 1200, lost: int = 0, errors: int = 0) -> Summary:
    stats = IntervalStats(0, NS_PER_S)
    for number in range(requests):
        stats.record_arrival()
        stats.record_sent(0, 0)
        outcome = "error" if number < errors else "won"
        attempts = [
            Attempt(instance_id=name, type="t3.nano", host="host-a", shard=shard, start_ms=0, dur_ms=ms, outcome=result)
            for shard, (name, ms, result) in enumerate((("i-1", victim_ms, outcome), ("i-2", other_ms, "won")))
        ]
        stats.record_attempts(attempts)
        stats.record_outcome((0, 200, Fault.PARTIAL if number < lost else GOOD), 2000, 2000)
    return summarise(stats, since=0.0, until=1.0, targets=("search",))


def test_phases_are_compared_with_the_first() -> None:
    rows = phase_table({"before": phase(2, 2), "during": phase(50, 3, errors=4), "after": phase(2, 9)})
    shown = [(row.phase, row.instance_id, row.requests, row.errors, row.affected) for row in rows]
    assert shown == [
        ("before", "i-1", 1200, 0, None),
        ("before", "i-2", 1200, 0, None),
        ("during", "i-1", 1200, 4, True),
        ("during", "i-2", 1200, 0, False),
        ("after", "i-1", 1200, 0, False),
        ("after", "i-2", 1200, 0, True),
    ]
    assert phase_table({}) == ()
