"""What the generator tells of a stretch of time: counts, both latencies, errors, its own lag, each instance's share.

Definitions. *Response* counts from the instant a request was due, *service* from the instant it was sent. Both hold
good answers; response also holds requests that ran into the timeout or were unfinished at the end, with the age they
had reached, so that a slow request cannot leave the distribution by being given up. Other errors have histograms of
their own: a quick refusal must not make the service look fast. A request belongs to the stretch in which it was due.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from client.load.histogram import Histogram, merged

PERCENTS = (50.0, 90.0, 99.0, 99.9, 99.99)


class Fault(StrEnum):
    """The classes of error."""

    CONNECT = "connect"
    RESET = "reset"
    TIMEOUT = "timeout"
    SHORT = "short"
    GARBAGE = "garbage"
    CLIENT_ERROR = "4xx"
    SERVER_ERROR = "5xx"
    WRONG = "wrong answer"
    PARTIAL = "partial"
    UNFINISHED = "unfinished"
    OVERFLOW = "overflow"
    """Too many already waited for a connection."""


COUNTED_BY_AGE = frozenset({Fault.TIMEOUT, Fault.UNFINISHED})
"""Faults whose age counts in the response time too: their users waited at least so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """A distribution in milliseconds; None where there are too few samples to say."""

    count: int = 0
    mean: float | None = None
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    p999: float | None = None
    p9999: float | None = None
    max: float | None = None

    @property
    def tail(self) -> tuple[str, float | None]:
        """The highest of p99, p90 that can be told, else the slowest: ("p99", 6.0)."""
        if self.p99 is not None:
            return "p99", self.p99
        if self.p90 is not None:
            return "p90", self.p90
        return "max", self.max


def latency_of(histogram: Histogram) -> Latency:
    """The distribution as figures."""
    if not histogram.total:
        return Latency()
    p50, p90, p99, p999, p9999 = (_ms(value) for value in histogram.percentiles_us(PERCENTS))
    return Latency(
        count=histogram.total, mean=_ms(histogram.mean_us()), max=_ms(histogram.max_us),
        p50=p50, p90=p90, p99=p99, p999=p999, p9999=p9999,
    )  # fmt: skip


def _ms(value_us: float | None) -> float | None:
    return None if value_us is None else round(value_us / 1000, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceSummary:
    """One instance's share, told by the front end in Server-Timing.

    `answered` attempts won; `lost` were overtaken by a hedge or were the hedge that came second; `late` ran out of
    time; `errors` failed. `latency` holds answered and late attempts and first attempts that lost, with the time they
    had taken until then."""

    id: str
    type: str
    host: str
    shard: int
    answered: int
    lost: int
    late: int
    errors: int
    latency: Latency
    histogram: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """From due to sent, in two parts: waiting for a free connection (the system is slow), and our own lateness."""

    connection: Latency
    generator: Latency


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A stretch from `since` until `until` (epoch seconds). Histograms are there in windows and at the end only."""

    since: float
    until: float
    offered: int
    started: int
    completed: int
    ok: int
    response: Latency
    service: Latency
    lag: Lag
    errors: dict[str, int]
    statuses: dict[str, int]
    instances: tuple[InstanceSummary, ...]
    response_histogram: list[int]
    service_histogram: list[int]

    @property
    def failed(self) -> int:
        """Requests that ended in an error of any class."""
        return sum(self.errors.values())

    @property
    def seconds(self) -> float:
        """The stretch's length."""
        return max(0.0, self.until - self.since)

    def instance(self, instance_id: str) -> InstanceSummary | None:
        """That instance's share, None if it had none."""
        return next((each for each in self.instances if each.id == instance_id), None)

    def others(self, *excluded: str) -> Latency:
        """The latency of all attempts on instances other than these; needs the histograms."""
        return latency_of(merged(_histograms(each for each in self.instances if each.id not in excluded)))


def _histograms(instances: Iterable[InstanceSummary]) -> Iterable[Histogram]:
    return (Histogram.from_json(each.histogram) for each in instances if each.histogram)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """An event noted during the run; windows that begin or end at a mark are exact to the request."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedRequest:
    """One request to show: what was asked, how long it took and the Server-Timing header that tells its way."""

    label: str
    response_ms: float
    service_ms: float
    status: int
    trace_id: str
    server_timing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The run at one moment. `recent` covers the last ten seconds; `total` all, but without its instances.

    `minute` is the response time of sixty seconds: at 20 requests a second a 99th percentile needs fifty of them.
    `last` and `slowest` are of the good answers since the snapshot before."""

    at: float
    elapsed_s: float
    rate_per_s: float
    in_flight: int
    waiting: int
    cpu_percent: float
    total: Summary
    recent: Summary
    minute: Latency
    last: TracedRequest | None
    slowest: TracedRequest | None
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run measured. `missed` arrivals were due and never taken up by the generator (they are in `offered`)."""

    total: Summary
    elapsed_s: float
    missed: int
    cpu_percent: float
    precise_timer: bool
    stopped: bool
    marks: tuple[Mark, ...]
