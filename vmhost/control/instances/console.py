"""The last console output of instances whose guests were removed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from vmhost.store import Key, Row, Store

_TABLE = "console"
_KEPT_MAX = 100
"""Of 64 KiB each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleOutput:
    """The last output of an instance's program."""

    id: str
    """The instance's id."""
    text: str


class ConsoleArchive:
    """Keeps the output of the last instances in the store; it is too large for memory."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep(self, instance_id: str, text: str) -> None:
        """Keep the output until it is forgotten, or until many others have been kept."""
        others = [each for each in self._store.ids_by_age(_TABLE) if each != instance_id]
        surplus = others[: max(0, len(others) + 1 - _KEPT_MAX)]
        row = Row(_TABLE, instance_id, msgspec.json.encode(ConsoleOutput(id=instance_id, text=text)).decode())
        self._store.write([row], [Key(_TABLE, each) for each in surplus])

    def read(self, instance_id: str) -> str | None:
        """Return the output; None if it was not kept."""
        body = self._store.body(Key(_TABLE, instance_id))
        return None if body is None else msgspec.json.decode(body, type=ConsoleOutput).text

    def forget(self, ids: Iterable[str]) -> None:
        """Remove the output of these instances."""
        self._store.write(forget=[Key(_TABLE, each) for each in ids])
