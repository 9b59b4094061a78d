"""EC2's filters: any value of one filter, and all filters together; `*` and `?` are wildcards, `\\` quotes them.

A filter reads what the response shows, so that nothing can be shown by one name and filtered by another truth."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from vmhost.base.errors import InvalidInput
from vmhost.ec2.codec.encode import timestamp

MAX_VALUES = 200
_WILD = re.compile(r"[*?\\]")

Shown: TypeAlias = Mapping[str, Any]
"""One item of a response, by the model's member names."""
Keep: TypeAlias = Callable[[Shown], bool]
Values: TypeAlias = Callable[[Shown], Iterable[str]]
"""The values that an item has under one filter name; none means that it never matches."""
Field: TypeAlias = str | Values
"""Where the values stand: a path of members such as "State.Name" (through lists too), or a function that finds them."""


def parse_filters(
    params: Mapping[str, Any], fields: Mapping[str, Field], tags: Callable[[Shown], Mapping[str, str]] | None = None
) -> Keep:
    """A predicate from the request's `Filters`. Raises InvalidInput for names that are not in `fields`.

    With `tags`, `tag:KEY` and `tag-key` are understood too."""
    tests = [_test(entry, fields, tags) for entry in params.get("Filters", ())]
    return lambda item: all(test(item) for test in tests)


def shown_tags(item: Shown) -> Mapping[str, str]:
    """The tags that an item shows."""
    return {tag["Key"]: tag["Value"] for tag in item.get("Tags") or ()}


def _test(
    entry: Mapping[str, Any], fields: Mapping[str, Field], tags: Callable[[Shown], Mapping[str, str]] | None
) -> Keep:
    name, values = entry.get("Name"), entry.get("Values", [])
    if not name or not values or len(values) > MAX_VALUES:
        raise InvalidInput(f"filter {name!r} has {len(values)} values; expected a name and 1 to {MAX_VALUES} values")
    matches = _matcher(values)
    field = _field(name, fields, tags)
    return lambda item: any(matches(value) for value in field(item))


def _field(name: str, fields: Mapping[str, Field], tags: Callable[[Shown], Mapping[str, str]] | None) -> Values:
    field = fields.get(name)
    if isinstance(field, str):
        path = field.split(".")
        return lambda item: _texts(item, path)
    if field is not None:
        return field
    if tags is not None and name == "tag-key":
        return tags
    if tags is not None and name.startswith("tag:"):
        key = name.removeprefix("tag:")
        return lambda item: (value for tag, value in tags(item).items() if tag == key)
    known = ", ".join(sorted(fields)) + (", tag:KEY, tag-key" if tags else "")
    raise InvalidInput(f"the filter '{name[:160]}' is not provided here; filters are {known}")


def _texts(value: Any, path: Sequence[str]) -> Iterator[str]:
    """The values at the end of the path, as filters write them; empty and absent ones are left out."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item, path)
    elif path and value is not None:
        yield from _texts(value.get(path[0]), path[1:])
    elif isinstance(value, bool):
        yield "true" if value else "false"
    elif isinstance(value, datetime):
        yield timestamp(value)
    elif value not in (None, ""):
        yield f"{value:g}" if isinstance(value, float) else str(value)


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
