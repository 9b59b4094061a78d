"""HdrHistogram's encoding: a round trip keeps the counts, and values to three digits."""

from __future__ import annotations

import base64
import struct
import zlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from client.load.histogram import HIGHEST_US, Histogram, bucket_of, highest_of
from client.load.report.hdr_encoding import from_hdr_bytes, from_hdr_text, hdr_bytes, hdr_text

values = st.one_of(st.integers(0, 5_000), st.integers(0, 10_000_000), st.integers(0, HIGHEST_US))


def recorded(samples: list[int]) -> Histogram:
    histogram = Histogram()
    for sample in samples:
        histogram.record(sample)
    return histogram


def outer(packed: bytes, *, cookie: int = 0x1C849314, longer: int = 0) -> bytes:
    return struct.pack(">II", cookie, len(packed) + longer) + packed


def inner(counts: bytes, *, digits: int = 3, lowest: int = 1, cookie: int = 0x1C849313, longer: int = 0) -> bytes:
    header = struct.pack(">IIIIQQd", cookie, len(counts) + longer, 0, digits, lowest, HIGHEST_US, 1.0)
    return outer(zlib.compress(header + counts))


@settings(deadline=None)
@given(st.lists(values, max_size=200))
def test_round_trip_keeps_the_counts(samples: list[int]) -> None:
    histogram = recorded(samples)
    again = from_hdr_text(hdr_text(histogram))
    assert (again.counts, again.total) == (histogram.counts, histogram.total)
    assert again.max_us == min(highest_of(bucket_of(histogram.max_us)), HIGHEST_US)
    assert again.sum_us == pytest.approx(histogram.sum_us, rel=0.001)
    assert hdr_bytes(again) == hdr_bytes(histogram)


@settings(deadline=None)
@given(st.lists(st.integers(0, 2047), max_size=200))
def test_below_two_milliseconds_values_are_exact(samples: list[int]) -> None:
    assert from_hdr_bytes(hdr_bytes(recorded(samples))) == recorded(samples)


@pytest.mark.parametrize("count", [1, 63, 64, 8191, 8192, 2**40, 2**55 - 1])
def test_counts_of_any_length(count: int) -> None:
    histogram = Histogram()
    histogram.counts[5], histogram.total = count, count
    assert from_hdr_bytes(hdr_bytes(histogram)).counts == {5: count}


def test_number_of_nine_bytes() -> None:
    # 2^55 as a zigzag number is 2^56, which is bit 0 of the ninth byte.
    assert from_hdr_bytes(inner(b"\x80" * 8 + b"\x01\x02")).counts == {0: 2**55, 1: 1}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "0 bytes, less than its header of 8"),
        (outer(b"", cookie=0x1C849303), "cookie 0x1c849303 instead of 0x1c849314"),
        (outer(b"abc", longer=1), "3 compressed bytes instead of 4"),
        (outer(b"no zlib"), "cannot be decompressed"),
        (outer(zlib.compress(b"long enough to be cut")[:-2]), "cut off"),
        (outer(zlib.compress(bytes(10_000_000))), "longer than"),
        (outer(zlib.compress(b"short")), "5 decompressed bytes, less than its header of 40"),
        (inner(b"", digits=2), "2 digits from 1 .* instead of 3 digits from 1"),
        (inner(b"", lowest=1000), "3 digits from 1000"),
        (inner(b"", cookie=0x1C849301), "cookie 0x1c849301"),
        (inner(b"\x02", longer=5), "1 bytes of counts instead of 6"),
        (inner(b"\x02\x80"), "last count of the histogram is cut off"),
        (inner(b"\xff\xff\x7f\x02"), "bucket 1048576, above the last one, 23220"),
        (inner(b"\x81\x80\x80\x80\x80\x80\x80\x80\x80\x02"), "bucket 4611686018427387905, above the last one"),
    ],
)
def test_other_histograms_are_refused(data: bytes, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        from_hdr_text(base64.b64encode(data).decode())


def test_text_that_is_not_base64_is_refused() -> None:
    with pytest.raises(ValueError, match="not base64"):
        from_hdr_text("HISTFAAAA!")


@settings(deadline=None)
@given(st.binary(max_size=200), st.booleans())
@example(b"\x80" * 9 + b"\x02", True)
def test_random_bytes_are_refused(noise: bytes, wrapped: bool) -> None:
    data = inner(noise) if wrapped else noise
    try:
        histogram = from_hdr_bytes(data)
    except ValueError:
        return
    assert histogram.total == sum(histogram.counts.values())
    assert from_hdr_bytes(hdr_bytes(histogram)).counts == histogram.counts
