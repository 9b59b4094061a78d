"""The state that the page shows, in sections that record what changed since the last batch. Pure.

A new reader gets every section in full, later only changes. Applied in order, they give the full state. JSON data only.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

Row = Mapping[str, Any]
_NEWS_MAX = 10_000
"""More rows than a section keeps and a batch brings. Beyond it the oldest changes of a batch are dropped."""


class Section(Protocol):
    """A part of the state."""

    def full(self) -> Any:
        """Return all of it."""

    def take_changes(self) -> Any:
        """Return what has changed since the last call; None for nothing."""


class Value:
    """A value that is replaced as a whole."""

    def __init__(self, value: Any = None) -> None:
        self._value = value
        self._changed = False

    def full(self) -> Any:
        return self._value

    def set(self, value: Any) -> None:
        """Replace the value. An equal value is no change."""
        if value != self._value:
            self._value = value
            self._changed = True

    def take_changes(self) -> Any:
        changed, self._changed = self._changed, False
        # Wrapped in an object: a value that became None is a change, None alone is not.
        return {"is": self._value} if changed else None


class RowSet:
    """Rows by their `id`. A change is {"set": [rows], "gone": [ids]}."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}
        self._sent: dict[str, Row] = {}

    def full(self) -> list[Row]:
        return list(self._rows.values())

    def replace(self, rows: Iterable[Row]) -> None:
        """Replace all rows."""
        self._rows = {str(row["id"]): row for row in rows}

    def take_changes(self) -> Any:
        changed = [row for key, row in self._rows.items() if self._sent.get(key) != row]
        gone = [key for key in self._sent if key not in self._rows]
        self._sent = dict(self._rows)
        return {"set": changed, "gone": gone} if changed or gone else None


class Tail:
    """The last `keep` rows, oldest first. A row with a known `id` replaces the former one in its place.

    A change is the list of new and changed rows in their order. A reader that adds them one by one and keeps as many
    ends with the same rows."""

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self._rows: dict[Any, Row] = {}
        self._news: deque[Row] = deque(maxlen=_NEWS_MAX)

    def full(self) -> list[Row]:
        return list(self._rows.values())

    def add(self, row: Row) -> None:
        """Add a row, or replace the one with its id."""
        self._rows[row["id"]] = row
        self._news.append(row)
        if len(self._rows) > self.keep:
            del self._rows[next(iter(self._rows))]

    def find(self, key: Any) -> Row | None:
        """Return the row with that id if it is still kept."""
        return self._rows.get(key)

    def take_changes(self) -> Any:
        news = list(self._news)
        self._news.clear()
        return news or None


class State:
    """All sections by name."""

    def __init__(self, sections: Mapping[str, Section]) -> None:
        self._sections = sections

    def full(self) -> dict[str, Any]:
        """Return every section in full."""
        return {name: section.full() for name, section in self._sections.items()}

    def take_changes(self) -> dict[str, Any]:
        """Return the changes of the sections that changed since the last call."""
        changes = {name: section.take_changes() for name, section in self._sections.items()}
        return {name: change for name, change in changes.items() if change is not None}


REQUESTS_KEPT = 2000
"""Of the load's requests, and as many of all others."""


class RequestCache:
    """Keeps the last `keep` requests of the load and the last `keep` of all others."""

    def __init__(self, keep: int = REQUESTS_KEPT) -> None:
        self._keep = keep
        self._load: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._others: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def find(self, request_id: str) -> dict[str, Any] | None:
        """Return the request if it is still kept. Looking at a request keeps it longer."""
        for rows in (self._others, self._load):
            if (row := rows.get(request_id)) is not None:
                rows.move_to_end(request_id)
                return row
        return None

    def add(self, row: dict[str, Any]) -> None:
        """Add a request, or replace what is known of it."""
        rows = self._load if row["source"] == "load" else self._others
        rows[row["id"]] = row
        rows.move_to_end(row["id"])
        while len(rows) > self._keep:
            rows.popitem(last=False)
