"""What the generator tells of a stretch of time: counts, both latencies, errors, its own lag, each target's and
instance's share.

Definitions. *Response* counts from the instant a request was due, *service* from the instant it was sent; a closed loop
has no schedule, and both are the same. Both hold good answers; response also holds requests that ran into the timeout
or were unfinished at the end, with the age they had reached, so that a slow request cannot leave the distribution by
being given up. Other errors have histograms of their own: a quick refusal must not make the service look fast. A
request belongs to the stretch in which it was due. Of a script, its flows are the requests; the status of a flow is its
last answer's, and its steps, which have service times only, are further targets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from client.load.examples import Example
from client.load.histogram import Histogram, merged
from client.load.own_limits import NO_LIMITS, OwnLimits, together
from client.load.standstill import Standstill, joined
from client.load.tally import GOOD, Cell, Ending, InstanceTally, Tally

LATE_US = 10_000
"""A generator that sends later than this more often than once in a hundred measures itself."""
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
    """The body has a content coding that is not known here, so its text cannot be checked."""
    SCRIPT = "script error"
    """The script itself failed: it says nothing of the server."""
    PARTIAL = "partial"
    UNFINISHED = "unfinished"
    OVERFLOW = "overflow"
    """Too many already waited for a connection."""
    GENERATOR = "generator limit"
    """This side had no file, port or memory left for a connection: it says nothing of the server."""


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
    had taken until then. `own` is the instance's own service time, as it told it with each answer."""

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
    """One target's share. `completed` got an answer, `ok` a good one."""

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
    """From due to sent, in two parts: waiting for a free connection, and the generator's own lateness.

    `late` requests were sent more than 10 ms late by the generator's own fault."""

    connection: Latency
    generator: Latency
    late: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A stretch from `since` until `until` (epoch seconds). Histograms are shared: whoever changes one copies it.

    `classes` are the response times of answers by status class ("2xx"), good or bad. `hedged` requests were sent a
    second time, beyond `started`; of these `hedges_won` answered first. `resent` requests were sent again because the
    server had closed an idle connection. `messages` are the first different ones with
    which a script ended flows, and how often."""

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
        """The stretch's length."""
        return max(0.0, self.until - self.since)

    def instance(self, instance_id: str) -> InstanceSummary | None:
        """That instance's share, None if it had none."""
        return next((each for each in self.instances if each.id == instance_id), None)

    def others(self, *excluded: str) -> Latency:
        """The latency of all attempts on instances other than these."""
        return latency_of(merged(each.histogram for each in self.instances if each.id not in excluded))


def summarise(tally: Tally, *, since: float, until: float, targets: tuple[str, ...], instances: bool = True) -> Summary:
    """A tally as figures; `targets` are the plan's names in order."""
    response, service = times_of(tally.cells.items())
    return Summary(
        since=since,
        until=until,
        offered=tally.offered,
        started=tally.started,
        completed=_completed(tally.cells.items()),
        ok=sum(cell.response.total for (_, _, fault), cell in tally.cells.items() if fault == GOOD),
        hedged=tally.hedged,
        hedges_won=tally.hedges_won,
        resent=tally.resent,
        received_bytes=tally.received_bytes,
        response=latency_of(response),
        service=latency_of(service),
        lag=Lag(
            connection=latency_of(tally.connection_lag),
            generator=latency_of(tally.generator_lag),
            late=tally.generator_lag.count_above(LATE_US),
        ),
        errors=_errors(tally.cells.items()),
        statuses=_statuses(tally.cells.items()),
        classes=_classes(tally),
        targets=_targets(tally, targets),
        instances=tuple(_instance(name, one) for name, one in sorted(tally.instances.items())) if instances else (),
        response_histogram=response,
        service_histogram=service,
        messages=dict(tally.messages),
    )


def times_of(cells: Iterable[tuple[Ending, Cell]]) -> tuple[Histogram, Histogram]:
    """Response and service time by the definitions above."""
    response, service = Histogram(), Histogram()
    for (_, _, fault), cell in cells:
        if fault == GOOD:
            response.add(cell.response)
            service.add(cell.service or cell.response)
        elif fault in COUNTED_BY_AGE:
            response.add(cell.response)
    return response, service


def _completed(cells: Iterable[tuple[Ending, Cell]]) -> int:
    # A flow whose steps use clients of the script's own has no status.
    return sum(cell.response.total for (_, status, fault), cell in cells if status or fault == GOOD)


