"""The query language: words, "phrases", -words to exclude, and OR between two alternatives. Pure.

    server "load balancer" -windows        all of: server; the phrase; not windows
    kvm OR xen hypervisor                  (kvm or xen), and hypervisor

`parse` returns a tree or raises InvalidInput with a message for people, whatever the text is.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from vmhost.base.errors import InvalidInput

CHARS_MAX = 256
TERMS_MAX = 32


@dataclass(frozen=True, slots=True)
class Term:
    """A word or a phrase; it holds at least one letter or digit."""

    text: str
    phrase: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Matches documents with at least one term of each group in `wanted`, and with no term in `excluded`."""

    wanted: tuple[tuple[Term, ...], ...]
    excluded: tuple[Term, ...] = ()


_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})
_TOKEN = re.compile(r'(?P<minus>-*)(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))')


@dataclass(frozen=True, slots=True)
class _Token:
    term: Term | None
    """None for OR."""
    excluded: bool = False


def parse(text: str) -> Query:
    """Parse a query. Raises InvalidInput if it is empty, too long or malformed."""
    clean = _cleaned(text)
    return _tree(_tokens(clean))


def _cleaned(text: str) -> str:
    if len(text) > CHARS_MAX:
        raise InvalidInput(f"the query has {len(text)} characters; the maximum is {CHARS_MAX}", code="QueryTooLong")
    if "\0" in text:
        raise InvalidInput("the query contains a NUL character", code="QueryNotText")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise InvalidInput("the query contains bytes that are not UTF-8", code="QueryNotText")
    printable = "".join(" " if unicodedata.category(char)[0] == "C" else char for char in text.translate(_QUOTES))
    clean = unicodedata.normalize("NFC", printable).strip()
    if not clean:
        raise InvalidInput("the query is empty; enter at least one word", code="QueryEmpty")
    return clean


def _tokens(text: str) -> list[_Token]:
    if text.count('"') % 2:
        raise InvalidInput("a quotation mark is not closed; use quotation marks in pairs", code="QueryUnbalanced")
    tokens = [token for match in _TOKEN.finditer(text) if (token := _token(match)) is not None]
    if len(tokens) > TERMS_MAX:
        raise InvalidInput(f"the query has {len(tokens)} words; the maximum is {TERMS_MAX}", code="QueryTooLong")
    return tokens


def _token(match: re.Match[str]) -> _Token | None:
    """The token, or None if it holds neither a letter nor a digit."""
    phrase, word = match["phrase"], match["word"]
    if word == "OR" and not match["minus"]:
        return _Token(None)
    text = word if phrase is None else " ".join(phrase.split())
    if text is None or not any(char.isalnum() for char in text):
        return None
    return _Token(Term(text, phrase is not None), excluded=bool(match["minus"]))


def _tree(tokens: list[_Token]) -> Query:
    wanted: list[tuple[Term, ...]] = []
    excluded: list[Term] = []
    joining = False
    for number, token in enumerate(tokens):
        if token.term is None:
            before = tokens[number - 1] if number else None
            if before is None or before.term is None or before.excluded or number + 1 == len(tokens):
                raise _lonely_or()
            joining = True
        elif token.excluded:
            if joining:
                raise _lonely_or()
            excluded.append(token.term)
        elif joining:
            wanted[-1] = (*wanted[-1], token.term)
            joining = False
        else:
            wanted.append((token.term,))
    if not wanted:
        raise InvalidInput(
            "the query has no words to look for; enter at least one word of letters or digits",
            code="QueryWithoutWords",
        )
    return Query(wanted=tuple(wanted), excluded=tuple(excluded))


def _lonely_or() -> InvalidInput:
    return InvalidInput("OR needs a word on each side", code="QueryUnbalanced")
