"""Actions that list resources: `describe` makes one, with EC2's filters and pages.

An item must match one value of each filter; `*` and `?` are wildcards, `\\` quotes them. Filters read the response's
own items, so a filter never contradicts what the response shows. A page's token names the last item returned, so items
may be added and removed between pages."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from vmhost.base.errors import InvalidInput
from vmhost.ec2.actions.action import Action, Context, Params, ResponseData
from vmhost.ec2.encode import timestamp

MAX_VALUES = 200
_T = TypeVar("_T")
_MARK = "after:"
_WILD = re.compile(r"[*?\\]")

Item: TypeAlias = Mapping[str, Any]
"""One item of a response by the service model's member names."""
Keep: TypeAlias = Callable[[Item], bool]
Values: TypeAlias = Callable[[Item], Iterable[str]]
"""Returns the values of an item for one filter name; without values it never matches."""
Field: TypeAlias = str | Values
"""Where the values are: a path of members such as "State.Name" (also through lists), or a function."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """The maximum number of items (None: all), and the key after which the page starts (None: at the first)."""

    limit: int | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The items that a request may list, and which of them it wants."""

    params: Params
    items: Iterable[Item]
    keep: Keep
    page: PageRequest


def describe(
    name: str,
    *,
    items: Callable[[Context, Params], Iterable[Item]],
    response: str | Callable[[Params, list[Item]], ResponseData],
    key: Callable[[Item], str],
    fields: Mapping[str, Field],
    tags: Callable[[Item], Mapping[str, str]] | None = None,
    pages: tuple[int, int] | None = (1, 1000),
    supported: frozenset[str] = frozenset(),
    fixed: Mapping[str, Any] | None = None,
    without_effect: frozenset[str] = frozenset(),
) -> Action[Selection]:
    """Return an action that lists items.

    `items` checks the parameters that name resources, at once, and returns those resources as the response shows them.
    `response` is the member that lists them, or makes the response. Pages have the order of the unique `key`, and a
    size in the range `pages` (None: the action has none). `fields` and `tags` are those of `parse_filters`."""

    def check(context: Context, params: Params) -> Selection:
        found = items(context, params)
        keep = parse_filters(params, fields, tags)
        return Selection(params=params, items=found, keep=keep, page=parse_page(params, pages or (1, 1)))

    def act(_: Context, selection: Selection) -> ResponseData:
        shown, token = paginate(filter(selection.keep, selection.items), selection.page, key)
        listed = {response: shown} if isinstance(response, str) else response(selection.params, shown)
        return {**listed, "NextToken": token}

    return Action(
        name=name,
        supported=supported | {"Filters"} | ({"MaxResults", "NextToken"} if pages else frozenset()),
        check=check,
        act=act,
        fixed=fixed or {},
        without_effect=without_effect,
    )


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


def parse_page(params: Mapping[str, Any], sizes: tuple[int, int]) -> PageRequest:
    """Parse MaxResults, which must be in the range, and NextToken. Raises InvalidInput."""
    limit, token = params.get("MaxResults"), params.get("NextToken")
    low, high = sizes
    if limit is not None and not low <= limit <= high:
        raise InvalidInput(f"value ({limit}) for parameter maxResults is invalid; use {low} to {high}")
    return PageRequest(limit=limit, after=_decode_token(token) if token else None)


def paginate(items: Iterable[_T], page: PageRequest, key: Callable[[_T], str]) -> tuple[list[_T], str | None]:
    """Return the page in the order of `key`, and the token of the next page (None: this is the last).

    Without page limits, these are all items in the order given."""
    if page.limit is None and page.after is None:
        return list(items), None
    rest = sorted((item for item in items if page.after is None or key(item) > page.after), key=key)
    taken = rest[: page.limit]
    return taken, _encode_token(key(taken[-1])) if len(taken) < len(rest) else None


def _encode_token(after: str) -> str:
    return base64.urlsafe_b64encode(f"{_MARK}{after}".encode()).decode()


def _decode_token(token: str) -> str:
    try:
        text = base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    if not text.startswith(_MARK):
        raise InvalidInput(
            f"the token '{token[:60]}' is invalid; use the NextToken of an earlier response", code="InvalidNextToken"
        )
    return text.removeprefix(_MARK)
