"""The query language."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.index.shard_index import ShardIndex
from server.query import CHARS_MAX, Query, Term, parse
from vmhost.base.errors import InvalidInput

SHARD = ShardIndex.build([])


def words(*texts: str) -> tuple[tuple[Term, ...], ...]:
    return tuple((Term(text),) for text in texts)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("load balancer", Query(wanted=words("load", "balancer"))),
        ('"load balancer"', Query(wanted=((Term("load balancer", phrase=True),),))),
        ("“load balancer”", Query(wanted=((Term("load balancer", phrase=True),),))),
        ("a -b", Query(wanted=words("a"), excluded=(Term("b"),))),
        ('a -"b  c"', Query(wanted=words("a"), excluded=(Term("b c", phrase=True),))),
        ("a OR b c", Query(wanted=((Term("a"), Term("b")), (Term("c"),)))),
        ("a OR b OR c", Query(wanted=((Term("a"), Term("b"), Term("c")),))),
        ("a or b", Query(wanted=words("a", "or", "b"))),
        ("asyncio.create_task", Query(wanted=words("asyncio.create_task"))),
        ("well-known", Query(wanted=words("well-known"))),
        ("a - ??? b", Query(wanted=words("a", "b"))),
        ("a\u202eb\tc", Query(wanted=words("a", "b", "c"))),
        ("e\u0301", Query(wanted=words("é"))),
    ],
)
def test_queries_are_parsed(text: str, tree: Query) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "QueryEmpty"),
        (" \n\t\u200b", "QueryEmpty"),
        ("??? 🙂", "QueryWithoutWords"),
        ("-a", "QueryWithoutWords"),
        ('""', "QueryWithoutWords"),
        ("x" * (CHARS_MAX + 1), "QueryTooLong"),
        ("a " * 10_000, "QueryTooLong"),
        ("a " * 100, "QueryTooLong"),
        ("a\0b", "QueryNotText"),
        ("a\ud800", "QueryNotText"),
        ('"a', "QueryUnbalanced"),
        ("OR", "QueryUnbalanced"),
        ("a OR", "QueryUnbalanced"),
        ("OR a", "QueryUnbalanced"),
        ("a OR OR b", "QueryUnbalanced"),
        ("a OR -b", "QueryUnbalanced"),
        ("-a OR b", "QueryUnbalanced"),
    ],
)
def test_invalid_queries_are_refused(text: str, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(text)
    assert caught.value.code == code


_PARTS = st.sampled_from(
    ['"', "-", "OR", " ", "a", "server", "“", "ß", "\u0130", "e\u0301", "😀", "(", "*", "\\", "\0", ":"]
)


@given(st.one_of(st.text(max_size=300), st.lists(_PARTS, max_size=80).map("".join), st.lists(_PARTS).map(" ".join)))
@example("\ud83d OR a")
@example("ǅ" * 256)
def test_any_query_is_refused_or_searchable(text: str) -> None:
    try:
        query = parse(text)
    except InvalidInput:
        return
    assert query.wanted
    assert all(any(char.isalnum() for char in term.text) for group in query.wanted for term in group)
    assert SHARD.search(query, 10) == (0, [])
