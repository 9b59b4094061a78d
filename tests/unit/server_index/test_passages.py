"""Passages: cutting, storing and marking lose no text."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from server.api.results import SNIPPET_CHARS
from server.index.passages import Passage, pack, passages_of, snippet, unpack

_TEXTS = st.lists(
    st.sampled_from(["Server", "the naïve", "☃", " ", "\t", "\n\n", "\x1c", "\u2028", "x" * 200, "-", "a"])
).map("".join) | st.text(st.characters(exclude_categories=["Cs"]))
_WANTED = st.sets(st.sampled_from(["server", "the", "naïve", "a", "never"]))


def words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text)


def stems(text: str) -> list[str]:
    return [word.lower() for word in words(text)]


def cut(body: str) -> tuple[Passage, ...]:
    return passages_of(body, words, stems)


def bare(passage: Passage) -> str:
    """The passage's text without the ellipses."""
    return "".join(text for text, _ in passage.marked(())).removeprefix("… ").removesuffix(" …")


@given(_TEXTS)
def test_packed_passages_are_unpacked(body: str) -> None:
    assert unpack(pack(cut(body))) == cut(body)


@given(_TEXTS, _WANTED)
def test_marking_does_not_change_the_text(body: str, wanted: set[str]) -> None:
    for passage in unpack(pack(cut(body))):
        pieces = passage.marked(wanted)
        assert "".join(text for text, _ in pieces) == "".join(text for text, _ in passage.marked(()))
        marked = [text for text, was_marked in pieces if was_marked]
        assert marked == [word for word in words(bare(passage)) if word.lower() in wanted]
        assert all(text for text, _ in pieces)


@given(_TEXTS)
def test_passages_hold_each_word_once_in_order(body: str) -> None:
    shown = [word for passage in cut(body) for word in words(bare(passage))]
    assert shown == words(re.sub(r"\s+", " ", body[:6000]))


def test_passage_is_about_as_long_as_a_snippet() -> None:
    first, *others = cut("word " * 200)
    for passage in (first, *others[:-1]):
        assert SNIPPET_CHARS - len(" word") < len(bare(passage)) <= SNIPPET_CHARS


def test_snippet_is_the_passage_with_most_words() -> None:
    filler = "nothing here " * 20
    body = f"Alpha. {filler} beta alphabet {filler} alpha and beta {filler} beta and alpha"
    assert ("alpha", True) in snippet(cut(body), {"alpha", "beta"})
    assert snippet(cut(body), {"alpha"})[0] == ("Alpha", True)
    assert snippet(cut(body), {"never"}) == snippet(cut(body), set()) == cut(body)[0].marked(())
