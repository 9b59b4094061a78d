"""Merging the shards' hits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.frontend.search import HitList, merge

_scores = st.lists(st.integers(0, 20).map(float), max_size=30).map(lambda scores: sorted(scores, reverse=True))


def hit_list(shard: int, scores: list[float]) -> HitList:
    return HitList(total=len(scores), hits=[(score, b"%d-%d" % (shard, place)) for place, score in enumerate(scores)])


@given(st.lists(st.none() | _scores, max_size=5), st.integers(0, 12), st.integers(0, 12))
def test_merge_is_a_stable_sort_by_score(shards: list[list[float] | None], count: int, offset: int) -> None:
    answers = [None if scores is None else hit_list(number, scores) for number, scores in enumerate(shards)]
    everything = [hit for answer in answers if answer for hit in answer.hits]
    merged = merge(answers, count=count, offset=offset)
    assert merged.hits == sorted(everything, key=lambda hit: -hit[0])[offset : offset + count]
    assert merged.total == len(everything)
    assert merged.partial == (None in answers)


@given(st.lists(_scores, min_size=2, max_size=4), st.integers(1, 10))
def test_merge_needs_only_each_shards_best(shards: list[list[float]], count: int) -> None:
    whole = [hit_list(number, scores) for number, scores in enumerate(shards)]
    cut = [HitList(total=each.total, hits=each.hits[:count]) for each in whole]
    assert merge(cut, count=count) == merge(whole, count=count)
