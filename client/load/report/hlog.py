"""HdrHistogram's log format (.hlog, 1.3): the complete histograms of each second of a run, readable by its tools.

There is a line for each interval and tag: `response`, `service`, and `error.` with the class of each error that
occurred (`error.wrong-answer`), as defined in `client.load.summary`. Requests that timed out are in `response` with
their age and also in `error.timeout`, so tags must never be added up. Values are microseconds; the column of maximum
values is milliseconds. The warm-up is in the log too.

Histograms are encoded as HdrHistogram does (V2, compressed): a header, then the counts from the lowest bucket to the
highest one used, each as a zigzag LEB128 number; a negative number -n stands for n empty buckets. All of it is
compressed by zlib behind a second header, and written as base64. It follows the Java implementation
(`AbstractHistogram.encodeIntoCompressedByteBuffer`) for histograms of 3 significant digits from 1, whose buckets are
the same as ours. Written by hand because the `hdrhistogram` package has no wheel for arm64 Linux; the tests compare
with it.

Everything is pure except opening files.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

from client.load.histogram import HIGHEST_US, Histogram
from client.load.interval_stats import GOOD, IntervalStats
from client.load.schedule import NS_PER_S
from client.load.summary import times_of
from vmhost.base.errors import InvalidInput

_COMPRESSED_COOKIE = 0x1C849314
_COOKIE = 0x1C849313
_OUTER = struct.Struct(">II")
"""Cookie, length of what follows."""
_INNER = struct.Struct(">IIIIQQd")
"""Cookie, length of the counts, offset of the first bucket, digits, lowest and highest value, ratio to a double."""
_DIGITS, _LOWEST_US = 3, 1
_NUMBER_BYTES_MAX = 9


def open_hlog(path: Path) -> FileIO:
    """Opens an empty file for a `HlogWriter`, before the run starts. Raises InvalidInput if it cannot be written."""
    try:
        # Unbuffered: each interval is one write, which survives if this process is killed.
        return path.open("wb", buffering=0)
    except OSError as error:
        raise InvalidInput(f"log {path} cannot be written: {error.strerror}") from error


class HlogWriter:
    """Writes a run that began at `began` (epoch seconds) to a file from `open_hlog`.

    After a failure, such as a full disk, `fault` says what happened and nothing more is written: the run goes on."""

    def __init__(self, file: FileIO, began: float) -> None:
        self.fault = ""
        self._file = file
        self._write(_header(began))

    def write_interval(self, stats: IntervalStats) -> None:
        """Writes an interval whose requests have all ended."""
        start_s, seconds = stats.start_ns / NS_PER_S, (stats.end_ns - stats.start_ns) / NS_PER_S
        self._write(
            f"Tag={tag},{start_s:.6f},{seconds:.6f},{histogram.max_us / 1000:.3f},{hdr_text(histogram)}"
            for tag, histogram in _tagged(stats)
        )

    def _write(self, lines: Iterable[str]) -> None:
        if self.fault:
            return
        data = "".join(f"{line}\n" for line in lines).encode()
        try:
            written = self._file.write(data)
        except OSError as error:
            self.fault = error.strerror or str(error)
        else:
            if written < len(data):
                self.fault = f"only {written} of {len(data)} bytes could be written"


def _header(began: float) -> Iterator[str]:
    yield "#[Logged with glasscloud]"
    yield "#[Histogram log format version 1.3]"
    yield f"#[StartTime: {began:.6f} (seconds since epoch), {datetime.fromtimestamp(began, UTC):%Y-%m-%dT%H:%M:%SZ}]"
    yield f"#[BaseTime: {began:.6f} (seconds since epoch)]"
    yield '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'


def _tagged(stats: IntervalStats) -> Iterator[tuple[str, Histogram]]:
    response, service = times_of(stats.outcomes.items())
    yield "response", response
    yield "service", service
    errors: defaultdict[str, Histogram] = defaultdict(Histogram)
    for (_, _, fault), entry in stats.outcomes.items():
        if fault != GOOD:
            errors[fault].add(entry.response)
    for fault in sorted(errors):
        # Tags cannot contain spaces.
        yield "error." + fault.replace(" ", "-"), errors[fault]


def hdr_text(histogram: Histogram) -> str:
    """Returns the histogram as base64, as in a log."""
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
    return base64.b64encode(_OUTER.pack(_COMPRESSED_COOKIE, len(packed)) + packed).decode()


def _put(out: bytearray, number: int) -> None:
    """Appends a number of 64 bits."""
    zigzag = number << 1 if number >= 0 else (-number << 1) - 1
    for _ in range(_NUMBER_BYTES_MAX - 1):
        if zigzag <= 0x7F:
            break
        out.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    out.append(zigzag)  # All eight bits count if it is the ninth byte.
