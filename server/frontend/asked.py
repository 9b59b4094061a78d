"""What a search request asks for, read from its query string. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote_plus

from server.api.results import HITS_MAX, PAGE_SIZE
from server.query import parse
from vmhost.base.errors import InvalidInput

PAGE_MAX = HITS_MAX // PAGE_SIZE
_FORMATS = {"": None, "json": True, "html": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A search that may be sent to the leaves."""

    query: str
    page: int
    json: bool | None
    """Whether JSON was asked for by name; None: the Accept header decides."""
    target: bytes
    """The leaf's request line."""

    @property
    def offset(self) -> int:
        """How many hits the pages before this one took."""
        return (self.page - 1) * PAGE_SIZE


def parameters(query_string: str) -> dict[str, str]:
    """The decoded parameters; of a name that comes twice the first counts. Bytes that are no UTF-8 become U+FFFD."""
    found: dict[str, str] = {}
    for pair in query_string.split("&"):
        name, _, value = pair.partition("=")
        if name not in found:
            found[name] = unquote_plus(value, errors="replace") if "%" in value or "+" in value else value
    return found


def wants_json(query_string: str) -> bool | None:
    """As `Asked.json`, also for a query string that is refused otherwise. Raises InvalidInput for an unknown format."""
    name = parameters(query_string).get("format", "")
    if name not in _FORMATS:
        raise InvalidInput(f"the format {name[:20]!r} is unknown; expected json or html")
    return _FORMATS[name]


def read_search(query_string: str) -> Asked:
    """The search that the query string asks for. Raises InvalidInput, saying what was expected."""
    found = parameters(query_string)
    query = found.get("q", "").strip()
    parse(query)
    page = _page(found.get("page", "1"))
    line = f"GET /search?q={quote(query, safe='')}&n={page * PAGE_SIZE} HTTP/1.1"
    return Asked(query=query, page=page, json=wants_json(query_string), target=line.encode("ascii"))


def _page(text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) <= 4 and 1 <= int(text) <= PAGE_MAX:
        return int(text)
    raise InvalidInput(f"the page {text[:20]!r} does not exist; expected a number from 1 to {PAGE_MAX}")
