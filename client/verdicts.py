"""The sentences that judge what was measured, and the table they stand on. Pure: tour, view and CI say the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from client.load.histogram import SAMPLES_BEYOND_MIN
from client.load.summary import InstanceSummary, Latency, Summary

SLOWER_MS = 5.0
"""An instance whose slow end rose by more than this is called slower in the table."""

TAILS = ("p99", "p90", "max")
"""How the slow answers are told: the first that the samples carry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A sentence, and whether it is the good one.

    `held` is None where nothing can be said of it: too little was measured, or nothing stands there that could hold."""

    held: bool | None
    sentence: str


def judge_kill(
    *,
    instance_id: str,
    seen_s: float | None,
    replaced_s: float | None,
    lost: int | None,
    requests: int | None,
    alone: bool = False,
) -> Judgement:
    """What a killed instance cost: how soon its death was noticed, how soon it was replaced, what was lost meanwhile.

    Without a load, `lost` and `requests` None, it did not hold where it was not replaced, else nothing can be said.
    Of one that belongs to no fleet (`alone`) no replacement is expected."""
    account = kill_account(seen_s=seen_s, replaced_s=replaced_s, lost=lost, requests=requests, alone=alone)
    replaced = seen_s is not None and (alone or replaced_s is not None)
    held = None if not lost and replaced and (alone or lost is None) else lost == 0 and replaced
    return Judgement(held=held, sentence=f"{instance_id} killed: {account}")


def kill_account(
    *,
    seen_s: float | None,
    replaced_s: float | None,
    lost: int | None,
    requests: int | None,
    alone: bool = False,
    brief: bool = False,
) -> str:
    """A kill's figures in words: "noticed after 0.08 s, replaced after 0.9 s, 0 of 412 requests lost".

    `brief`: for a terminal's line of 80 columns."""
    after = " " if brief else " after "
    seen = "not noticed" if seen_s is None else f"noticed{after}{_seconds(seen_s)}"
    replaced = "not replaced" if replaced_s is None else f"replaced{after}{_seconds(replaced_s)}"
    if alone:
        replaced = "not in a fleet: nothing replaces it" if brief else "nothing replaces it: it belongs to no fleet"
    if lost is None or requests is None:
        return f"{seen}, {replaced}; no load ran throughout, so losses are not known"
    return f"{seen}, {replaced}, {lost} of {requests if brief else _requests(requests)} lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstVictim:
    """The instance whose slow answers became slower by most: the same `tail` (p99, p90 or max) of its attempts thrice.

    `after_ms` is None where too few attempts were made by then."""

    instance_id: str
    tail: str
    before_ms: float
    during_ms: float
    after_ms: float | None


def worst_victim(
    culprit: str, *, before: Summary | None, during: Summary | None, after: Summary | None
) -> WorstVictim | None:
    """Who suffered most of those that answered before and during; None where nobody did, or there were too few attempts
    to say.

    All are compared by the highest tail that each of them carries in both windows. The slowest of a window counts from
    ten attempts on, as many as a percentile has beyond it."""
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
    """That tail in milliseconds; None where the samples do not carry it."""
    if latency.count < SAMPLES_BEYOND_MIN:
        return None
    return {"p99": latency.p99, "p90": latency.p90, "max": latency.max}[name]


def _ms(name: str, latency: Latency) -> float:
    told = _tail(name, latency)
    assert told is not None, "only tails that are carried are compared"
    return told


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRow:
    """One instance in one phase. `requests` counts its attempts; `affected` is None with nothing to compare.

    `tail_ms` is the highest percentile that the samples carry, `tail` its name: p99, else p90, else max."""

    phase: str
    instance_id: str
    type: str
    host: str
    shard: int
    requests: int
    errors: int
    p50_ms: float | None
    p99_ms: float | None
    tail: str
    tail_ms: float | None
    slowest_ms: float | None
    affected: bool | None


def phase_table(phases: Mapping[str, Summary]) -> tuple[PhaseRow, ...]:
    """Each instance in each phase, the phases in their order; the first is what the others are compared with."""
    if not phases:
        return ()
    first = next(iter(phases.values()))
    return tuple(
        _row(phase, instance, None if summary is first else first.instance(instance.id))
        for phase, summary in phases.items()
        for instance in summary.instances
    )


def _row(phase: str, instance: InstanceSummary, before: InstanceSummary | None) -> PhaseRow:
    failed = instance.errors + instance.late
    tail, tail_ms = instance.latency.tail
    return PhaseRow(
        phase=phase,
        instance_id=instance.id,
        type=instance.type,
        host=instance.host,
        shard=instance.shard,
        requests=instance.answered + instance.lost + failed,
        errors=failed,
        p50_ms=instance.latency.p50,
        p99_ms=instance.latency.p99,
        tail=tail,
        tail_ms=tail_ms,
        slowest_ms=instance.latency.max,
        affected=_affected(instance, before),
    )


def _affected(instance: InstanceSummary, before: InstanceSummary | None) -> bool | None:
    """Whether it failed at all or became slower than `SLOWER_MS`, at the highest percentile that both windows carry."""
    if instance.errors or instance.late:
        return True
    if before is None:
        return None
    for now_ms, then_ms in (
        (instance.latency.p99, before.latency.p99),
        (instance.latency.p90, before.latency.p90),
        (instance.latency.p50, before.latency.p50),
    ):
        if now_ms is not None and then_ms is not None:
            return now_ms - then_ms > SLOWER_MS
    return None


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 0.1 else f"{seconds:.1f} s"


def _requests(count: int) -> str:
    return f"{count} request" if count == 1 else f"{count} requests"
