"""Filters and pages as EC2's clients know them."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmhost.base.errors import InvalidInput
from vmhost.ec2.actions.describe import Field, Item, PageRequest, item_tags, paginate, parse_filters, parse_page


def thing(name: str, **tags: str) -> Item:
    return {"Name": name, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()], "Parts": []}


FIELDS: Mapping[str, Field] = {
    "name": "Name",
    "never": "Parts.Name",
    "length": lambda item: [str(len(item["Name"]))],
    "text": lambda item: [item["Name"]],
}
A, B = thing("alpha", role="leaf", x="1"), thing("be*a", role="front")


def chosen(*filters: tuple[str, list[str]]) -> list[Item]:
    keep = parse_filters({"Filters": [{"Name": n, "Values": v} for n, v in filters]}, FIELDS, item_tags)
    return [item for item in (A, B) if keep(item)]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([], [A, B]),
        ([("name", ["alpha"])], [A]),
        ([("name", ["alpha", "be*a"])], [A, B]),
        ([("name", ["al*"])], [A]),
        ([("name", ["??*a"])], [A, B]),
        ([("name", [r"be\*a"])], [B]),
        ([("name", [r"al\*a"])], []),
        ([("name", ["ALPHA"])], []),
        ([("tag:role", ["leaf"])], [A]),
        ([("tag:role", ["*"])], [A, B]),
        ([("tag-key", ["x"])], [A]),
        ([("tag:role", ["leaf", "front"]), ("name", ["be*"])], [B]),
        ([("never", ["*"])], []),
        ([("length", ["4"])], [B]),
    ],
)
def test_one_value_of_every_filter_must_match(filters: list[tuple[str, list[str]]], expected: list[Item]) -> None:
    assert chosen(*filters) == expected


@pytest.mark.parametrize("entry", [("colour", ["x"]), ("name", []), ("", ["x"]), ("name", ["x"] * 201)])
def test_unknown_filter_is_refused(entry: tuple[str, list[str]]) -> None:
    with pytest.raises(InvalidInput):
        chosen(entry)


@given(pattern=st.text(alphabet="ab*?", max_size=8), text=st.text(alphabet="ab", max_size=8))
def test_wildcards_match_like_fnmatch(pattern: str, text: str) -> None:
    keep = parse_filters({"Filters": [{"Name": "text", "Values": [pattern or "*"]}]}, FIELDS)
    assert keep(thing(text)) == fnmatch.fnmatchcase(text, pattern or "*")


def test_filter_values_have_ec2_format() -> None:
    item = {"At": datetime(2026, 1, 2, 3, 4, 5, 6000, tzinfo=UTC), "Is": True, "No": [{"N": 5}, {"N": 1.5}], "E": ""}
    fields = {"at": "At", "is": "Is", "n": "No.N", "e": "E", "absent": "X.Y"}
    for name, value, matches in (
        ("at", "2026-01-02T03:04:05.006Z", True),
        ("is", "true", True),
        ("is", "True", False),
        ("n", "5", True),
        ("n", "1.5", True),
        ("e", "*", False),
        ("absent", "*", False),
    ):
        assert parse_filters({"Filters": [{"Name": name, "Values": [value]}]}, fields)(item) is matches, name


def test_pattern_with_many_stars_is_fast() -> None:
    keep = parse_filters({"Filters": [{"Name": "name", "Values": ["*a" * 200 + "b"]}]}, FIELDS)
    assert not keep(thing("a" * 255))


@given(names=st.sets(st.text(max_size=4), max_size=30), limit=st.integers(1, 7))
def test_all_pages_together_have_every_item_once(names: set[str], limit: int) -> None:
    seen: list[str] = []
    page = PageRequest(limit=limit)
    for _ in range(len(names) + 1):
        items, token = paginate(names, page, lambda name: name)
        seen += items
        if token is None:
            break
        page = parse_page({"NextToken": token, "MaxResults": limit}, (1, 9))
    assert seen == sorted(names)


def test_page_continues_after_its_last_item_is_removed() -> None:
    _, token = paginate("abcd", PageRequest(limit=2), str)
    rest = parse_page({"NextToken": token}, (1, 9))
    assert paginate("acd", rest, str) == (["c", "d"], None)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"MaxResults": 4}, "InvalidParameterValue"),
        ({"MaxResults": 1001}, "InvalidParameterValue"),
        ({"NextToken": "nonsense"}, "InvalidNextToken"),
        ({"NextToken": "é"}, "InvalidNextToken"),
    ],
)
def test_invalid_pages_are_refused(params: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_page(params, (5, 1000))
    assert caught.value.code == code