def _errors(cells: Iterable[tuple[Ending, Cell]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for (_, _, fault), cell in cells:
        if fault != GOOD:
            counts[fault] = counts.get(fault, 0) + cell.response.total
    return dict(sorted(counts.items()))


def _statuses(cells: Iterable[tuple[Ending, Cell]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for (_, status, _), cell in cells:
        if status:
            counts[str(status)] = counts.get(str(status), 0) + cell.response.total
    return dict(sorted(counts.items()))


def _classes(tally: Tally) -> dict[str, Latency]:
    names = sorted({status // 100 for _, status, _ in tally.cells if status})
    return {
        f"{name}xx": latency_of(merged(cell.response for (_, s, _), cell in tally.cells.items() if s // 100 == name))
        for name in names
    }


def _targets(tally: Tally, names: tuple[str, ...]) -> tuple[TargetSummary, ...]:
    steps = dict.fromkeys(str(name) for name, _, _ in tally.steps) if names else {}
    if len(names) + len(steps) <= 1:
        return ()
    return (
        *(_target(name, _cells_of(number, tally.cells)) for number, name in enumerate(names)),
        *(_target(name, _cells_of(name, tally.steps)) for name in steps),
    )


def _cells_of(target: int | str, cells: dict[Ending, Cell]) -> list[tuple[Ending, Cell]]:
    return [(ending, cell) for ending, cell in cells.items() if ending[0] == target]


def _target(name: str, cells: list[tuple[Ending, Cell]]) -> TargetSummary:
    response, service = times_of(cells)
    return TargetSummary(
        name=name,
        completed=_completed(cells),
        ok=sum(cell.response.total for (_, _, fault), cell in cells if fault == GOOD),
        errors=_errors(cells),
        response=latency_of(response),
        service=latency_of(service),
        response_histogram=response,
        service_histogram=service,
    )


def _instance(instance_id: str, tally: InstanceTally) -> InstanceSummary:
    return InstanceSummary(
        id=instance_id,
        type=tally.type,
        host=tally.host,
        shard=tally.shard,
        answered=tally.answered,
        lost=tally.lost,
        late=tally.late,
        errors=tally.errors,
        latency=latency_of(tally.latency),
        own=latency_of(tally.own),
        histogram=tally.latency,
    )


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
class Column:
    """A stretch of the timeline. `began` and `seconds` count from the run's start; `warm_up` is left out of figures."""

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
    """The run at one moment. `recent` covers the last ten seconds, `moment` the last two; `total` all, but without its
    instances.

    `minute` is the response time of sixty seconds: at 20 requests a second a 99th percentile needs fifty of them.
    `last` and `slowest` are of the good answers since the snapshot before. `cpu_percent` is that of the busiest of
    `processes`. `timeline` is the run so far, the newest column last."""

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
    timeline: tuple[Column, ...]
    examples: tuple[Example, ...] = ()
    """Failures, a few of each kind."""
    output: tuple[str, ...] = ()
    """What a script printed, its first and last lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """A place in a script that kept the event loop of its process from running: `where` is its file and line."""

    where: str
    function: str
    line: str
    count: int
    total_s: float
    longest_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One of the generator's processes, as it was at the end. `lost`: it died or its line was cut before the end."""

    name: str
    cpu_percent: float
    precise_timer: bool
    missed: int
    lost: bool = False
    own: OwnLimits = NO_LIMITS
    blocked: tuple[Blocked, ...] = ()
    standstills: tuple[Standstill, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run measured, its warm-up left out of `total`. `elapsed_s` is the schedule's length as it was run.

    `missed` arrivals were due and never taken up by the generator (they are in `offered`)."""

    total: Summary
    elapsed_s: float
    missed: int
    processes: tuple[Process, ...]
    stopped: bool
    marks: tuple[Mark, ...]
    timeline: tuple[Column, ...]
    steered: bool = False
    """Whether somebody changed its rate while it ran."""
    examples: tuple[Example, ...] = ()
    """Failures, a few of each kind."""
    output: tuple[str, ...] = ()
    """What a script printed, its first and last lines."""

    @property
    def cpu_percent(self) -> float:
        """CPU of the busiest process, in percent of a core."""
        return max((each.cpu_percent for each in self.processes), default=0.0)

    @property
    def standstills(self) -> tuple[Standstill, ...]:
        """When its processes did not run, which is left out of all figures."""
        return joined(standstill for each in self.processes for standstill in each.standstills)

    @property
    def own(self) -> OwnLimits:
        """Where the generator itself was the limit."""
        return together(each.own for each in self.processes)

    @property
    def precise_timer(self) -> bool:
        """Whether every process could wake to within microseconds."""
        return all(each.precise_timer for each in self.processes)
