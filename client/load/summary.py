"""The figures of an interval or a whole run: counts, both latencies, errors, send lag, and the share of each target and
instance.

Definitions: *response time* counts from the moment a request was due, *service time* from the moment it was sent; in a
closed loop there is no schedule, and both are the same. Both contain good responses. Response time also contains
requests that timed out or were unfinished at the end, with their age at that moment: a slow request must not disappear
from the distribution because it was given up. Other errors have their own histograms: a quick refusal must not make the
service look fast. A request belongs to the interval in which it was due. In a script, each flow is a request with the
status of its last response; its steps are additional targets and have service times only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from client.load.examples import FailureExample
from client.load.generator_limits import NO_LIMITS, GeneratorLimits, combine_limits
from client.load.histogram import Histogram, merged
from client.load.standstill import Standstill, merge_standstills

LATE_US = 10_000
"""If more than 1 % of the requests are sent later than this, the figures show the load generator, not the service."""
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
    NOT_DECODABLE = "not decodable"
    """The body has an unknown content coding, so its text cannot be checked."""
    SCRIPT = "script error"
    """The script itself failed, which says nothing about the server."""
    PARTIAL = "partial"
    UNFINISHED = "unfinished"
    OVERFLOW = "overflow"
    """Too many requests already waited for a connection."""
    GENERATOR = "generator limit"
    """The load generator had no file, port or memory left for a connection, which says nothing about the server."""


COUNTED_BY_AGE = frozenset({Fault.TIMEOUT, Fault.UNFINISHED})
"""Errors whose age counts as response time: their users waited at least that long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """A distribution in milliseconds; None if there are too few samples."""

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
        """The highest of p99 and p90 that is known, else the maximum: ("p99", 6.0)."""
        if self.p99 is not None:
            return "p99", self.p99
        if self.p90 is not None:
            return "p90", self.p90
        return "max", self.max


