"""The requests that can still be looked at, newest last. Pure.

Those that people sent are kept apart: however much load there is, it takes no place of theirs.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

REQUESTS_KEPT = 2000
"""Of the load's, and as many of everybody else's."""


class Remembered:
    """The last `keep` requests of the load and the last `keep` of all others, by id."""

    def __init__(self, keep: int = REQUESTS_KEPT) -> None:
        self._keep = keep
        self._loads: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._others: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def find(self, key: str) -> dict[str, Any] | None:
        """The request as long as it is remembered; one that somebody looked at is remembered longer."""
        for rows in (self._others, self._loads):
            if (row := rows.get(key)) is not None:
                rows.move_to_end(key)
                return row
        return None

    def add(self, row: dict[str, Any]) -> None:
        """A new request, or what has become known of one."""
        rows = self._loads if row["source"] == "load" else self._others
        rows[row["id"]] = row
        rows.move_to_end(row["id"])
        while len(rows) > self._keep:
            rows.popitem(last=False)
