"""The heat map of the live view: every request is in one cell, on a scale that fits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from live_builders import metrics, second

from client.load.live.heat_map import edges_us, heat_map, level_of, steps_of
from client.load.run_result import TimelineColumn
from client.load.summary import Fault


def timeline(*counts: dict[float, int], warm_up_s: float = 0.0) -> tuple[TimelineColumn, ...]:
    tallies = (second(number, times) for number, times in enumerate(counts))
    return metrics(*tallies, warm_up_s=warm_up_s).timeline.columns()


def test_cell_counts_requests_of_its_second_and_row() -> None:
    heat = heat_map(timeline({0.7: 5, 1.5: 2}, {}, {40.0: 3}), until_s=4.0, timeout_s=0.05, columns=10, rows=9)
    assert heat.below_us == (100_000, 50_000, 20_000, 10_000, 5_000, 2_000, 1_000)
    assert heat.counts == (
        (0, 0, 0, 0), (0, 0, 3, 0), (0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0), (2, 0, 0, 0), (5, 0, 0, 0),
    )  # fmt: skip
    assert heat.peak == 5


def test_time_on_an_edge_is_in_the_upper_row() -> None:
    heat = heat_map(timeline({0.999: 1, 1.0: 1, 1.999: 1, 2.0: 1}), until_s=1.0, timeout_s=0.002, columns=5, rows=9)
    assert dict(zip(heat.below_us, (row[0] for row in heat.counts), strict=True)) == {5000: 1, 2000: 2, 1000: 1}


def test_newest_seconds_are_shown() -> None:
    heat = heat_map(timeline(*({1.0: n + 1} for n in range(9))), until_s=9.0, timeout_s=2.0, columns=4, rows=3)
    assert len(heat.failed) == 4
    assert heat.began_s == 5.0
    assert max(heat.counts, key=sum) == (6, 7, 8, 9)
    assert (heat.column_at(4.9), heat.column_at(5.0), heat.column_at(8.99), heat.column_at(9.0)) == (None, 0, 3, None)


def test_seconds_without_requests_are_empty_columns() -> None:
    heat = heat_map(timeline({1.0: 3}), until_s=6.5, timeout_s=2.0, columns=10, rows=3)
    assert len(heat.failed) == 7
    assert [sum(column) for column in zip(*heat.counts, strict=True)] == [3, 0, 0, 0, 0, 0, 0]


def test_failures_and_warm_up() -> None:
    columns = metrics(second(0, {1.0: 1}), second(1, {}, faults={Fault.RESET: 4}), warm_up_s=1.0).timeline.columns()
    heat = heat_map(columns, until_s=2.0, timeout_s=2.0, columns=10, rows=3)
    assert heat.failed == (0, 4)
    assert heat.warm_up == (True, False)


@given(
    st.lists(st.dictionaries(st.floats(0.01, 300_000), st.integers(1, 5), max_size=6), max_size=8),
    st.integers(1, 16),
    st.integers(1, 12),
)
def test_heat_map_contains_every_request(seconds: list[dict[float, int]], rows: int, columns: int) -> None:
    all_columns = timeline(*seconds)
    heat = heat_map(all_columns, until_s=float(len(seconds)), timeout_s=2.0, columns=columns, rows=rows)
    shown = [each.response_histogram.total for each in all_columns[-columns:]]
    assert [sum(column) for column in zip(*heat.counts, strict=True)][: len(shown)] == shown
    assert 1 <= len(heat.below_us) <= rows
    assert list(heat.below_us) == sorted(heat.below_us, reverse=True)


def test_finest_scale_that_fits() -> None:
    few = edges_us(1_500, 1_500, 900_000, most_us=900_000, rows=10)
    assert few == [2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000]
    assert edges_us(1_500, 1_500, 900_000, most_us=900_000, rows=6) == [
        3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000
    ]  # fmt: skip
    assert edges_us(1_500, 1_500, 900_000, most_us=900_000, rows=2) == [100_000, 1_000_000]


def test_few_fast_responses_do_not_coarsen_the_scale() -> None:
    edges = edges_us(100, 1_500, 900_000, most_us=900_000, rows=9)
    assert edges == [2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000]


def test_shades_are_equal_factors() -> None:
    assert steps_of(1) == steps_of(10) == (1, 2, 3, 6)
    assert steps_of(101) == steps_of(1000) == (1, 6, 30, 200)
    assert steps_of(10_000) == (1, 10, 100, 1000)
    assert [level_of(count, (1, 6, 30, 200)) for count in (0, 1, 5, 6, 29, 30, 199, 200)] == [0, 1, 1, 2, 2, 3, 3, 4]
