"""Hedging: after the 95th percentile, and within its budget."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.frontend.replicas import HEDGE_DELAY_MIN_MS, HEDGE_DELAY_UNKNOWN_MS, Hedging
from vmhost.base.retry_budget import RetryBudget


@given(st.lists(st.booleans(), max_size=500), st.floats(0, 0.5), st.floats(1, 20))
def test_budget_is_never_overdrawn(steps: list[bool], share: float, burst: float) -> None:
    budget = RetryBudget(share=share, burst=burst)
    earned = spent = 0
    for earning in steps:
        if earning:
            budget.earn()
            earned += 1
        else:
            spent += budget.spend()
    assert spent <= 1 + earned * share + 1e-9


def test_unknown_latency_gives_a_cautious_delay() -> None:
    assert Hedging().delay_ms(0.0) == HEDGE_DELAY_UNKNOWN_MS


def test_hedge_delay_is_the_95th_percentile() -> None:
    hedging = Hedging()
    for latency in range(1, 101):
        hedging.answered(float(latency), 0.0)
    assert 95 <= hedging.delay_ms(0.0) <= 102


def test_hedge_delay_follows_latency() -> None:
    hedging = Hedging()
    for now, latency in ((0.0, 5.0), (20.0, 50.0)):
        for _ in range(100):
            hedging.answered(latency, now)
        assert latency <= hedging.delay_ms(now) <= latency * 1.1


def test_hedge_delay_has_a_minimum() -> None:
    hedging = Hedging()
    for _ in range(100):
        hedging.answered(0.1, 0.0)
    assert hedging.delay_ms(0.0) == HEDGE_DELAY_MIN_MS


def test_five_percent_of_slow_requests_are_hedged() -> None:
    hedging = Hedging()
    for _ in range(1000):
        hedging.delay_ms(0.0)
        hedging.allow()
    assert 49 <= hedging.sent <= 51


def test_zero_share_sends_no_hedges() -> None:
    hedging = Hedging(share=0.0)
    assert not any(hedging.allow() for _ in range(100) if hedging.delay_ms(0.0))
