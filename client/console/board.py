"""What the page shows, in sections that know what has changed since it was last told. Pure.

A reader gets every section whole once, then only changes; applying them in order gives the whole again. JSON data only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

Row = Mapping[str, Any]
_NEWS_MAX = 10_000
"""More rows than any section keeps and any batch brings; beyond it the oldest changes of a batch are left out."""


class Section(Protocol):
    """A part of the board."""

    def whole(self) -> Any:
        """All of it, as a new reader gets it."""

    def take(self) -> Any:
        """What has changed since the last call; None for nothing."""


class Value:
    """One value that is replaced as a whole."""

    def __init__(self, value: Any = None) -> None:
        self._value = value
        self._changed = False

    def whole(self) -> Any:
        return self._value

    def set(self, value: Any) -> None:
        """Replaces it; the same again is no change."""
        if value != self._value:
            self._value = value
            self._changed = True

    def take(self) -> Any:
        changed, self._changed = self._changed, False
        # Without the box a value that became None could not be told from one that did not change.
        return {"is": self._value} if changed else None


class Rows:
    """Things by their `id`. Changes are {"set": [rows], "gone": [ids]}."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}
        self._told: dict[str, Row] = {}

    def whole(self) -> list[Row]:
        return list(self._rows.values())

    def replace(self, rows: Iterable[Row]) -> None:
        """All rows there are now."""
        self._rows = {str(row["id"]): row for row in rows}

    def take(self) -> Any:
        changed = [row for key, row in self._rows.items() if self._told.get(key) != row]
        gone = [key for key in self._told if key not in self._rows]
        self._told = dict(self._rows)
        return {"set": changed, "gone": gone} if changed or gone else None


class Tail:
    """The last `keep` of what happened, oldest first; a row whose `id` is there already takes that one's place.

    A change is the list of new and changed rows in the order in which they came. A reader that adds them one by one
    and keeps as many ends with the same."""

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self._rows: dict[Any, Row] = {}
        self._news: deque[Row] = deque(maxlen=_NEWS_MAX)

    def whole(self) -> list[Row]:
        return list(self._rows.values())

    def add(self, row: Row) -> None:
        """A new row, or another state of a known one."""
        self._rows[row["id"]] = row
        self._news.append(row)
        if len(self._rows) > self.keep:
            del self._rows[next(iter(self._rows))]

    def find(self, key: Any) -> Row | None:
        """The row of that id, as long as it is remembered."""
        return self._rows.get(key)

    def take(self) -> Any:
        news = list(self._news)
        self._news.clear()
        return news or None


class Board:
    """All sections by name."""

    def __init__(self, sections: Mapping[str, Section]) -> None:
        self._sections = sections

    def whole(self) -> dict[str, Any]:
        """Every section, as a new reader gets it."""
        return {name: section.whole() for name, section in self._sections.items()}

    def take(self) -> dict[str, Any]:
        """The sections that changed since the last call, and how."""
        changes = {name: section.take() for name, section in self._sections.items()}
        return {name: change for name, change in changes.items() if change is not None}
