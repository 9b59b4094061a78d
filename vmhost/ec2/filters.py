"""EC2's filters: any value of one filter, and all filters together; `*` and `?` are wildcards, `\\` quotes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from vmhost.base.errors import InvalidInput

MAX_VALUES = 200
_WILD = re.compile(r"[*?\\]")

T = TypeVar("T")
Field = Callable[[T], Iterable[str]]
"""The values that a thing has under one filter name; none means that it never matches."""


def parse_filters(
    params: Mapping[str, Any], fields: Mapping[str, Field[T]], tags: Callable[[T], Mapping[str, str]] | None = None
) -> Callable[[T], bool]:
    """A predicate from the request's `Filters`. Raises InvalidInput for names that are not in `fields`.

    With `tags`, `tag:KEY` and `tag-key` are understood too."""
    tests = [_test(entry, fields, tags) for entry in params.get("Filters", ())]
    return lambda thing: all(test(thing) for test in tests)


def _test(
    entry: Mapping[str, Any], fields: Mapping[str, Field[T]], tags: Callable[[T], Mapping[str, str]] | None
) -> Callable[[T], bool]:
    name, values = entry.get("Name"), entry.get("Values", [])
    if not name or not values or len(values) > MAX_VALUES:
        raise InvalidInput(f"filter {name!r} has {len(values)} values; expected a name and 1 to {MAX_VALUES} values")
    matches = _matcher(values)
    field = _field(name, fields, tags)
    return lambda thing: any(matches(value) for value in field(thing))


def _field(name: str, fields: Mapping[str, Field[T]], tags: Callable[[T], Mapping[str, str]] | None) -> Field[T]:
    if name in fields:
        return fields[name]
    if tags is not None and name == "tag-key":
        return tags
    if tags is not None and name.startswith("tag:"):
        key = name.removeprefix("tag:")
        return lambda thing: (value for tag, value in tags(thing).items() if tag == key)
    known = ", ".join(sorted(fields)) + (", tag:KEY, tag-key" if tags else "")
    raise InvalidInput(f"the filter '{name[:80]}' is invalid; known here: {known}")


def _matcher(values: Sequence[str]) -> Callable[[str], bool]:
    plain = frozenset(value for value in values if not _WILD.search(value))
    wild = [_tokens(value) for value in values if value not in plain]
    return lambda text: text in plain or any(_glob(tokens, text) for tokens in wild)


def _tokens(value: str) -> list[str]:
    """`*` and `?` as they stand, every other character after a backslash that takes its power."""
    parts = re.findall(r"\\.|.", value, re.DOTALL)
    return [part if part in ("*", "?") else "\\" + part[-1] for part in parts]


def _glob(tokens: Sequence[str], text: str) -> bool:
    """Whether the whole text matches; at worst len(tokens) x len(text) steps, whatever the pattern."""
    here = star = 0
    resume = -1
    at = 0
    while at < len(text):
        token = tokens[here] if here < len(tokens) else ""
        if token == "?" or token == "\\" + text[at]:
            here, at = here + 1, at + 1
        elif token == "*":
            star, resume = here, at
            here += 1
        elif resume >= 0:
            resume += 1
            here, at = star + 1, resume
        else:
            return False
    return all(token == "*" for token in tokens[here:])
