"""What clients noticed: lost requests, latencies, and the instance that slowed down most. Pure."""

from __future__ import annotations

from client.experiments.results import Row
from client.load.histogram import SAMPLES_BEYOND_MIN
from client.load.summary import Latency, Summary

_TAILS = ("p99", "p90", "max")
"""The measures of slow responses, best first."""


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
        if tail := shared_tail(others[:2]):
            rows.append(_row(f"{tail} of the other instances", tail, others))
        if (worst := worst_victim(victim, before=before, during=during, after=after)) is not None:
            rows.append(worst)
    return tuple(rows)


def worst_victim(culprit: str, *, before: Summary, during: Summary, after: Summary | None) -> Row | None:
    """Return the instance whose slow responses became slower by most; None if none did, or too few attempts say so.

    All instances are compared by the highest tail that the samples of each support in both windows. The maximum of a
    window counts from ten attempts on, as many as a percentile needs beyond it."""
    pairs = {
        instance.id: (instance.latency, same.latency)
        for instance in before.instances
        if instance.id != culprit and (same := during.instance(instance.id)) is not None
        if min(instance.latency.count, same.latency.count) >= SAMPLES_BEYOND_MIN
    }
    tail = shared_tail([each for pair in pairs.values() for each in pair])
    if not tail:
        return None
    rise_ms, worst = max((_ms(now, tail) - _ms(then, tail), each) for each, (then, now) in pairs.items())
    if rise_ms <= 0:
        return None
    later = None if after is None else after.instance(worst)
    windows = [*pairs[worst], None if later is None else later.latency]
    return _row(f"slowed most: {worst}, {tail}", tail, windows, instance_id=worst)


def shared_tail(latencies: list[Latency] | list[Latency | None]) -> str:
    """Return the best measure of slow responses that the samples of all support: p99, p90 or max; empty for none."""
    return next(
        (name for name in _TAILS if latencies and all(tail_ms(each, name) is not None for each in latencies)), ""
    )


def tail_ms(latency: Latency | None, tail: str) -> float | None:
    """Return that measure; None if there are too few samples."""
    if latency is None or latency.count < SAMPLES_BEYOND_MIN:
        return None
    value: float | None = getattr(latency, tail)
    return value


def _ms(latency: Latency, tail: str) -> float:
    return tail_ms(latency, tail) or 0.0


def _row(label: str, tail: str, windows: list[Latency | None], instance_id: str = "") -> Row:
    before, during, after = (tail_ms(each, tail) for each in windows)
    return Row(label=label, unit="ms", before=before, during=during, after=after, instance_id=instance_id)
