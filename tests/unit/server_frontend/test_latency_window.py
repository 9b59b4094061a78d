"""The latency window: quantiles are exact up to a bucket, and old latencies are forgotten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.frontend.replicas import LatencyWindow


@given(st.lists(st.floats(0, 60_000), min_size=1, max_size=200), st.floats(0.01, 0.99))
def test_quantile_is_exact_up_to_a_bucket(latencies: list[float], wanted: float) -> None:
    window = LatencyWindow()
    for latency in latencies:
        window.record(latency, now=0.0)
    (found,) = window.quantiles((wanted,), now=1.0)
    exact = sorted(latencies)[int(wanted * len(latencies))]
    assert found is not None
    assert exact - 0.001 <= found <= exact * (1 + 1 / 16) + 0.0021


def test_latency_above_a_minute_counts_as_a_minute() -> None:
    window = LatencyWindow()
    window.record(1e9, now=0.0)
    (found,) = window.quantiles((0.5,), now=0.0)
    assert found is not None
    assert found > 60_000


def test_too_few_samples_give_no_quantile() -> None:
    window = LatencyWindow()
    for _ in range(9):
        window.record(1.0, now=0.0)
    assert window.quantiles((0.5, 0.9), now=0.0, samples_min=10) == (None, None)
    window.record(1.0, now=0.0)
    assert None not in window.quantiles((0.5, 0.9), now=0.0, samples_min=10)


def test_old_latencies_are_forgotten() -> None:
    window = LatencyWindow(window_s=5.0)
    window.record(100.0, now=0.0)
    assert window.quantiles((0.5,), now=6.0) != (None,)
    window.record(1.0, now=6.0)
    assert window.quantiles((0.99,), now=6.1)[0] > 99  # type: ignore[operator]
    assert window.quantiles((0.99,), now=12.0)[0] < 2  # type: ignore[operator]
    assert window.quantiles((0.5,), now=60.0) == (None,)
