"""Responses in pages. A token names the last item returned, so items may be added and removed between pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from vmhost.base.errors import InvalidInput

T = TypeVar("T")
_MARK = "after:"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """The maximum number of items (None: all), and the key after which the page starts (None: at the first)."""

    limit: int | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """One page, and the token for the next page (None: this is the last)."""

    items: tuple[T, ...]
    next_token: str | None


def parse_page(params: Mapping[str, Any], *, low: int, high: int) -> PageRequest:
    """Parse MaxResults and NextToken. Raises InvalidInput."""
    limit, token = params.get("MaxResults"), params.get("NextToken")
    if limit is not None and not low <= limit <= high:
        raise InvalidInput(f"value ({limit}) for parameter maxResults is invalid; use {low} to {high}")
    return PageRequest(limit=limit, after=_decode_token(token) if token else None)


def paginate(items: Iterable[T], page: PageRequest, key: Callable[[T], str]) -> Page[T]:
    """Return the requested page in the order of `key`; without page limits all items in the order given."""
    if page.limit is None and page.after is None:
        return Page(items=tuple(items), next_token=None)
    rest = sorted((item for item in items if page.after is None or key(item) > page.after), key=key)
    taken = tuple(rest[: page.limit])
    more = len(taken) < len(rest)
    return Page(items=taken, next_token=_encode_token(key(taken[-1])) if more else None)


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
