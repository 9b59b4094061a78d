"""The histogram tells percentiles as an exact sort would, within its three digits, and merges without loss."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.load.histogram import HIGHEST_US, Histogram, bucket_of, highest_of, merged

values = st.one_of(st.integers(0, 5_000), st.integers(0, 10_000_000), st.integers(0, HIGHEST_US))


def recorded(samples: list[int]) -> Histogram:
    histogram = Histogram()
    for sample in samples:
        histogram.record(sample)
    return histogram


@given(st.integers(0, HIGHEST_US))
def test_a_bucket_holds_its_value_within_a_thousandth(value: int) -> None:
    highest = highest_of(bucket_of(value))
    assert value <= highest <= value * 1.001 + 0.5
    assert bucket_of(highest) == bucket_of(value)
    assert bucket_of(highest + 1) == bucket_of(value) + 1


@given(st.lists(values, min_size=20, max_size=300), st.sampled_from([10.0, 50.0]))
def test_percentiles_equal_an_exact_sort(samples: list[int], percent: float) -> None:
    exact = sorted(samples)[math.ceil(len(samples) * percent / 100) - 1]
    shown = recorded(samples).percentile_us(percent)
    assert shown is not None
    assert exact <= shown <= exact * 1.001 + 0.5


@given(st.lists(values, max_size=200), st.lists(values, max_size=200))
def test_merging_equals_recording_all_in_one(left: list[int], right: list[int]) -> None:
    assert merged([recorded(left), recorded(right)]) == recorded(left + right)


@given(st.lists(values, max_size=200))
def test_json_round_trip_is_exact(samples: list[int]) -> None:
    histogram = recorded(samples)
    again = Histogram.from_data(json.loads(json.dumps(histogram.data)))
    assert again == histogram
    assert again.total == histogram.total


@pytest.mark.parametrize(
    ("count", "percent", "shown"), [(999, 99.0, False), (1000, 99.0, True), (19, 50.0, False), (20, 50.0, True)]
)
def test_no_percentile_with_fewer_than_ten_samples_beyond_it(count: int, percent: float, shown: bool) -> None:
    assert (recorded([100] * count).percentile_us(percent) is not None) is shown


def test_the_largest_and_the_mean_are_exact() -> None:
    histogram = recorded([1, 1_000_001, 7])
    assert histogram.max_us == 1_000_001
    assert histogram.mean_us() == pytest.approx(1_000_009 / 3)
    assert Histogram().mean_us() is None


def test_values_out_of_range_count_at_the_ends() -> None:
    histogram = recorded([-5, HIGHEST_US * 2])
    assert histogram.total == 2
    assert histogram.max_us == HIGHEST_US


@pytest.mark.parametrize("data", [[], [1], [1, 2, 3], [1, 2, {"x": 1}], [1, 2, {"1": "x"}]])
def test_invalid_histogram_is_refused(data: list[object]) -> None:
    with pytest.raises(ValueError, match="Expected"):
        Histogram.from_data(data)
