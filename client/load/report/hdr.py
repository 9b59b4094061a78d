"""HdrHistogram's own encoding (V2, compressed), so that its tools read our histograms and we read theirs.

A header, then the counts from the lowest bucket to the highest one used, each as a zigzag LEB128 number, of which a
negative one stands for so many empty buckets; that compressed by zlib behind a header of its own; that as base64 where
it must be text. Written after the published Java implementation (`AbstractHistogram.encodeIntoCompressedByteBuffer`),
for histograms of 3 significant digits from 1: their buckets are ours, number for number.

The encoding has counts and nothing else: a histogram read back has each sample at its bucket's middle in its sum, and
its bucket's highest value as its largest. Both are within 0.1 %.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator

from client.load.histogram import HIGHEST_US, Histogram, bucket_of, highest_of

_COMPRESSED_COOKIE = 0x1C849314
_COOKIE = 0x1C849313
_OUTER = struct.Struct(">II")
"""Cookie, length of what follows."""
_INNER = struct.Struct(">IIIIQQd")
"""Cookie, length of the counts, offset of the first bucket, digits, lowest and highest value, ratio to a double."""
_DIGITS, _LOWEST_US = 3, 1
_BUCKETS = bucket_of(HIGHEST_US) + 1
_NUMBER_BYTES_MAX = 9
_BYTES_MAX = _INNER.size + _BUCKETS * _NUMBER_BYTES_MAX
"""No histogram of ours is longer, so nothing longer is unpacked."""


def hdr_text(histogram: Histogram) -> str:
    """The histogram as base64, as it stands in a log."""
    return base64.b64encode(hdr_bytes(histogram)).decode()


def hdr_bytes(histogram: Histogram) -> bytes:
    """The histogram as compressed bytes."""
    counts = bytearray()
    expected = 0
    for bucket, count in sorted(histogram.counts.items()):
        if count:
            if bucket > expected:
                _put(counts, expected - bucket)
            _put(counts, count)
            expected = bucket + 1
    payload = _INNER.pack(_COOKIE, len(counts), 0, _DIGITS, _LOWEST_US, HIGHEST_US, 1.0) + counts
    packed = zlib.compress(payload)
    return _OUTER.pack(_COMPRESSED_COOKIE, len(packed)) + packed


def from_hdr_text(text: str) -> Histogram:
    """The histogram of a base64 text. Raises ValueError for what is none, or none of ours."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise ValueError(f"a histogram that is no base64: {error}") from error
    return from_hdr_bytes(data)


def from_hdr_bytes(data: bytes) -> Histogram:
    """The histogram of compressed bytes; what it loses stands above. Raises ValueError as `from_hdr_text`."""
    histogram = Histogram()
    bucket = 0
    for number in _numbers(_counts_of(_unpacked(data))):
        if number < 0:
            bucket -= number
            continue
        if number:
            _set(histogram, bucket, number)
        bucket += 1
    return histogram


def _set(histogram: Histogram, bucket: int, count: int) -> None:
    if bucket >= _BUCKETS:
        raise ValueError(f"a histogram with samples in bucket {bucket}; expected {_BUCKETS - 1} at most, an hour")
    lowest_us = highest_of(bucket - 1) + 1
    histogram.max_us = min(highest_of(bucket), HIGHEST_US)
    histogram.counts[bucket] = count
    histogram.total += count
    histogram.sum_us += count * ((lowest_us + highest_of(bucket) + 1) // 2)


def _unpacked(data: bytes) -> bytes:
    if len(data) < _OUTER.size:
        raise ValueError(f"a histogram of {len(data)} bytes; expected a header of {_OUTER.size}")
    cookie, length = _OUTER.unpack_from(data)
    packed = data[_OUTER.size :]
    if cookie != _COMPRESSED_COOKIE:
        raise ValueError(f"a histogram with the mark {cookie:#x}; expected {_COMPRESSED_COOKIE:#x}, V2 compressed")
    if length != len(packed):
        raise ValueError(f"a histogram of {len(packed)} packed bytes; expected {length}")
    unpacking = zlib.decompressobj()
    try:
        payload = unpacking.decompress(packed, _BYTES_MAX)
    except zlib.error as error:
        raise ValueError(f"a histogram that cannot be unpacked: {error}") from error
    if not unpacking.eof:
        raise ValueError(f"a histogram that is cut short or longer than {_BYTES_MAX} bytes")
    return payload


def _counts_of(payload: bytes) -> bytes:
    if len(payload) < _INNER.size:
        raise ValueError(f"a histogram of {len(payload)} bytes unpacked; expected a header of {_INNER.size}")
    cookie, length, offset, digits, lowest, _, _ = _INNER.unpack_from(payload)
    counts = payload[_INNER.size :]
    if (cookie, offset, digits, lowest) != (_COOKIE, 0, _DIGITS, _LOWEST_US):
        raise ValueError(
            f"a histogram of {digits} digits from {lowest} (mark {cookie:#x}, offset {offset}); expected {_DIGITS} "
            f"digits from {_LOWEST_US} (mark {_COOKIE:#x}, offset 0)"
        )
    if length != len(counts):
        raise ValueError(f"a histogram with {len(counts)} bytes of counts; expected {length}")
    return counts


def _put(out: bytearray, number: int) -> None:
    """Appends a number of less than 2^55, so that the format's odd ninth byte is never needed."""
    zigzag = number << 1 if number >= 0 else (-number << 1) - 1
    while zigzag > 0x7F:
        out.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    out.append(zigzag)


def _numbers(data: bytes) -> Iterator[int]:
    zigzag = shift = 0
    for byte in data:
        if shift == 7 * (_NUMBER_BYTES_MAX - 1):
            # The ninth byte is the last one and has all its eight bits.
            zigzag |= byte << shift
        else:
            zigzag |= (byte & 0x7F) << shift
            if byte & 0x80:
                shift += 7
                continue
        yield zigzag >> 1 ^ -(zigzag & 1)
        zigzag = shift = 0
    if shift:
        raise ValueError("a histogram whose last count is cut short")
