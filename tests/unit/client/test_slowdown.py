"""Which instance slowed down most, and the figures that clients saw."""

from __future__ import annotations

import pytest

from client.experiments.results import Row
from client.experiments.slowdown import client_rows, worst_victim
from client.load.interval_stats import IntervalStats
from client.load.schedule import NS_PER_S
from client.load.summary import Summary, summarise
from server.api.timing import Attempt


def times(requests: int, **ms: float) -> Summary:
    """A window in which each instance responds `requests` times with the same latency."""
    stats = IntervalStats(0, NS_PER_S)
    for _ in range(requests):
        stats.record_attempts(
            [
                Attempt(instance_id=name, type="t3.nano", host="host-a", shard=0, start_ms=0, dur_ms=each)
                for name, each in ms.items()
            ]
        )
    return summarise(stats, since=0.0, until=1.0, targets=("search",))


def test_worst_victim_slowed_down_most() -> None:
    before, during, after = times(1000, a=2, b=2, c=5), times(1000, a=900, b=30, c=12), times(1000, a=2, b=3, c=5)
    worst = worst_victim("a", before=before, during=during, after=after)
    assert worst is not None
    assert (worst.instance_id, worst.label) == ("b", "slowed most: b, p99")
    assert (worst.before, worst.during, worst.after) == pytest.approx((2, 30, 3), rel=0.01)


@pytest.mark.parametrize(
    ("before", "during", "after", "tail"),
    [(1000, 1000, 1000, "p99"), (1000, 100, 100, "p90"), (100, 20, 20, "max"), (10, 10, 10, "max")],
)
def test_windows_are_compared_by_the_tail_both_support(before: int, during: int, after: int, tail: str) -> None:
    worst = worst_victim("a", before=times(before, a=1, b=2), during=times(during, a=1, b=3), after=times(after, b=2))
    assert worst is not None
    assert (worst.label, worst.after) == (f"slowed most: b, {tail}", 2.0)


def test_too_few_requests_have_no_victim() -> None:
    enough, few = times(20, a=1, b=2), times(9, a=1, b=50)
    assert worst_victim("a", before=enough, during=few, after=enough) is None
    assert worst_victim("a", before=few, during=enough, after=enough) is None
    assert worst_victim("a", before=times(20, a=1), during=times(20, a=1, heir=9), after=None) is None
    assert worst_victim("a", before=enough, during=times(20, a=1, b=3), after=few) == Row(
        label="slowed most: b, max", unit="ms", before=2.0, during=3.0, instance_id="b"
    )


def test_faster_instance_is_not_a_victim() -> None:
    before = times(20, a=1, b=9)
    assert worst_victim("a", before=before, during=before, after=before) is None
    assert worst_victim("a", before=before, during=times(20, a=1, b=2), after=before) is None


def test_client_rows_use_the_tail_that_both_windows_support() -> None:
    before, during = times(200, a=1, b=2), times(200, a=1, b=3)
    rows = client_rows("a", whole=during, before=before, during=during, after=None)
    assert [row.label for row in rows] == [
        "requests", "lost requests", "p90 of the other instances", "slowed most: b, p90"
    ]  # fmt: skip
    assert (rows[2].before, rows[2].during, rows[2].after) == (2.0, pytest.approx(3, rel=0.01), None)
    assert client_rows("a", whole=None, before=before, during=during, after=None) == ()
