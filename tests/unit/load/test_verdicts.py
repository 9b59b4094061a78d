"""The verdicts of kill and CPU hog as sentences and JSON, and the table beneath them."""

from __future__ import annotations

import json

import pytest

from client.experiments.cpu_isolation import Isolation, NeighborRow, Outcome
from client.experiments.results import HogResult, KillResult, verdict_json
from client.load.interval_stats import GOOD, IntervalStats
from client.load.schedule import NS_PER_S
from client.load.summarise import summarise
from client.load.summary import Fault, Summary
from client.verdicts import WorstVictim, judge_kill, phase_table, worst_victim
from server.api.timing import Attempt


def phase(victim_ms: float, other_ms: float, *, requests: int = 1200, lost: int = 0, errors: int = 0) -> Summary:
    stats = IntervalStats(0, NS_PER_S)
    for number in range(requests):
        stats.record_arrival()
        stats.record_sent(0, 0)
        outcome = "error" if number < errors else "won"
        attempts = [
            Attempt(instance_id=name, type="t3.nano", host="host-a", shard=shard, start_ms=0, dur_ms=ms, outcome=told)
            for shard, (name, ms, told) in enumerate((("i-1", victim_ms, outcome), ("i-2", other_ms, "won")))
        ]
        stats.record_attempts(attempts)
        stats.record_outcome((0, 200, Fault.PARTIAL if number < lost else GOOD), 2000, 2000)
    return summarise(stats, since=0.0, until=1.0, targets=("search",))


@pytest.mark.parametrize(
    ("seen", "replaced", "lost", "held", "sentence"),
    [
        (0.08, 0.9, 0, True, "i-0a12 killed: noticed after 0.08 s, replaced after 0.9 s, 0 of 412 requests lost"),
        (0.08, 2.25, 1, False, "i-0a12 killed: noticed after 0.08 s, replaced after 2.2 s, 1 of 412 requests lost"),
        (None, None, 0, False, "i-0a12 killed: not noticed, not replaced, 0 of 412 requests lost"),
    ],
)
def test_a_kill_is_told_with_times_and_losses(
    seen: float | None, replaced: float | None, lost: int, held: bool, sentence: str
) -> None:
    judgement = judge_kill(instance_id="i-0a12", seen_s=seen, replaced_s=replaced, lost=lost, requests=412)
    assert (judgement.held, judgement.sentence) == (held, sentence)


@pytest.mark.parametrize(("lost", "held"), [(0, None), (3, False), (None, None)])
def test_a_kill_without_a_fleet_waits_for_no_replacement(lost: int | None, held: bool | None) -> None:
    requests = None if lost is None else 412
    judgement = judge_kill(instance_id="i-1", seen_s=0.1, replaced_s=None, lost=lost, requests=requests, alone=True)
    assert judgement.held is held
    assert judgement.sentence.startswith("i-1 killed: noticed after 0.1 s, nothing replaces it: it belongs to no fleet")


def test_the_table_says_who_was_affected_compared_with_the_first_phase() -> None:
    rows = phase_table({"before": phase(2, 2), "during": phase(50, 3, errors=4), "after": phase(2, 9)})
    told = [(row.phase, row.instance_id, row.requests, row.errors, row.affected) for row in rows]
    assert told == [
        ("before", "i-1", 1200, 0, None),
        ("before", "i-2", 1200, 0, None),
        ("during", "i-1", 1200, 4, True),
        ("during", "i-2", 1200, 0, False),
        ("after", "i-1", 1200, 0, False),
        ("after", "i-2", 1200, 0, True),
    ]
    assert phase_table({}) == ()


def test_without_a_load_a_kill_says_nothing_of_losses_and_holds_no_promise() -> None:
    judgement = judge_kill(instance_id="i-0a12", seen_s=0.08, replaced_s=0.9, lost=None, requests=None)
    assert judgement.held is None
    assert judgement.sentence == (
        "i-0a12 killed: noticed after 0.08 s, replaced after 0.9 s; no load ran throughout, so losses are not known"
    )
    assert judge_kill(instance_id="i-1", seen_s=0.1, replaced_s=None, lost=None, requests=None).held is False


def times(requests: int, **ms: float) -> Summary:
    """Each instance answered so many times, always in the same time."""
    stats = IntervalStats(0, NS_PER_S)
    for _ in range(requests):
        stats.record_attempts(
            [
                Attempt(instance_id=name, type="t3.nano", host="host-a", shard=0, start_ms=0, dur_ms=each)
                for name, each in ms.items()
            ]
        )
    return summarise(stats, since=0.0, until=1.0, targets=("search",))


def test_the_worst_victim_is_the_other_whose_slow_answers_became_slower_by_most() -> None:
    before, during, after = times(1000, a=2, b=2, c=5), times(1000, a=900, b=30, c=12), times(1000, a=2, b=3, c=5)
    worst = worst_victim("a", before=before, during=during, after=after)
    assert worst is not None
    assert (worst.instance_id, worst.tail) == ("b", "p99")
    assert (worst.before_ms, worst.during_ms, worst.after_ms) == pytest.approx((2, 30, 3), rel=0.01)


