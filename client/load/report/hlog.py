"""HdrHistogram's log format (.hlog, 1.3): the complete histograms of each second of a run, readable by its tools.

There is a line for each interval and tag: `response`, `service`, and `error.` with the class of each error that
occurred (`error.wrong-answer`), as defined in `client.load.summary`. Requests that timed out are in `response` with
their age and also in `error.timeout`, so tags must never be added up. Values are microseconds; the column of maximum
values is milliseconds. The warm-up is in the log too.

Everything is pure except opening files.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

from client.load.histogram import Histogram, bucket_of, merged
from client.load.interval_stats import GOOD, IntervalStats
from client.load.report.hdr_encoding import from_hdr_text, hdr_text
from client.load.schedule import NS_PER_S
from client.load.summary import times_of
from vmhost.base.errors import InvalidInput

RESPONSE = "response"
SERVICE = "service"
ERROR = "error."
_START, _BASE = "#[StartTime:", "#[BaseTime:"
_LEGEND = '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'
_YEAR_S = 365 * 24 * 3600
_NUMBER_MAX = 1e12


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


@dataclass(frozen=True, slots=True, kw_only=True)
class HlogInterval:
    """One line: the histogram of a tag in the interval that began `start_s` seconds after the start of the log."""

    tag: str
    start_s: float
    seconds: float
    histogram: Histogram


@dataclass(frozen=True, slots=True, kw_only=True)
class Hlog:
    """A log. `began` is in epoch seconds; `cut_short`: the last line is incomplete, because its writer was killed."""

    began: float
    tags: dict[str, list[HlogInterval]] = field(default_factory=dict)
    cut_short: bool = False

    def merged(self, tag: str = RESPONSE, *, since_s: float = 0.0) -> Histogram:
        """Merges the intervals of a tag that began at `since_s` or later, for example after the warm-up."""
        return merged(each.histogram for each in self.tags.get(tag, ()) if each.start_s >= since_s)


def read_hlog(path: Path) -> Hlog:
    """Reads a log. Counts are exact, sums to 0.1 %, and maximum values to a microsecond if the line has three decimals.

    Raises InvalidInput with the number of the line that cannot be read."""
    try:
        with path.open("rb") as file:
            return _parsed(path, file)
    except OSError as error:
        raise InvalidInput(f"log {path} cannot be read: {error.strerror}") from error


def _header(began: float) -> Iterator[str]:
    yield "#[Logged with glasscloud]"
    yield "#[Histogram log format version 1.3]"
    yield f"{_START} {began:.6f} (seconds since epoch), {datetime.fromtimestamp(began, UTC):%Y-%m-%dT%H:%M:%SZ}]"
    yield f"{_BASE} {began:.6f} (seconds since epoch)]"
    yield _LEGEND


def _tagged(stats: IntervalStats) -> Iterator[tuple[str, Histogram]]:
    response, service = times_of(stats.outcomes.items())
    yield RESPONSE, response
    yield SERVICE, service
    errors: defaultdict[str, Histogram] = defaultdict(Histogram)
    for (_, _, fault), entry in stats.outcomes.items():
        if fault != GOOD:
            errors[fault].add(entry.response)
    for fault in sorted(errors):
        # Tags cannot contain spaces.
        yield ERROR + fault.replace(" ", "-"), errors[fault]


def _parsed(path: Path, lines: Iterable[bytes]) -> Hlog:
    began = base = None
    tags: defaultdict[str, list[HlogInterval]] = defaultdict(list)
    cut_short = False
    for number, line in enumerate(lines, 1):
        if not line.endswith(b"\n"):
            cut_short = True
            break
        try:
            text = line.decode().rstrip("\r\n")
            if text.startswith(_START):
                began = _epoch(text)
            elif text.startswith(_BASE):
                base = _epoch(text)
            elif not text.startswith(("#", '"')):
                interval = _interval(text, began, base)
                tags[interval.tag].append(interval)
        except ValueError as error:
            raise InvalidInput(f"log {path}, line {number} cannot be read: {error}") from error
    if began is None:
        raise InvalidInput(f"log {path} has no start time; is it a .hlog file?")
    return Hlog(began=began, tags=dict(tags), cut_short=cut_short)


def _epoch(text: str) -> float:
    return _number(text.partition(":")[2].partition("(")[0].strip(), "a time in epoch seconds")


def _interval(text: str, began: float | None, base: float | None) -> HlogInterval:
    if began is None:
        raise ValueError("it comes before the start time")
    tag, fields = "", text.split(",")
    if fields[0].startswith("Tag="):
        tag = fields.pop(0).removeprefix("Tag=")
    if len(fields) != 4:
        raise ValueError(f"it has {len(fields)} fields instead of 4: start, length, maximum, histogram")
    stamp, seconds, maximum = (_number(each, "a number") for each in fields[:3])
    if base is None:
        # HdrHistogram's rule: times more than a year before the start are relative to the start.
        base = began if stamp < began - _YEAR_S else 0.0
    histogram = from_hdr_text(fields[3])
    max_us = round(maximum * 1000)
    if histogram.max_us and bucket_of(max_us) == bucket_of(histogram.max_us):
        histogram.max_us = max_us
    return HlogInterval(tag=tag, start_s=stamp + (base - began), seconds=seconds, histogram=histogram)


def _number(text: str, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < _NUMBER_MAX:
        raise ValueError(f"{text!r} is not {what}")
    return number
