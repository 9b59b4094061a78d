"""The schedule is decided by numbers alone: exact over long runs, and without a burst when the rate changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.load.pacer import NS_PER_S, ConstantPacer

START_NS = 5_000_000_000


def test_arrivals_are_evenly_spaced_and_the_first_is_due_at_once() -> None:
    pacer = ConstantPacer(rate_per_s=200, anchor_ns=START_NS)
    assert [pacer.due_ns(n) for n in range(3)] == [START_NS, START_NS + 5_000_000, START_NS + 10_000_000]


def test_a_day_of_arrivals_does_not_drift() -> None:
    pacer = ConstantPacer(rate_per_s=3, anchor_ns=START_NS)
    assert pacer.due_ns(3 * 86_400) == START_NS + 86_400 * NS_PER_S


def test_rate_zero_pauses_and_a_later_rate_continues() -> None:
    pacer = ConstantPacer(rate_per_s=10, anchor_ns=START_NS)
    paused = pacer.with_rate(0, START_NS + 50_000_000)
    assert paused.due_ns(1) is None
    resumed = paused.with_rate(10, START_NS + 9_050_000_000)
    assert resumed.due_ns(1) == START_NS + 9_100_000_000


@given(
    before=st.floats(0.5, 5_000),
    after=st.floats(0.5, 5_000),
    change_ns=st.integers(1, 20 * NS_PER_S),
)
def test_a_change_of_rate_makes_neither_burst_nor_gap(before: float, after: float, change_ns: int) -> None:
    pacer = ConstantPacer(rate_per_s=before, anchor_ns=START_NS)
    now_ns = START_NS + change_ns
    taken = int(change_ns * before / NS_PER_S) + 1  # all those due by now
    changed = pacer.with_rate(after, now_ns)
    first, second = changed.due_ns(taken), changed.due_ns(taken + 1)
    assert first is not None
    assert second is not None
    assert now_ns - 2 <= first <= now_ns + NS_PER_S / after + 2
    assert second - first == pytest.approx(NS_PER_S / after, abs=2)
