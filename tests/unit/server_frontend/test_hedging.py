"""Hedging: after the 95th percentile, and never more than the budget."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.frontend.hedging import DELAY_MIN_MS, DELAY_UNKNOWN_MS, Hedging
from vmhost.base.budget import Budget


@given(st.lists(st.booleans(), max_size=500), st.floats(0, 0.5), st.floats(1, 20))
def test_the_budget_is_never_overdrawn(steps: list[bool], share: float, burst: float) -> None:
    budget = Budget(share=share, burst=burst)
    earned = spent = 0
    for earning in steps:
        if earning:
            budget.earn()
            earned += 1
        else:
            spent += budget.spend()
    assert spent <= 1 + earned * share + 1e-9


def test_while_nothing_is_known_a_cautious_delay_holds() -> None:
    assert Hedging().delay_ms(0.0) == DELAY_UNKNOWN_MS


def test_the_delay_is_the_observed_95th_percentile() -> None:
    hedging = Hedging()
    for latency in range(1, 101):
        hedging.answered(float(latency), 0.0)
    assert 95 <= hedging.delay_ms(0.0) <= 102


def test_the_delay_follows_what_changes() -> None:
    hedging = Hedging()
    for now, latency in ((0.0, 5.0), (20.0, 50.0)):
        for _ in range(100):
            hedging.answered(latency, now)
        assert latency <= hedging.delay_ms(now) <= latency * 1.1


def test_a_very_fast_shard_is_not_hedged_within_a_timers_grain() -> None:
    hedging = Hedging()
    for _ in range(100):
        hedging.answered(0.1, 0.0)
    assert hedging.delay_ms(0.0) == DELAY_MIN_MS


def test_of_many_slow_requests_five_in_a_hundred_are_hedged() -> None:
    hedging = Hedging()
    for _ in range(1000):
        hedging.delay_ms(0.0)
        hedging.allow()
    assert 49 <= hedging.sent <= 51


def test_a_share_of_nothing_hedges_nothing() -> None:
    hedging = Hedging(share=0.0)
    assert not any(hedging.allow() for _ in range(100) if hedging.delay_ms(0.0))