def latency_of(histogram: Histogram) -> Latency:
    """Returns the percentiles of a histogram."""
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
    """The share of one instance, reported by the front end in Server-Timing.

    `answered` attempts won; `lost` ones were slower than another attempt for the same request; `late` ones timed out;
    `errors` failed. `latency` contains answered and late attempts, and first attempts that lost, with their time until
    then. `own` is the service time that the instance reports with each response."""

    id: str
    type: str
    host: str
    shard: int
    answered: int
    lost: int
    late: int
    errors: int
    latency: Latency
    own: Latency
    histogram: Histogram


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSummary:
    """The share of one target. `completed` requests got a response, `ok` ones a good response."""

    name: str
    completed: int
    ok: int
    errors: dict[str, int]
    response: Latency
    service: Latency
    response_histogram: Histogram
    service_histogram: Histogram

    @property
    def failed(self) -> int:
        """Requests that ended in an error of any class."""
        return sum(self.errors.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """The time from due to sent, in two parts: waiting for a free connection, and the delay of the generator itself.

    `late` requests were sent more than 10 ms late because of the generator."""

    connection: Latency
    generator: Latency
    late: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The figures from `since` until `until` (epoch seconds). Histograms are shared: copy one before you change it.

    `classes` are the response times by status class ("2xx"), good or bad. `hedged` requests were sent a second time,
    in addition to `started`; in `hedges_won` cases the second response came first. `resent` requests were sent again
    because the server had closed an idle connection. `messages` are the messages with which a script ended flows, the
    first different ones, with counts."""

    since: float
    until: float
    offered: int
    started: int
    completed: int
    ok: int
    hedged: int
    hedges_won: int
    resent: int
    received_bytes: int
    response: Latency
    service: Latency
    lag: Lag
    errors: dict[str, int]
    statuses: dict[str, int]
    classes: dict[str, Latency]
    targets: tuple[TargetSummary, ...]
    instances: tuple[InstanceSummary, ...]
    response_histogram: Histogram
    service_histogram: Histogram
    messages: dict[str, int]

    @property
    def failed(self) -> int:
        """Requests that ended in an error of any class."""
        return sum(self.errors.values())

    @property
    def seconds(self) -> float:
        """The length of the interval."""
        return max(0.0, self.until - self.since)

    def instance(self, instance_id: str) -> InstanceSummary | None:
        """Returns the share of this instance, or None."""
        return next((each for each in self.instances if each.id == instance_id), None)

    def others(self, *excluded: str) -> Latency:
        """Returns the latency of the attempts on all other instances."""
        return latency_of(merged(each.histogram for each in self.instances if each.id not in excluded))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """An event during the run; windows that start or end at a mark are exact to the request."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedRequest:
    """One request to show: its label, its times, and its Server-Timing header with the attempts."""

    label: str
    response_ms: float
    service_ms: float
    status: int
    trace_id: str
    server_timing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineColumn:
    """An interval of the timeline. `began` counts from the start of the run; figures leave out `warm_up` columns."""

    began: float
    seconds: float
    offered: int
    started: int
    completed: int
    ok: int
    errors: dict[str, int]
    response_histogram: Histogram
    service_histogram: Histogram
    warm_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The state of a run. `moment` covers the last two seconds, `recent` the last ten, `total` all without instances.

    `minute` is the response time of the last sixty seconds: at 20 requests/s, a p99 needs fifty of them. `last` and
    `slowest` are good responses since the former snapshot. `cpu_percent` is that of the busiest of `processes`.
    `timeline` is the run so far, the newest column last."""

    at: float
    elapsed_s: float
    rate_per_s: float
    in_flight: int
    waiting: int
    cpu_percent: float
    processes: int
    total: Summary
    recent: Summary
    moment: Summary
    minute: Latency
    last: TracedRequest | None
    slowest: TracedRequest | None
    marks: tuple[Mark, ...]
    timeline: tuple[TimelineColumn, ...]
    examples: tuple[FailureExample, ...] = ()
    """Failed requests, a few of each kind."""
    output: tuple[str, ...] = ()
    """The first and last lines that a script printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockingCall:
    """A place in a script that blocked the event loop of its process; `where` is its file and line."""

    where: str
    function: str
    line: str
    count: int
    total_s: float
    longest_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessResult:
    """One process of the generator at the end of the run. `lost`: it exited or lost its connection before the end."""

    name: str
    cpu_percent: float
    precise_timer: bool
    missed: int
    lost: bool = False
    own: GeneratorLimits = NO_LIMITS
    blocked: tuple[BlockingCall, ...] = ()
    standstills: tuple[Standstill, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """The results of a run; `total` leaves out the warm-up. `elapsed_s` is the length of the schedule as it was run.

    `missed` arrivals were due, but the generator never handled them (they are included in `offered`)."""

    total: Summary
    elapsed_s: float
    missed: int
    processes: tuple[ProcessResult, ...]
    stopped: bool
    marks: tuple[Mark, ...]
    timeline: tuple[TimelineColumn, ...]
    steered: bool = False
    """Whether the rate was changed by hand."""
    examples: tuple[FailureExample, ...] = ()
    """Failed requests, a few of each kind."""
    output: tuple[str, ...] = ()
    """The first and last lines that a script printed."""

    @property
    def cpu_percent(self) -> float:
        """The CPU use of the busiest process, in percent of a core."""
        return max((each.cpu_percent for each in self.processes), default=0.0)

    @property
    def standstills(self) -> tuple[Standstill, ...]:
        """The times in which the processes did not run; all figures leave them out."""
        return merge_standstills(standstill for each in self.processes for standstill in each.standstills)

    @property
    def own(self) -> GeneratorLimits:
        """Where the load generator itself was the limit."""
        return combine_limits(each.own for each in self.processes)

    @property
    def precise_timer(self) -> bool:
        """Whether every process has a timer that is exact to microseconds."""
        return all(each.precise_timer for each in self.processes)
