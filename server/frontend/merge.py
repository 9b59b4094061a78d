"""One answer out of the shards' answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

Hit = Mapping[str, Any]
_score = itemgetter("score")


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The best hits of those shards that answered."""

    total: int
    hits: list[Hit]
    partial: bool
    """Whether a shard is missing."""


def merge(answers: Sequence[tuple[int, Sequence[Hit]] | None], *, count: int, offset: int = 0) -> Merged:
    """The `count` best hits after the first `offset`, by score; equals keep the order of shards and within one.

    An answer is a shard's total and its own best hits, at least `offset + count` of them where it has so many; None for
    a shard that did not answer."""
    hits: list[Hit] = []
    total = 0
    partial = False
    for answer in answers:
        if answer is None:
            partial = True
        else:
            total += answer[0]
            hits += answer[1]
    hits.sort(key=_score, reverse=True)
    return Merged(total=total, hits=hits[offset : offset + count], partial=partial)
