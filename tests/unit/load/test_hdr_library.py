"""Our histograms and logs are read by the hdrhistogram library."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.load.histogram import HIGHEST_US, Histogram
from client.load.interval_stats import GOOD, IntervalStats
from client.load.report.hlog import HlogWriter, hdr_text, open_hlog
from client.load.schedule import NS_PER_S
from client.load.summary import Fault
from tests.hlog_reader import payload_of, read_hlog

with warnings.catch_warnings():
    # Its ctypes structures are declared in a way that newer Pythons warn of.
    warnings.simplefilter("ignore")
    try:
        from hdrh.histogram import HdrHistogram
        from hdrh.log import HistogramLogReader
    except ImportError:
        HdrHistogram = None

pytestmark = pytest.mark.skipif(
    HdrHistogram is None, reason="the hdrhistogram library is not installed here (it has no wheel for some machines)"
)

PERCENTS = (0.0, 25.0, 50.0, 90.0, 99.0, 100.0)
values = st.one_of(st.integers(0, 5_000), st.integers(0, 10_000_000), st.integers(0, HIGHEST_US))


def both(samples: list[int]) -> tuple[Histogram, HdrHistogram]:
    ours, theirs = Histogram(), HdrHistogram(1, HIGHEST_US, 3)
    for sample in samples:
        ours.record(sample)
        assert theirs.record_value(sample)
    return ours, theirs


@settings(deadline=None, max_examples=50)
@given(st.lists(values, max_size=200))
def test_it_reads_what_we_write(samples: list[int]) -> None:
    ours, theirs = both(samples)
    read = HdrHistogram.decode(hdr_text(ours))
    assert list(read.counts) == list(theirs.counts)
    assert read.get_total_count() == len(samples)
    assert read.get_percentile_to_value_dict(PERCENTS) == theirs.get_percentile_to_value_dict(PERCENTS)


@settings(deadline=None, max_examples=50)
@given(st.lists(values, min_size=10, max_size=100))
def test_both_have_the_same_percentiles(samples: list[int]) -> None:
    # Twice the samples, so that half of them is a whole number: the two round ranks differently.
    ours, _ = both(samples * 2)
    read = HdrHistogram.decode(hdr_text(ours))
    assert ours.percentile_us(50.0) == min(read.get_value_at_percentile(50.0), ours.max_us)


@settings(deadline=None, max_examples=50)
@given(st.lists(values, max_size=200))
def test_the_bytes_before_compression_are_the_same(samples: list[int]) -> None:
    ours, theirs = both(samples)
    assert payload_of(hdr_text(ours)) == payload_of(theirs.encode().decode())


def lines_of(path: Path) -> Iterator[HdrHistogram]:
    with contextlib.closing(HistogramLogReader(str(path), HdrHistogram(1, HIGHEST_US, 3))) as reader:
        while (histogram := reader.get_next_interval_histogram()) is not None:
            yield histogram


def test_it_reads_our_logs(tmp_path: Path) -> None:
    path, began = tmp_path / "a.hlog", 1_700_000_000.25
    with open_hlog(path) as file:
        writer = HlogWriter(file, began)
        for second in range(3):
            stats = IntervalStats(second * NS_PER_S, (second + 1) * NS_PER_S)
            for number in range(20):
                stats.record_outcome((0, 200, GOOD), 1000 * number + second, 900 * number)
            stats.record_outcome((0, 200, Fault.WRONG), 17, 17)
            writer.write_interval(stats)
    theirs = list(lines_of(path))
    assert [each.get_tag() for each in theirs] == ["response", "service", "error.wrong-answer"] * 3
    for second, response in enumerate(theirs[::3]):
        assert response.get_start_time_stamp() == pytest.approx((began + second) * 1000, abs=0.01)
        assert response.get_end_time_stamp() - response.get_start_time_stamp() == pytest.approx(1000, abs=0.01)
    log = read_hlog(path)
    for number, tag in enumerate(("response", "service", "error.wrong-answer")):
        ours = [hdr_text(each.histogram) for each in log.tags[tag]]
        assert [HdrHistogram.decode(text).equals(each) for text, each in zip(ours, theirs[number::3], strict=True)] == (
            [True] * 3
        )
    assert log.merged().total == sum(each.get_total_count() for each in theirs[::3]) == 60
