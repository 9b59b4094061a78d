"""Queries that a corpus can answer, made from its own words. Pure; a function counts the matches in the index."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from server.api.queries import CorpusQuery
from server.api.results import Document
from server.query import Query, parse

QUERIES = 2000
_TRIES = 6
"""Draws for each query and for each document."""
_SEED = 20030322
_WORD = re.compile(r"[^\W\d_]{3,20}")
_BEGINNING_CHARS = 300
"""Words are taken from a document's title and from this much of its beginning."""
_COMMON_WORDS = frozenset(
    _WORD.findall(
        "about after all also and any are been but can for from had has have how into its may must not none object one"
        " only other self should such than that the their them then there these they this true false use used uses"
        " using value was what when where which while will with you your return returns given name type see default"
        " optional argument arguments function method class module"
    )
)
_LENGTHS = (1, 1, 2, 2, 2, 3)
_TITLE_CHARS_MAX = 40


def corpus_queries(documents: Sequence[Document], count: Callable[[Query], int]) -> list[CorpusQuery]:
    """Make about 2,000 different queries of one to three words that match some document, the most popular first.

    `count` returns how many documents match. Titles of lessons come first. The same documents give the same queries."""
    rng = random.Random(_SEED)
    texts = dict.fromkeys(_lesson_queries(documents, rng))
    for _ in range(min(QUERIES * _TRIES, len(documents) * _TRIES)):
        if len(texts) >= QUERIES:
            break
        if text := _drawn(documents[rng.randrange(len(documents))], rng):
            texts.setdefault(text)
    totals = ((text, count(parse(text))) for text in texts)
    answered = [(text, total) for text, total in totals if total]
    return [
        CorpusQuery(query=text, weight=round(1 / rank, 6), total=total)
        for rank, (text, total) in enumerate(answered, start=1)
    ]


def _lesson_queries(documents: Sequence[Document], rng: random.Random) -> list[str]:
    lessons = [document.title for document in documents if document.kind == "lesson"]
    titles_in_words = [" ".join(re.findall(r"[a-z0-9]+", title.lower().replace("'s", ""))) for title in lessons]
    short = [re.sub(r"^(what is (an? )?|the |an? )", "", text) for text in titles_in_words]
    texts = [text for text in {*titles_in_words, *short} if _WORD.search(text) and len(text) <= _TITLE_CHARS_MAX]
    texts.sort()
    rng.shuffle(texts)
    return texts


def _drawn(document: Document, rng: random.Random) -> str | None:
    """One to three consecutive words of the document, common words left out."""
    beginning = f"{document.title} {document.body[:_BEGINNING_CHARS]}".lower()
    words = [word for word in _WORD.findall(beginning) if word not in _COMMON_WORDS]
    length = rng.choice(_LENGTHS)
    if len(words) < length:
        return None
    start = rng.randrange(len(words) - length + 1)
    return " ".join(dict.fromkeys(words[start : start + length]))
