"""A document as results show it: its text in passages, each about as long as a snippet, with their words known.

Cutting a text costs as much as several searches, choosing and marking a passage almost nothing; so it is done when the
index is made, and the index keeps what came of it, packed. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

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
# All white space of a text becomes single blanks, so that no text holds these.
_BETWEEN_WORDS = "\t"
_BETWEEN_LINES = "\n"


@dataclass(frozen=True, slots=True)
class Passage:
    """Some words in a row, and what stands between them; strings, since thousands are kept and few are looked into."""

    text: str
    """What stands before the first word, that word, what stands before the next, and so on; a tab after each but the
    last, which tells that text is missing, or is the last word's punctuation."""
    stems: str
    """The form of each word that is compared with those sought; a tab before and after each."""
    leads: bool
    """Whether it is its text's beginning."""

    def marked(self, sought: Collection[str]) -> Pieces:
        """The passage, with those of its words marked that are sought."""
        found: list[tuple[str, bool]] = [] if self.leads else [(_MORE_BEFORE, False)]
        parts, at = self.text.split(_BETWEEN_WORDS), 0
        for number, stem in enumerate(self.stems.split(_BETWEEN_WORDS)[1:-1]):
            if stem in sought:
                word = 2 * number + 1
                if between := "".join(parts[at:word]):
                    found.append((between, False))
                found.append((parts[word], True))
                at = word + 1
        rest = "".join(parts[at:])
        return (*found, (rest, False)) if rest else tuple(found)


def snippet(passages: tuple[Passage, ...], sought: Collection[str]) -> Pieces:
    """The first passage that holds as many of the words sought, each named once, as any; the beginning says most."""
    whole = [f"{_BETWEEN_WORDS}{stem}{_BETWEEN_WORDS}" for stem in sought]
    best, most = passages[0], 0
    for passage in passages:
        held = sum([stem in passage.stems for stem in whole])
        if held > most:
            best, most = passage, held
            if held == len(whole):
                break
    return best.marked(sought)


def passages_of(body: str, words: Words, stems: Words) -> tuple[Passage, ...]:
    """The passages of the body's beginning, at least one. `words` gives parts of its text, `stems` the stem of each."""
    text = _SPACE.sub(" ", body[:_LOOKED_THROUGH_CHARS]).rstrip()
    spans = list(_spans(text, words(text)))
    if not spans:
        return (Passage(text[:SNIPPET_CHARS] + (_MORE if len(text) > SNIPPET_CHARS else ""), "", leads=True),)
    known = stems(text)
    # What follows the last word belongs to it, unless more words are left out.
    whole = _WORD.search(body, _LOOKED_THROUGH_CHARS) is None
    last = text[spans[-1][1] :][:SNIPPET_CHARS] if whole else _MORE
    return tuple(
        Passage(
            _parted(text, spans[first:end], leads=first == 0, after=last if end == len(spans) else _MORE),
            _BETWEEN_WORDS.join(["", *known[first:end], ""]),
            leads=first == 0,
        )
        for first, end in pairwise([*_firsts(spans), len(spans)])
    )


def packed(passages: tuple[Passage, ...]) -> bytes:
    """The passages of one text as the index keeps them; `unpacked` gives them back."""
    return _BETWEEN_LINES.join([line for passage in passages for line in (passage.text, passage.stems)]).encode()


def unpacked(data: bytes) -> tuple[Passage, ...]:
    """The passages that `packed` was given."""
    lines = data.decode().split(_BETWEEN_LINES)
    return tuple([Passage(lines[at], lines[at + 1], leads=at == 0) for at in range(0, len(lines), 2)])


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


def _parted(text: str, spans: list[tuple[int, int]], *, leads: bool, after: str) -> str:
    """These words with what stands between them; who leads takes what stands before the first word along."""
    parts, at = [], 0 if leads else spans[0][0]
    for start, end in spans:
        parts += [text[at:start], text[start:end]]
        at = end
    return _BETWEEN_WORDS.join([*parts, after])
