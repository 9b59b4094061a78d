"""HdrHistogram's log (.hlog, format 1.3): a run's seconds, each with its whole distributions, readable by its tools.

A line for each stretch and tag: `response`, `service`, and `error.` with the class of each error that occurred
(`error.wrong-answer`). They are what `client.load.summary` defines: what ran into the timeout stands in `response` by
its age, and in `error.timeout` too, so tags are never added up. Values are microseconds, the column of largest values
is milliseconds. The warm-up stands in the log as well.

All is pure but the opening of files.
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
from client.load.report.hdr import from_hdr_text, hdr_text
from client.load.schedule import NS_PER_S
from client.load.summary import times_of
from client.load.tally import GOOD, Tally
from vmhost.base.errors import InvalidInput

RESPONSE = "response"
SERVICE = "service"
ERROR = "error."
_START, _BASE = "#[StartTime:", "#[BaseTime:"
_LEGEND = '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'
_YEAR_S = 365 * 24 * 3600
_NUMBER_MAX = 1e12


def open_hlog(path: Path) -> FileIO:
    """An empty file for a `HlogWriter`. Raises InvalidInput where there can be none: open it before the run begins."""
    try:
        # Unbuffered: each stretch is one write, which a kill of this process cannot take back.
        return path.open("wb", buffering=0)
    except OSError as error:
        raise InvalidInput(
            f"log {path} cannot be written: {error.strerror}; expected a file in a folder that is yours to write"
        ) from error


class HlogWriter:
    """Writes a run that began at `began` (epoch seconds) to a file from `open_hlog`.

    `stretch` is a LoadRun's `on_stretch`. `fault` says what kept it from writing, such as a full disk, and is empty
    while nothing does. It writes nothing after that: a run is worth more than its log."""

    def __init__(self, file: FileIO, began: float) -> None:
        self.fault = ""
        self._file = file
        self._write(_header(began))

    def stretch(self, tally: Tally) -> None:
        """Writes a stretch whose requests have all ended, also one in which none did well."""
        start_s, seconds = tally.start_ns / NS_PER_S, (tally.end_ns - tally.start_ns) / NS_PER_S
        self._write(
            f"Tag={tag},{start_s:.6f},{seconds:.6f},{histogram.max_us / 1000:.3f},{hdr_text(histogram)}"
            for tag, histogram in _tagged(tally)
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
                self.fault = f"{written} of {len(data)} bytes had room"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A line: a stretch that began `start_s` seconds after the log's start, and what its tag says of it."""

    tag: str
    start_s: float
    seconds: float
    histogram: Histogram


@dataclass(frozen=True, slots=True, kw_only=True)
class Hlog:
    """A log. `began` is in epoch seconds; `cut_short`: whoever wrote it was killed in the middle of its last line."""

    began: float
    tags: dict[str, list[Interval]] = field(default_factory=dict)
    cut_short: bool = False

    def merged(self, tag: str = RESPONSE, *, since_s: float = 0.0) -> Histogram:
        """All stretches of a tag that began so many seconds after the start or later, say after the warm-up."""
        return merged(each.histogram for each in self.tags.get(tag, ()) if each.start_s >= since_s)


def read_hlog(path: Path) -> Hlog:
    """The log. Counts are exact, sums within 0.1 %, largest values exact where the line has them in milliseconds.

    Raises InvalidInput, naming the line, for what is no log or none of our histograms (see `hdr.py`)."""
    try:
        with path.open("rb") as file:
            return _parsed(path, file)
    except OSError as error:
        raise InvalidInput(f"log {path} cannot be read: {error.strerror}; expected a .hlog file") from error


def _header(began: float) -> Iterator[str]:
    yield "#[Logged with glasscloud]"
    yield "#[Histogram log format version 1.3]"
    yield f"{_START} {began:.6f} (seconds since epoch), {datetime.fromtimestamp(began, UTC):%Y-%m-%dT%H:%M:%SZ}]"
    yield f"{_BASE} {began:.6f} (seconds since epoch)]"
    yield _LEGEND


def _tagged(tally: Tally) -> Iterator[tuple[str, Histogram]]:
    response, service = times_of(tally.cells.items())
    yield RESPONSE, response
    yield SERVICE, service
    errors: defaultdict[str, Histogram] = defaultdict(Histogram)
    for (_, _, fault), cell in tally.cells.items():
        if fault != GOOD:
            errors[fault].add(cell.response)
    for fault in sorted(errors):
        # A space would end the tag.
        yield ERROR + fault.replace(" ", "-"), errors[fault]


def _parsed(path: Path, lines: Iterable[bytes]) -> Hlog:
    began = base = None
    tags: defaultdict[str, list[Interval]] = defaultdict(list)
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
            raise InvalidInput(f"log {path}, line {number} is not understood: {error}") from error
    if began is None:
        raise InvalidInput(f"log {path} does not say when it began; expected a line {_START} …] of a .hlog file")
    return Hlog(began=began, tags=dict(tags), cut_short=cut_short)


def _epoch(text: str) -> float:
    return _number(text.partition(":")[2].partition("(")[0].strip(), "a time in epoch seconds")


def _interval(text: str, began: float | None, base: float | None) -> Interval:
    if began is None:
        raise ValueError(f"it stands before the start; expected a line {_START} …] first")
    tag, fields = "", text.split(",")
    if fields[0].startswith("Tag="):
        tag = fields.pop(0).removeprefix("Tag=")
    if len(fields) != 4:
        raise ValueError(f"it has {len(fields)} fields; expected start, length, largest and histogram")
    stamp, seconds, largest = (_number(each, "a number") for each in fields[:3])
    if base is None:
        # HdrHistogram's rule: what lies more than a year before the start is meant to count from there.
        base = began if stamp < began - _YEAR_S else 0.0
    histogram = from_hdr_text(fields[3])
    max_us = round(largest * 1000)
    if histogram.max_us and bucket_of(max_us) == bucket_of(histogram.max_us):
        histogram.max_us = max_us
    return Interval(tag=tag, start_s=stamp + (base - began), seconds=seconds, histogram=histogram)


def _number(text: str, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < _NUMBER_MAX:
        raise ValueError(f"{text!r} stands where {what} is expected")
    return number