@pytest.mark.parametrize(
    ("before", "during", "after", "tail"),
    [(1000, 1000, 1000, "p99"), (1000, 100, 100, "p90"), (100, 20, 20, "max"), (10, 10, 10, "max")],
)
def test_all_are_compared_by_what_the_samples_of_both_windows_carry(
    before: int, during: int, after: int, tail: str
) -> None:
    worst = worst_victim("a", before=times(before, a=1, b=2), during=times(during, a=1, b=3), after=times(after, b=2))
    assert worst is not None
    assert (worst.tail, worst.after_ms) == (tail, 2.0)


def test_where_too_few_were_asked_no_victim_is_invented() -> None:
    enough, few = times(20, a=1, b=2), times(9, a=1, b=50)
    assert worst_victim("a", before=enough, during=few, after=enough) is None
    assert worst_victim("a", before=few, during=enough, after=enough) is None
    assert worst_victim("a", before=None, during=enough, after=enough) is None
    assert worst_victim("a", before=times(20, a=1), during=times(20, a=1, heir=9), after=None) is None
    assert worst_victim("a", before=enough, during=times(20, a=1, b=3), after=few) == WorstVictim(
        instance_id="b", tail="max", before_ms=2.0, during_ms=3.0, after_ms=None
    )


def test_whoever_became_no_slower_is_no_victim() -> None:
    before = times(20, a=1, b=9)
    assert worst_victim("a", before=before, during=before, after=before) is None
    assert worst_victim("a", before=before, during=times(20, a=1, b=2), after=before) is None


def test_a_kills_verdict_is_plain_json() -> None:
    window = phase(2, 2, requests=412)
    result = KillResult(
        instance_id="i-1", replacement_id="i-3", seen_s=0.08, replaced_s=0.9, window=window,
        before=phase(2, 2), during=phase(2, 9), after=phase(2, 3, requests=100),
        judgement=judge_kill(instance_id="i-1", seen_s=0.08, replaced_s=0.9, lost=0, requests=412),
    )  # fmt: skip
    told = verdict_json(result, {"i-1": "one", "i-2": "two"})
    assert json.loads(json.dumps(told)) == told
    worst, windows = told.pop("worst"), told.pop("windows")
    assert told == {
        "isolation": None, "kind": "kill", "instance_id": "i-1", "short": "one", "replacement_id": "i-3",
        "seen_s": 0.08, "replaced_s": 0.9, "lost": 0, "requests": 412, "held": True,
        "alone": False,
        "sentence": "one killed: noticed after 0.08 s, replaced after 0.9 s, 0 of 412 requests lost",
    }  # fmt: skip
    assert (worst["instance_id"], worst["short"], worst["tail"]) == ("i-2", "two", "p99")
    assert (worst["before_ms"], worst["during_ms"], worst["after_ms"]) == (2.0, pytest.approx(9, rel=0.01), None)
    assert (windows["before"], windows["after"]) == (2.0, None)


def test_a_hogs_verdict_has_no_times_of_its_own_and_one_without_a_load_no_counts() -> None:
    hogged = phase(2, 2, lost=3)
    result = HogResult(
        instance_id="i-1", before=phase(2, 2), during=hogged, after=phase(2, 2),
        isolation=Isolation(
            outcome=Outcome.LEAKED, sentence="leaked by i-1: i-2 waited", hog=None,
            neighbors=(
                NeighborRow(
                    instance_id="i-2", cores=(0.1, 0.01), wait_ms=(0.2, 50.0), delayed=True, culprit="i-1"
                ),
            ),
        ),
    )  # fmt: skip
    told = verdict_json(result, {"i-1": "one", "i-2": "two"})
    assert json.loads(json.dumps(told["isolation"]))["pairs"] == [{"culprit": "i-1", "victim": "i-2"}]
    assert (told["isolation"]["outcome"], told["held"]) == ("leaked", False)
    assert told["sentence"] == ("leaked by one: two waited; clients of the other instances: p99 2.0 -> 2.0 ms, 3 lost")
    assert (told["kind"], told["seen_s"], told["replaced_s"]) == ("hog", None, None)
    assert (told["lost"], told["requests"]) == (3, 1200)
    quiet = KillResult(
        instance_id="i-1", replacement_id=None, seen_s=0.1, replaced_s=1.0, window=None,
        judgement=judge_kill(instance_id="i-1", seen_s=0.1, replaced_s=1.0, lost=None, requests=None),
    )  # fmt: skip
    told = verdict_json(quiet)
    assert (told["lost"], told["requests"], told["worst"], told["held"]) == (None, None, None, None)
    assert told["windows"] == {"before": None, "during": None, "after": None}
