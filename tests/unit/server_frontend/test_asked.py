"""Reading a search from a query string: whatever comes, it is a search or a refusal that says what was expected."""

from __future__ import annotations

import contextlib
from urllib.parse import parse_qs, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.frontend.asked import PAGE_MAX, read_search
from vmhost.base.errors import InvalidInput


@given(st.text(max_size=60))
def test_a_query_survives_its_encoding_towards_the_leaf(text: str) -> None:
    query = f"a{text.encode('utf-8', 'replace').decode()}b".replace('"', "").translate(
        dict.fromkeys(map(ord, "“”„«»\0"))
    )
    asked = read_search(f"q={quote_plus(query)}&page=2")
    assert asked.query == query
    method, target, version = asked.target.decode("ascii").split(" ")
    assert (method, version) == ("GET", "HTTP/1.1")
    assert parse_qs(target.partition("?")[2], keep_blank_values=True) == {"q": [query], "n": ["20"]}


@given(st.text(max_size=200))
def test_any_query_string_is_a_search_or_a_refusal(query_string: str) -> None:
    with contextlib.suppress(InvalidInput):
        asked = read_search(query_string)
        assert asked.query
        assert asked.target.startswith(b"GET /search?q=")
        assert not set(b"\r\n") & set(asked.target)


@pytest.mark.parametrize(
    "query_string",
    ["", "q=", "q=+%20+", "q=" + "a" * 10_000, "q=a&page=0", "q=a&page=-1", "q=a&page=x", "q=a&page=1e3", "q=a&page=²",
     f"q=a&page={PAGE_MAX + 1}", "q=a&format=xml"],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(query_string: str) -> None:
    with pytest.raises(InvalidInput, match="expected"):
        read_search(query_string)


@pytest.mark.parametrize(("text", "expected"), [("", None), ("&format=json", True), ("&format=html", False)])
def test_the_format_can_be_named(text: str, expected: bool | None) -> None:
    assert read_search("q=a" + text).json is expected


def test_bytes_that_are_no_utf8_are_no_error() -> None:
    assert read_search("q=a%ff%fe").query == "a\ufffd\ufffd"
