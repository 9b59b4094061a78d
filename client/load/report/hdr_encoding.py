"""HdrHistogram's encoding (V2, compressed): its tools read our histograms, and we read theirs.

The format: a header, then the counts from the lowest bucket to the highest one used, each as a zigzag LEB128 number; a
negative number -n stands for n empty buckets. All of it is compressed by zlib behind a second header, and encoded as
base64 in text files. It follows the Java implementation (`AbstractHistogram.encodeIntoCompressedByteBuffer`) for
histograms of 3 significant digits from 1, whose buckets are the same as ours.

The encoding contains only counts. After reading, the sum assumes each sample in the middle of its bucket, and the
maximum is the highest value of the last bucket. Both are exact to 0.1 %.

Written by hand because the `hdrhistogram` package has no wheel for arm64 Linux; the tests compare with it.
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
"""The largest possible histogram: more is not decompressed."""


def hdr_text(histogram: Histogram) -> str:
    """Returns the histogram as base64, as in a log."""
    return base64.b64encode(hdr_bytes(histogram)).decode()


def hdr_bytes(histogram: Histogram) -> bytes:
    """Returns the histogram as compressed bytes."""
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
    """Reads a histogram from base64. Raises ValueError for anything else, and for other resolutions than ours."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise ValueError(f"the histogram is not base64: {error}") from error
    return from_hdr_bytes(data)


def from_hdr_bytes(data: bytes) -> Histogram:
    """Reads a histogram from compressed bytes, exact to 0.1 %. Raises ValueError like `from_hdr_text`."""
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
        raise ValueError(f"the histogram has samples in bucket {bucket}, above the last one, {_BUCKETS - 1} (an hour)")
    lowest_us = highest_of(bucket - 1) + 1
    histogram.max_us = min(highest_of(bucket), HIGHEST_US)
    histogram.counts[bucket] = count
    histogram.total += count
    histogram.sum_us += count * ((lowest_us + highest_of(bucket) + 1) // 2)


def _unpacked(data: bytes) -> bytes:
    if len(data) < _OUTER.size:
        raise ValueError(f"the histogram has {len(data)} bytes, less than its header of {_OUTER.size}")
    cookie, length = _OUTER.unpack_from(data)
    packed = data[_OUTER.size :]
    if cookie != _COMPRESSED_COOKIE:
        raise ValueError(f"the histogram has the cookie {cookie:#x} instead of {_COMPRESSED_COOKIE:#x} (V2)")
    if length != len(packed):
        raise ValueError(f"the histogram has {len(packed)} compressed bytes instead of {length}")
    unpacking = zlib.decompressobj()
    try:
        payload = unpacking.decompress(packed, _BYTES_MAX)
    except zlib.error as error:
        raise ValueError(f"the histogram cannot be decompressed: {error}") from error
    if not unpacking.eof:
        raise ValueError(f"the histogram is cut off, or longer than {_BYTES_MAX} bytes")
    return payload


def _counts_of(payload: bytes) -> bytes:
    if len(payload) < _INNER.size:
        raise ValueError(f"the histogram has {len(payload)} decompressed bytes, less than its header of {_INNER.size}")
    cookie, length, offset, digits, lowest, _, _ = _INNER.unpack_from(payload)
    counts = payload[_INNER.size :]
    if (cookie, offset, digits, lowest) != (_COOKIE, 0, _DIGITS, _LOWEST_US):
        raise ValueError(
            f"the histogram has {digits} digits from {lowest} (cookie {cookie:#x}, offset {offset}) instead of "
            f"{_DIGITS} digits from {_LOWEST_US} (cookie {_COOKIE:#x}, offset 0)"
        )
    if length != len(counts):
        raise ValueError(f"the histogram has {len(counts)} bytes of counts instead of {length}")
    return counts


def _put(out: bytearray, number: int) -> None:
    """Appends a number of 64 bits."""
    zigzag = number << 1 if number >= 0 else (-number << 1) - 1
    for _ in range(_NUMBER_BYTES_MAX - 1):
        if zigzag <= 0x7F:
            break
        out.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    out.append(zigzag)  # All eight bits count if it is the ninth byte.


def _numbers(data: bytes) -> Iterator[int]:
    zigzag = shift = 0
    for byte in data:
        if shift == 7 * (_NUMBER_BYTES_MAX - 1):
            # The ninth byte is the last one; all of its eight bits count.
            zigzag |= byte << shift
        else:
            zigzag |= (byte & 0x7F) << shift
            if byte & 0x80:
                shift += 7
                continue
        yield zigzag >> 1 ^ -(zigzag & 1)
        zigzag = shift = 0
    if shift:
        raise ValueError("the last count of the histogram is cut off")
