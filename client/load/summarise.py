"""Makes the summary of an interval from its statistics. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from client.load.histogram import Histogram, merged
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
from client.load.tally import GOOD, Cell, Ending, InstanceTally, Tally


def summarise(tally: Tally, *, since: float, until: float, targets: tuple[str, ...], instances: bool = True) -> Summary:
    """Returns the figures of an interval; `targets` are the names of the targets in the order of the plan."""
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
    """Returns response and service times, as defined in `summary.py`."""
    response, service = Histogram(), Histogram()
    for (_, _, fault), cell in cells:
        if fault == GOOD:
            response.add(cell.response)
            service.add(cell.service or cell.response)
        elif fault in COUNTED_BY_AGE:
            response.add(cell.response)
    return response, service


def _completed(cells: Iterable[tuple[Ending, Cell]]) -> int:
    # A flow has no status if its steps use clients of the script.
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
