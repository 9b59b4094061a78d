"""Texts in passages: nothing is lost by cutting, keeping and marking."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from server.api.results import SNIPPET_CHARS
from server.leaf.passages import Passage, packed, passages_of, snippet, unpacked

_TEXTS = st.lists(
    st.sampled_from(["Server", "the naïve", "☃", " ", "\t", "\n\n", "\x1c", "\u2028", "x" * 200, "-", "a"])
).map("".join) | st.text(st.characters(exclude_categories=["Cs"]))
_SOUGHT = st.sets(st.sampled_from(["server", "the", "naïve", "a", "never"]))


def words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text)


def stems(text: str) -> list[str]:
    return [word.lower() for word in words(text)]


def cut(body: str) -> tuple[Passage, ...]:
    return passages_of(body, words, stems)


def bare(passage: Passage) -> str:
    """The passage's text without what tells that text is missing."""
    return "".join(text for text, _ in passage.marked(())).removeprefix("… ").removesuffix(" …")


@given(_TEXTS)
def test_what_is_kept_of_a_text_is_what_it_was_cut_into(body: str) -> None:
    assert unpacked(packed(cut(body))) == cut(body)


@given(_TEXTS, _SOUGHT)
def test_marking_parts_a_text_and_changes_none_of_it(body: str, sought: set[str]) -> None:
    for passage in unpacked(packed(cut(body))):
        pieces = passage.marked(sought)
        assert "".join(text for text, _ in pieces) == "".join(text for text, _ in passage.marked(()))
        marked = [text for text, was_sought in pieces if was_sought]
        assert marked == [word for word in words(bare(passage)) if word.lower() in sought]
        assert all(text for text, _ in pieces)


@given(_TEXTS)
def test_passages_hold_each_word_once_and_in_order(body: str) -> None:
    shown = [word for passage in cut(body) for word in words(bare(passage))]
    assert shown == words(re.sub(r"\s+", " ", body[:6000]))


def test_a_passage_is_about_as_long_as_a_snippet() -> None:
    first, *others = cut("word " * 200)
    for passage in (first, *others[:-1]):
        assert SNIPPET_CHARS - len(" word") < len(bare(passage)) <= SNIPPET_CHARS


def test_a_snippet_is_the_first_passage_that_holds_most_of_what_is_sought() -> None:
    filler = "nothing here " * 20
    body = f"Alpha. {filler} beta alphabet {filler} alpha and beta {filler} beta and alpha"
    assert ("alpha", True) in snippet(cut(body), {"alpha", "beta"})
    assert snippet(cut(body), {"alpha"})[0] == ("Alpha", True)
    assert snippet(cut(body), {"never"}) == snippet(cut(body), set()) == cut(body)[0].marked(())
