"""One answer out of the shards' answers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

Hit = tuple[float, bytes]
"""A score, and the hit as the leaf wrote it with a comma behind: it travels through the front end unread."""
_score = itemgetter(0)


@dataclass(slots=True)
class Found:
    """What one shard found. Nobody changes it."""

    total: int
    hits: list[Hit]


@dataclass(slots=True)
class Merged:
    """The best hits of those shards that answered. Nobody changes it."""

    total: int
    hits: list[Hit]
    partial: bool
    """Whether a shard is missing."""


def merge(answers: Sequence[Found | None], *, count: int, offset: int = 0) -> Merged:
    """The `count` best hits after the first `offset`, by score; equals keep the order of shards and within one.

    Each answer holds its shard's own best hits, at least `offset + count` of them where there are so many; None stands
    for a shard that did not answer."""
    hits: list[Hit] = []
    total = 0
    partial = False
    for answer in answers:
        if answer is None:
            partial = True
        else:
            total += answer.total
            hits += answer.hits
    hits.sort(key=_score, reverse=True)
    return Merged(total, hits[offset : offset + count], partial)
