"""EC2's filters: an item must match one value of each filter; `*` and `?` are wildcards, `\\` quotes them.

Filters read the response's own items, so a filter never contradicts what the response shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from vmhost.base.errors import InvalidInput
from vmhost.ec2.codec.encode import timestamp

MAX_VALUES = 200
_WILD = re.compile(r"[*?\\]")

Item: TypeAlias = Mapping[str, Any]
"""One item of a response by the service model's member names."""
Keep: TypeAlias = Callable[[Item], bool]
Values: TypeAlias = Callable[[Item], Iterable[str]]
"""Returns the values of an item for one filter name; without values it never matches."""
Field: TypeAlias = str | Values
"""Where the values are: a path of members such as "State.Name" (also through lists), or a function."""


def parse_filters(
    params: Mapping[str, Any], fields: Mapping[str, Field], tags: Callable[[Item], Mapping[str, str]] | None = None
) -> Keep:
    """Convert the request's `Filters` to a predicate. Raises InvalidInput for names that are not in `fields`.

    With `tags`, `tag:KEY` and `tag-key` are supported too."""
    tests = [_test(entry, fields, tags) for entry in params.get("Filters", ())]
    return lambda item: all(test(item) for test in tests)


def item_tags(item: Item) -> Mapping[str, str]:
    """Return the tags that an item shows."""
    return {tag["Key"]: tag["Value"] for tag in item.get("Tags") or ()}


def _test(
    entry: Mapping[str, Any], fields: Mapping[str, Field], tags: Callable[[Item], Mapping[str, str]] | None
) -> Keep:
    name, values = entry.get("Name"), entry.get("Values", [])
    if not name or not values or len(values) > MAX_VALUES:
        raise InvalidInput(f"filter {name!r} has {len(values)} values; give a name and 1 to {MAX_VALUES} values")
    matches = _matcher(values)
    field = _field(name, fields, tags)
    return lambda item: any(matches(value) for value in field(item))


def _field(name: str, fields: Mapping[str, Field], tags: Callable[[Item], Mapping[str, str]] | None) -> Values:
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
    raise InvalidInput(f"the filter '{name[:160]}' is not supported here; supported filters are {known}")


def _texts(value: Any, path: Sequence[str]) -> Iterator[str]:
    """Yield the values at the end of the path in the form that filters use; empty and missing ones are skipped."""
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
    """Split into tokens: `*` and `?` as they are, every other character with a backslash before it."""
    parts = re.findall(r"\\.|.", value, re.DOTALL)
    return [part if part in ("*", "?") else "\\" + part[-1] for part in parts]


def _glob(tokens: Sequence[str], text: str) -> bool:
    """Whether the complete text matches, in at most len(tokens) x len(text) steps."""
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
