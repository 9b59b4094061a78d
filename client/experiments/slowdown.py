"""What clients noticed: lost requests, latencies, and the instance that slowed down most. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from client.experiments.results import Row
from client.load.histogram import SAMPLES_BEYOND_MIN
from client.load.summary import Latency, Summary

TAILS = ("p99", "p90", "max")
"""The measures of slow responses, best first; the samples must support the one that is used."""


def client_rows(
    victim: str, *, whole: Summary | None, before: Summary | None, during: Summary | None, after: Summary | None
) -> tuple[Row, ...]:
    """Return the figures that clients saw: requests and losses of the `whole` window, latencies of the other instances.

    Empty without a load throughout."""
    if whole is None:
        return ()
    rows = [
        Row(label="requests", during=whole.offered),
        Row(label="lost requests", during=whole.failed, bad=whole.failed > 0),
    ]
    if before is not None and during is not None:
        others = [None if window is None else window.others(victim) for window in (before, during, after)]
        tail = next((name for name in TAILS if all(each and _tail(name, each) is not None for each in others[:2])), "")
        if tail:
            values = [None if each is None else _tail(tail, each) for each in others]
            label = f"{tail} of the other instances"
            rows.append(Row(label=label, unit="ms", before=values[0], during=values[1], after=values[2]))
    if (worst := worst_victim(victim, before=before, during=during, after=after)) is not None:
        rows.append(
            Row(
                label=f"slowed most: {worst.instance_id}, {worst.tail}", unit="ms", before=worst.before_ms,
                during=worst.during_ms, after=worst.after_ms, instance_id=worst.instance_id,
            )
        )  # fmt: skip
    return tuple(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstVictim:
    """The instance whose slow responses became slower by most: the same `tail` (p99, p90 or max) in three windows.

    `after_ms` is None if there were too few attempts."""

    instance_id: str
    tail: str
    before_ms: float
    during_ms: float
    after_ms: float | None


def worst_victim(
    culprit: str, *, before: Summary | None, during: Summary | None, after: Summary | None
) -> WorstVictim | None:
    """Return the instance that slowed down most; None if none did, or there were too few attempts to say.

    All instances are compared by the highest tail that the samples of each support in both windows. The maximum of a
    window counts from ten attempts on, as many as a percentile needs beyond it."""
    if before is None or during is None:
        return None
    pairs = [
        (instance.latency, same.latency, instance.id)
        for instance in before.instances
        if instance.id != culprit and (same := during.instance(instance.id)) is not None
    ]
    pairs = [pair for pair in pairs if min(pair[0].count, pair[1].count) >= SAMPLES_BEYOND_MIN]
    if not pairs:
        return None
    tail = next(name for name in TAILS if all(_tail(name, each) is not None for pair in pairs for each in pair[:2]))
    rises = [(_ms(tail, now) - _ms(tail, then), instance_id) for then, now, instance_id in pairs]
    rise_ms, worst = max(rises)
    if rise_ms <= 0:
        return None
    then, now = next((then, now) for then, now, instance_id in pairs if instance_id == worst)
    later = None if after is None else after.instance(worst)
    return WorstVictim(
        instance_id=worst,
        tail=tail,
        before_ms=_ms(tail, then),
        during_ms=_ms(tail, now),
        after_ms=None if later is None else _tail(tail, later.latency),
    )


def _tail(name: str, latency: Latency) -> float | None:
    """Return that tail in milliseconds; None if there are too few samples."""
    if latency.count < SAMPLES_BEYOND_MIN:
        return None
    return {"p99": latency.p99, "p90": latency.p90, "max": latency.max}[name]


def _ms(name: str, latency: Latency) -> float:
    value = _tail(name, latency)
    assert value is not None, "only supported tails are compared"
    return value
