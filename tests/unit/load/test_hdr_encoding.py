"""HdrHistogram's encoding keeps the counts of every bucket."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.load.histogram import HIGHEST_US, Histogram
from client.load.report.hlog import hdr_text
from tests.hlog_reader import counts_of

values = st.one_of(st.integers(0, 5_000), st.integers(0, 10_000_000), st.integers(0, HIGHEST_US))


@settings(deadline=None)
@given(st.lists(values, max_size=200))
def test_encoding_keeps_the_counts(samples: list[int]) -> None:
    histogram = Histogram()
    for sample in samples:
        histogram.record(sample)
    assert counts_of(hdr_text(histogram)) == histogram.counts


@pytest.mark.parametrize("count", [1, 63, 64, 8191, 8192, 2**40, 2**55 - 1, 2**55])
def test_counts_of_any_length(count: int) -> None:
    histogram = Histogram()
    histogram.counts[5] = count
    assert counts_of(hdr_text(histogram)) == {5: count}
