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

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from client.load.histogram import Histogram, merged
from client.load.interval_stats import GOOD, InstanceStats, IntervalStats, Outcome, OutcomeStats

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
        return max(0.0, self.until - self.since)

    def instance(self, instance_id: str) -> InstanceSummary | None:
        """Returns the share of this instance, or None."""
        return next((each for each in self.instances if each.id == instance_id), None)

    def others(self, *excluded: str) -> Latency:
        """Returns the latency of the attempts on all other instances."""
        return latency_of(merged(each.histogram for each in self.instances if each.id not in excluded))


def summarise(
    stats: IntervalStats, *, since: float, until: float, targets: tuple[str, ...], instances: bool = True
) -> Summary:
    """Returns the figures of an interval; `targets` are the names of the targets in the order of the plan."""
    response, service = times_of(stats.outcomes.items())
    return Summary(
        since=since,
        until=until,
        offered=stats.offered,
        started=stats.started,
        completed=_completed(stats.outcomes.items()),
        ok=sum(entry.response.total for (_, _, fault), entry in stats.outcomes.items() if fault == GOOD),
        hedged=stats.hedged,
        hedges_won=stats.hedges_won,
        resent=stats.resent,
        received_bytes=stats.received_bytes,
        response=latency_of(response),
        service=latency_of(service),
        lag=Lag(
            connection=latency_of(stats.connection_lag),
            generator=latency_of(stats.generator_lag),
            late=stats.generator_lag.count_above(LATE_US),
        ),
        errors=_errors(stats.outcomes.items()),
        statuses=_statuses(stats.outcomes.items()),
        classes=_classes(stats),
        targets=_targets(stats, targets),
        instances=tuple(_instance(name, one) for name, one in sorted(stats.instances.items())) if instances else (),
        response_histogram=response,
        service_histogram=service,
        messages=dict(stats.messages),
    )


def times_of(outcomes: Iterable[tuple[Outcome, OutcomeStats]]) -> tuple[Histogram, Histogram]:
    """Returns response and service times, as defined in `summary.py`."""
    response, service = Histogram(), Histogram()
    for (_, _, fault), entry in outcomes:
        if fault == GOOD:
            response.add(entry.response)
            service.add(entry.service or entry.response)
        elif fault in COUNTED_BY_AGE:
            response.add(entry.response)
    return response, service


def _completed(outcomes: Iterable[tuple[Outcome, OutcomeStats]]) -> int:
    # A flow has no status if its steps use clients of the script.
    return sum(entry.response.total for (_, status, fault), entry in outcomes if status or fault == GOOD)


def _errors(outcomes: Iterable[tuple[Outcome, OutcomeStats]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for (_, _, fault), entry in outcomes:
        if fault != GOOD:
            counts[fault] = counts.get(fault, 0) + entry.response.total
    return dict(sorted(counts.items()))


def _statuses(outcomes: Iterable[tuple[Outcome, OutcomeStats]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for (_, status, _), entry in outcomes:
        if status:
            counts[str(status)] = counts.get(str(status), 0) + entry.response.total
    return dict(sorted(counts.items()))


def _classes(stats: IntervalStats) -> dict[str, Latency]:
    names = sorted({status // 100 for _, status, _ in stats.outcomes if status})
    return {
        f"{name}xx": latency_of(
            merged(entry.response for (_, s, _), entry in stats.outcomes.items() if s // 100 == name)
        )
        for name in names
    }


def _targets(stats: IntervalStats, names: tuple[str, ...]) -> tuple[TargetSummary, ...]:
    steps = dict.fromkeys(str(name) for name, _, _ in stats.steps) if names else {}
    if len(names) + len(steps) <= 1:
        return ()
    return (
        *(_target(name, _outcomes_of(number, stats.outcomes)) for number, name in enumerate(names)),
        *(_target(name, _outcomes_of(name, stats.steps)) for name in steps),
    )


def _outcomes_of(target: int | str, outcomes: dict[Outcome, OutcomeStats]) -> list[tuple[Outcome, OutcomeStats]]:
    return [(outcome, entry) for outcome, entry in outcomes.items() if outcome[0] == target]


def _target(name: str, outcomes: list[tuple[Outcome, OutcomeStats]]) -> TargetSummary:
    response, service = times_of(outcomes)
    return TargetSummary(
        name=name,
        completed=_completed(outcomes),
        ok=sum(entry.response.total for (_, _, fault), entry in outcomes if fault == GOOD),
        errors=_errors(outcomes),
        response=latency_of(response),
        service=latency_of(service),
        response_histogram=response,
        service_histogram=service,
    )


def _instance(instance_id: str, stats: InstanceStats) -> InstanceSummary:
    return InstanceSummary(
        id=instance_id,
        type=stats.type,
        host=stats.host,
        shard=stats.shard,
        answered=stats.answered,
        lost=stats.lost,
        late=stats.late,
        errors=stats.errors,
        latency=latency_of(stats.latency),
        own=latency_of(stats.own),
        histogram=stats.latency,
    )
