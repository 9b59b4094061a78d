"""A document's text in passages, each about as long as a snippet, with the stems of their words. Pure.

Cutting a text costs as much as several searches, while choosing and marking a passage costs almost nothing. So texts
are cut when the index is built, and the index stores the passages, packed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

from server.api.results import SNIPPET_CHARS

Pieces = tuple[tuple[str, bool], ...]
"""A text in pieces; True marks a word of the query."""
Words = Callable[[str], list[str]]
"""The words of a text, in order."""

_USED_CHARS = 6000
"""Only the beginning of a text is cut and stored, and snippets come from there."""
_MORE = " …"
_MORE_BEFORE = "… "
_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"\w")
# All white space of a text becomes single spaces, so these cannot occur in it.
_BETWEEN_WORDS = "\t"
_BETWEEN_LINES = "\n"


@dataclass(frozen=True, slots=True)
class Passage:
    """A few consecutive words and the text between them; two strings, as thousands are kept and few are read."""

    text: str
    """The text before the first word, that word, the text before the next, and so on, separated by tabs. The last part
    is the punctuation after the last word, or an ellipsis if more text follows."""
    stems: str
    """The stem of each word, which is compared with the query's; a tab before and after each."""
    first: bool
    """Whether the text starts with it."""

    def marked(self, wanted: Collection[str]) -> Pieces:
        """The passage, with the words marked whose stem is in `wanted`."""
        found: list[tuple[str, bool]] = [] if self.first else [(_MORE_BEFORE, False)]
        parts, at = self.text.split(_BETWEEN_WORDS), 0
        for number, stem in enumerate(self.stems.split(_BETWEEN_WORDS)[1:-1]):
            if stem in wanted:
                word = 2 * number + 1
                if between := "".join(parts[at:word]):
                    found.append((between, False))
                found.append((parts[word], True))
                at = word + 1
        rest = "".join(parts[at:])
        return (*found, (rest, False)) if rest else tuple(found)


def snippet(passages: tuple[Passage, ...], wanted: Collection[str]) -> Pieces:
    """The first passage with the most different stems of `wanted`, marked; a text's beginning says most about it."""
    whole = [f"{_BETWEEN_WORDS}{stem}{_BETWEEN_WORDS}" for stem in wanted]
    best, most = passages[0], 0
    for passage in passages:
        held = sum([stem in passage.stems for stem in whole])
        if held > most:
            best, most = passage, held
            if held == len(whole):
                break
    return best.marked(wanted)


def passages_of(body: str, words: Words, stems: Words) -> tuple[Passage, ...]:
    """The passages of the body's beginning, at least one. `words` returns the words of a text, `stems` their stems."""
    text = _SPACE.sub(" ", body[:_USED_CHARS]).rstrip()
    spans = list(_spans(text, words(text)))
    if not spans:
        return (Passage(text[:SNIPPET_CHARS] + (_MORE if len(text) > SNIPPET_CHARS else ""), "", first=True),)
    known = stems(text)
    # The text after the last word belongs to it, unless more words follow that are not stored.
    whole = _WORD.search(body, _USED_CHARS) is None
    last = text[spans[-1][1] :][:SNIPPET_CHARS] if whole else _MORE
    return tuple(
        Passage(
            _joined(text, spans[start:end], first=start == 0, after=last if end == len(spans) else _MORE),
            _BETWEEN_WORDS.join(["", *known[start:end], ""]),
            first=start == 0,
        )
        for start, end in pairwise([*_starts(spans), len(spans)])
    )


def pack(passages: tuple[Passage, ...]) -> bytes:
    """The passages of one text as the index stores them."""
    return _BETWEEN_LINES.join([line for passage in passages for line in (passage.text, passage.stems)]).encode()


def unpack(data: bytes) -> tuple[Passage, ...]:
    """The passages that were given to `pack`."""
    lines = data.decode().split(_BETWEEN_LINES)
    return tuple([Passage(lines[at], lines[at + 1], first=at == 0) for at in range(0, len(lines), 2)])


def _spans(text: str, words: list[str]) -> Iterator[tuple[int, int]]:
    """The start and end of each word in the text."""
    end = 0
    for word in words:
        start = text.index(word, end)
        end = start + len(word)
        yield start, end


def _starts(spans: list[tuple[int, int]]) -> Iterator[int]:
    """The numbers of the words that start a passage."""
    full = -1
    for number, (start, end) in enumerate(spans):
        if end > full:
            yield number
            full = (start if number else 0) + SNIPPET_CHARS


def _joined(text: str, spans: list[tuple[int, int]], *, first: bool, after: str) -> str:
    """The words and the text between them; the first passage also has the text before its first word."""
    parts, at = [], 0 if first else spans[0][0]
    for start, end in spans:
        parts += [text[at:start], text[start:end]]
        at = end
    return _BETWEEN_WORDS.join([*parts, after])
