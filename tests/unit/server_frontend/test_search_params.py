"""Parsing a query string: any text gives either parameters or an error."""

from __future__ import annotations

import contextlib
from urllib.parse import parse_qs, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.frontend.search import PAGE_MAX, parse_params
from vmhost.base.errors import InvalidInput


@given(st.text(max_size=60))
def test_query_survives_its_encoding(text: str) -> None:
    query = f"a{text.encode('utf-8', 'replace').decode()}b".replace('"', "").translate(
        dict.fromkeys(map(ord, "“”„«»\0"))
    )
    params = parse_params(f"q={quote_plus(query)}&page=2")
    assert params.query == query
    method, target, version = params.request_line.decode("ascii").split(" ")
    assert (method, version) == ("GET", "HTTP/1.1")
    assert parse_qs(target.partition("?")[2], keep_blank_values=True) == {"q": [query], "n": ["20"]}


@given(st.text(max_size=200))
def test_any_query_string_is_parsed_or_refused(query_string: str) -> None:
    with contextlib.suppress(InvalidInput):
        params = parse_params(query_string)
        assert params.query
        assert params.request_line.startswith(b"GET /search?q=")
        assert not set(b"\r\n") & set(params.request_line)


@pytest.mark.parametrize(
    "query_string",
    ["", "q=", "q=+%20+", "q=" + "a" * 10_000, "q=a&page=0", "q=a&page=-1", "q=a&page=x", "q=a&page=1e3", "q=a&page=²",
     f"q=a&page={PAGE_MAX + 1}", "q=a&format=xml"],
)  # fmt: skip
def test_invalid_parameters_are_refused(query_string: str) -> None:
    with pytest.raises(InvalidInput):
        parse_params(query_string)


@pytest.mark.parametrize(("text", "expected"), [("", None), ("&format=json", True), ("&format=html", False)])
def test_format_parameter(text: str, expected: bool | None) -> None:
    assert parse_params("q=a" + text).json is expected


def test_bytes_that_are_not_utf8_are_accepted() -> None:
    assert parse_params("q=a%ff%fe").query == "a\ufffd\ufffd"
