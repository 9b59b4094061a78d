"""The sentences of the wall, the hog and the kill, and the table beneath them."""

from __future__ import annotations

import pytest

from client.load.schedule import NS_PER_S
from client.load.summary import Fault, Summary, summarise
from client.load.tally import GOOD, Tally
from client.verdicts import judge_hog, judge_kill, judge_wall, phase_table
from server.api.timing import Attempt


def phase(victim_ms: float, other_ms: float, *, requests: int = 1200, lost: int = 0, errors: int = 0) -> Summary:
    tally = Tally(0, NS_PER_S)
    for number in range(requests):
        tally.arrived()
        tally.sent(0, 0)
        outcome = "error" if number < errors else "won"
        attempts = [
            Attempt(instance_id=name, type="t3.nano", host="host-a", shard=shard, start_ms=0, dur_ms=ms, outcome=told)
            for shard, (name, ms, told) in enumerate((("i-1", victim_ms, outcome), ("i-2", other_ms, "won")))
        ]
        tally.attempted(attempts)
        tally.ended((0, 200, Fault.PARTIAL if number < lost else GOOD), 2000, 2000)
    return summarise(tally, since=0.0, until=1.0, targets=("search",))


@pytest.mark.parametrize(
    ("before", "during", "lost", "held", "sentence"),
    [
        (0.6, 2.4, 0, True, "the wall held: the others' p99 0.6 -> 2.4 ms, 0 lost"),
        (1.0, 6.0, 0, True, "the wall held: the others' p99 1.0 -> 6.0 ms, 0 lost"),
        (2.0, 26.0, 0, False, "no wall: the others' p99 2.0 -> 26.0 ms, 0 lost"),
        (
            19.2,
            47.9,
            0,
            False,
            "no wall: the others' p99 19.2 -> 47.9 ms, 0 lost; this machine was busy before it began",
        ),
        (0.6, 0.6, 1, False, "no wall: 1 request of the others lost"),
        (None, None, 2, False, "no wall: 2 requests of the others lost"),
        (None, 2.4, 0, None, "cannot tell: fewer than 1,000 requests before or during"),
    ],
)
def test_an_enforced_wall_holds_when_nothing_is_lost_and_p99_rises_by_at_most_5_ms(
    before: float | None, during: float | None, lost: int, held: bool | None, sentence: str
) -> None:
    judgement = judge_wall(before_p99_ms=before, during_p99_ms=during, lost=lost, enforced=True)
    assert (judgement.held, judgement.sentence) == (held, sentence)


@pytest.mark.parametrize(
    ("before", "during", "lost", "held", "sentence"),
    [
        (3.0, 4.4, 0, None, "no harm this time: the others' p99 3.0 -> 4.4 ms, 0 lost; no CPU wall guarantees it"),
        (2.0, 26.0, 0, False, "no wall: the others' p99 2.0 -> 26.0 ms, 0 lost"),
        (19.2, 47.9, 0, False, "no wall: the others' p99 19.2 -> 47.9 ms, 0 lost"),
        (0.6, 0.6, 1, False, "no wall: 1 request of the others lost"),
    ],
)
def test_where_no_wall_is_enforced_none_is_said_to_hold(
    before: float, during: float, lost: int, held: bool | None, sentence: str
) -> None:
    judgement = judge_wall(before_p99_ms=before, during_p99_ms=during, lost=lost, enforced=False)
    assert (judgement.held, judgement.sentence) == (held, sentence)


def test_a_hog_is_judged_by_the_others_alone() -> None:
    def held(during: Summary, *, enforced: bool = True) -> bool | None:
        return judge_hog(victim="i-1", before=phase(2, 2), during=during, enforced=enforced).held

    assert held(phase(500, 3)) is True
    assert held(phase(500, 3), enforced=False) is None
    assert held(phase(500, 30)) is False
    assert held(phase(2, 2, lost=1)) is False


@pytest.mark.parametrize(
    ("seen", "replaced", "lost", "held", "sentence"),
    [
        (0.08, 0.9, 0, True, "i-0a12 killed: seen 0.08 s, replaced 0.9 s, 0 of 412 requests lost"),
        (0.08, 2.25, 1, False, "i-0a12 killed: seen 0.08 s, replaced 2.2 s, 1 of 412 requests lost"),
        (None, None, 0, False, "i-0a12 killed: not seen, not replaced, 0 of 412 requests lost"),
    ],
)
def test_a_kill_is_told_with_times_and_losses(
    seen: float | None, replaced: float | None, lost: int, held: bool, sentence: str
) -> None:
    judgement = judge_kill(instance_id="i-0a12", seen_s=seen, replaced_s=replaced, lost=lost, requests=412)
    assert (judgement.held, judgement.sentence) == (held, sentence)


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
