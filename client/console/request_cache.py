"""The last requests, by id.

Requests of people are kept apart from those of the load, so that no amount of load pushes them out.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

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
