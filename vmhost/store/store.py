"""The store: everything is read once at the start; after that each change is one short transaction.

Calls block for about 0.1 ms (WAL, synchronous=NORMAL: no wait for the disk at a commit), so they run on the event
loop, and a change is on record before anyone can see it. A crash of the program loses nothing; a power cut may lose
the last changes, never the file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from vmhost.base.errors import Internal, InvalidInput
from vmhost.model.fleet import Fleet, LaunchTemplate
from vmhost.model.instance import Instance
from vmhost.store.codec import dump, load
from vmhost.store.schema import MIGRATIONS, migrate

_BUSY_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A client token that was used: with what request, and what it made."""

    id: str
    """Action and token, such as "RunInstances/my-token"."""
    digest: str
    """Of the request's parameters."""
    made: tuple[str, ...]
    """Ids of the instances, or of the fleet."""
    at: float


Record = Instance | LaunchTemplate | Fleet | Token
_TABLES: dict[type[Any], str] = {Instance: "instance", LaunchTemplate: "template", Fleet: "fleet", Token: "token"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """All that the store holds."""

    instances: tuple[Instance, ...]
    templates: tuple[LaunchTemplate, ...]
    fleets: tuple[Fleet, ...]
    tokens: tuple[Token, ...]


class Store:
    """One SQLite file with one writer. Not for use by several threads."""

    def __init__(self, path: Path | str, *, migrations: Sequence[str] = MIGRATIONS) -> None:
        """Opens or makes the file (":memory:" for none) and brings it to the present version.

        Raises InvalidInput for a file that is not ours, newer than us, damaged, or in a place we may not write."""
        self._path = str(path)
        try:
            if self._path != ":memory:":
                _for_owner_only(Path(self._path))
            self._connection = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = NORMAL")
                migrate(self._connection, self._path, migrations)
            except BaseException:
                self._connection.close()
                raise
        except (sqlite3.Error, OSError) as error:
            raise InvalidInput(f"{self._path} cannot be used ({error}); expected a database of ours") from error

    def load(self) -> Saved:
        """Everything, in the order of ids. Raises Internal for a record that is not understood."""
        return Saved(
            instances=tuple(self._all(Instance)),
            templates=tuple(self._all(LaunchTemplate)),
            fleets=tuple(self._all(Fleet)),
            tokens=tuple(self._all(Token)),
        )

    def write(self, put: Iterable[Record] = (), forget: Iterable[Record] = ()) -> None:
        """Puts and removes records in one transaction: all or nothing. Raises Internal when the disk fails."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                for record in put:
                    sql = f"INSERT OR REPLACE INTO {_TABLES[type(record)]} (id, body) VALUES (?, ?)"
                    self._connection.execute(sql, (record.id, dump(record)))
                for record in forget:
                    self._connection.execute(f"DELETE FROM {_TABLES[type(record)]} WHERE id = ?", (record.id,))
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise Internal(f"{self._path} could not be written: {error}") from error

    def clear(self) -> None:
        """Forgets everything."""
        script = "".join(f"DELETE FROM {table};" for table in _TABLES.values())
        try:
            self._connection.executescript(f"BEGIN IMMEDIATE; {script} COMMIT;")
        except sqlite3.Error as error:
            raise Internal(f"{self._path} could not be cleared: {error}") from error

    def close(self) -> None:
        """Lets go of the file; closing twice is fine."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _all(self, kind: type[Any]) -> Iterable[Any]:
        for key, body in self._connection.execute(f"SELECT id, body FROM {_TABLES[kind]} ORDER BY id"):
            try:
                yield load(kind, body)
            except (TypeError, ValueError, KeyError, AttributeError) as error:
                raise Internal(f"{self._path}: the record of {key} is not understood: {error}") from error


def _for_owner_only(path: Path) -> None:
    """User data may hold secrets and the folder may be anyone's to read. SQLite gives its own files the same rights."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)
