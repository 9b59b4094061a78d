"""Reads logs as `client.load.report.hlog` writes them, on machines without the hdrhistogram library too."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from client.load.histogram import Histogram, merged


@dataclass(frozen=True, slots=True)
class Line:
    start_s: float
    seconds: float
    histogram: Histogram


@dataclass(frozen=True, slots=True)
class Hlog:
    """A log without a last line that was cut short."""

    began: float
    tags: dict[str, list[Line]]

    def merged(self, tag: str = "response", *, since_s: float = 0.0) -> Histogram:
        return merged(each.histogram for each in self.tags.get(tag, ()) if each.start_s >= since_s)


def read_hlog(path: Path) -> Hlog:
    began, tags = 0.0, defaultdict(list)
    for text in re.findall(r"(.*)\n", path.read_text()):
        if start := re.match(r"#\[StartTime: ([0-9.]+) ", text):
            began = float(start[1])
        elif line := re.fullmatch(r"Tag=([^,]+),([0-9.]+),([0-9.]+),([0-9.]+),(.+)", text):
            histogram = Histogram()
            histogram.counts.update(counts_of(line[5]))
            histogram.total = sum(histogram.counts.values())
            histogram.max_us = round(float(line[4]) * 1000)
            tags[line[1]].append(Line(float(line[2]), float(line[3]), histogram))
    return Hlog(began, dict(tags))


def payload_of(text: str) -> bytes:
    """Returns the decompressed histogram."""
    return zlib.decompress(base64.b64decode(text)[8:])


def counts_of(text: str) -> dict[int, int]:
    """Returns the samples of each bucket of a histogram in base64."""
    payload = payload_of(text)
    length = struct.unpack_from(">II", payload)[1]
    counts, bucket = {}, 0
    for number in _numbers(payload[-length:] if length else b""):
        if number > 0:
            counts[bucket] = number
        bucket += 1 if number >= 0 else -number
    return counts


def _numbers(data: bytes) -> Iterator[int]:
    zigzag = shift = 0
    for byte in data:
        # The ninth byte is the last one; all of its eight bits count.
        zigzag |= (byte if shift == 56 else byte & 0x7F) << shift
        shift += 7
        if byte < 0x80 or shift == 63:
            yield zigzag >> 1 ^ -(zigzag & 1)
            zigzag = shift = 0
