"""Requests are read as typed values, and errors name the field in plain words."""

from __future__ import annotations

from typing import Annotated

import pytest
from msgspec import Meta, Struct

from vmhost.base.errors import InvalidInput
from vmhost.base.json_request import NOT_EMPTY, decode_body, decode_query


class Form(Struct, forbid_unknown_fields=True):
    name: Annotated[str, NOT_EMPTY, Meta(max_length=3)]
    count: Annotated[int, Meta(ge=1, le=10)] = 1
    host: str | None = None
    sure: bool = False


class Query(Struct):
    since: Annotated[float, Meta(ge=0, le=1e12)]
    run: int = 0


def test_fields_have_their_types() -> None:
    assert decode_body(b'{"name": "a", "count": 3}', Form) == Form(name="a", count=3)
    assert decode_query({"since": "1.5", "run": "2"}, Query) == Query(since=1.5, run=2)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{}", "name is required"),
        (b'{"name": " "}', "name must be text that is not empty"),
        (b'{"name": "long"}', "name must be text of at most 3 characters"),
        (b'{"name": "a", "count": true}', "count must be a whole number, not true or false"),
        (b'{"name": "a", "count": 11}', "count must be a whole number of at most 10"),
        (b'{"name": "a", "count": 0}', "count must be a whole number of at least 1"),
        (b'{"name": "a", "host": []}', "host must be text or null, not a list"),
        (b'{"name": "a", "sure": 1}', "sure must be true or false, not a whole number"),
        (b'{"name": "a", "colour": 1}', "colour is not known"),
        (b"[]", "the request body must be a JSON object, not a list"),
        (b'{"name": "\\ud800"}', "the request body must be a JSON object"),
        (b"{", "the request body must be a JSON object"),
        (b"[" * 5000, "the request body must be a JSON object, not a list"),
    ],
)
def test_error_names_the_field(body: bytes, message: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        decode_body(body, Form)
    assert raised.value.message == message


@pytest.mark.parametrize("since", ["", "soon", "nan", "inf", "-1"])
def test_query_without_finite_number_is_refused(since: str) -> None:
    with pytest.raises(InvalidInput, match=r"^since "):
        decode_query({"since": since}, Query)
