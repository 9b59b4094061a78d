"""A document as results show it: its text in passages, each about as long as a snippet, with their words known.

Making this costs as much as several searches, choosing and marking a passage almost nothing; so it is made once for a
document and kept. Pure.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from server.api.results import SNIPPET_CHARS

Pieces = tuple[tuple[str, bool], ...]
"""A text in pieces; True marks what was sought."""
Words = Callable[[str], list[str]]
"""The words of a text, in order."""

_LOOKED_THROUGH_CHARS = 6000
"""Snippets come from so much of a text, and so much is kept."""
_MORE = " …"
_MORE_BEFORE = "… "
_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Passage:
    """Some words in a row, and what stands between them."""

    text: str
    stems: tuple[str, ...]
    """The word forms that are compared with those sought."""
    bounds: tuple[int, ...]
    """Where each word begins and ends in `text`, by turns."""
    before: str
    after: str
    """What tells that text is missing there, or the last word's punctuation."""

    def marked(self, sought: set[str]) -> Pieces:
        """The passage, with those of its words marked that are sought."""
        pieces = [(self.before, False)] if self.before else []
        bounds, at = self.bounds, 0
        for number, stem in enumerate(self.stems):
            if stem in sought:
                start, end = bounds[2 * number], bounds[2 * number + 1]
                if start > at:
                    pieces.append((self.text[at:start], False))
                pieces.append((self.text[start:end], True))
                at = end
        rest = self.text[at:] + self.after
        return (*pieces, (rest, False)) if rest else tuple(pieces)


def snippet(passages: tuple[Passage, ...], sought: set[str]) -> Pieces:
    """The first passage that holds as many of the words sought as any; the beginning says most."""
    best, most = passages[0], 0
    for passage in passages:
        held = len(sought.intersection(passage.stems))
        if held > most:
            best, most = passage, held
            if held == len(sought):
                break
    return best.marked(sought)


def passages_of(body: str, words: Words, stems: Words) -> tuple[Passage, ...]:
    """The passages of the body's beginning, at least one. `words` gives parts of its text, `stems` the stem of each."""
    text = _SPACE.sub(" ", body[:_LOOKED_THROUGH_CHARS]).rstrip()
    spans = list(_spans(text, words(text)))
    known = [sys.intern(stem) for stem in stems(text)]
    if not spans:
        return (Passage(text[:SNIPPET_CHARS], (), (), "", _MORE if len(text) > SNIPPET_CHARS else ""),)
    firsts = list(_firsts(spans))
    ends = [*firsts[1:], len(spans)]
    # What follows the last word belongs to it, unless more words are left out.
    whole = _WORD.search(body, _LOOKED_THROUGH_CHARS) is None
    last = text[spans[-1][1] :][:SNIPPET_CHARS] if whole else _MORE
    return tuple(
        _passage(text, spans[first:end], tuple(known[first:end]), first == 0, last if end == len(spans) else _MORE)
        for first, end in zip(firsts, ends, strict=True)
    )


def _spans(text: str, words: list[str]) -> Iterator[tuple[int, int]]:
    """Where in the text its words begin and end."""
    end = 0
    for word in words:
        start = text.index(word, end)
        end = start + len(word)
        yield start, end


def _firsts(spans: list[tuple[int, int]]) -> Iterator[int]:
    """The numbers of the words that begin a passage."""
    full = -1
    for number, (start, end) in enumerate(spans):
        if end > full:
            yield number
            full = (start if number else 0) + SNIPPET_CHARS


def _passage(text: str, spans: list[tuple[int, int]], stems: tuple[str, ...], leads: bool, after: str) -> Passage:
    """The passage of these words; the one that leads takes what stands before its first word along."""
    begin = 0 if leads else spans[0][0]
    bounds = tuple(bound - begin for span in spans for bound in span)
    return Passage(text[begin : spans[-1][1]], stems, bounds, "" if leads else _MORE_BEFORE, after)
