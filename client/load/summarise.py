"""Makes the summary of an interval from its statistics. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from client.load.histogram import Histogram, merged
from client.load.interval_stats import GOOD, InstanceStats, IntervalStats, Outcome, OutcomeStats
from client.load.summary import (
    COUNTED_BY_AGE,
    LATE_US,
    InstanceSummary,
    Lag,
    Latency,
    Summary,
    TargetSummary,
    latency_of,
)


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
