"""The store: everything is read once at the start; after that each change is one short transaction.

Calls block for about 0.1 ms (WAL, synchronous=NORMAL: no wait for the disk at a commit), so they run on the event
loop, and a change is on record before anyone can see it. A crash of the program loses nothing; a power cut may lose
the last changes, never the file.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from vmhost.base.errors import Internal, InvalidInput, Unavailable
from vmhost.model.fleet import Fleet, LaunchTemplate
from vmhost.model.instance import Instance
from vmhost.store.codec import dump, load
from vmhost.store.schema import MIGRATIONS, migrate

_BUSY_S = 2.0
_ROOM_BYTES = 16 * 1024


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleOutput:
    """What a removed instance's program printed last."""

    id: str
    """The instance's."""
    text: str


Record = Instance | LaunchTemplate | Fleet | Token | ConsoleOutput
_TABLES: dict[type[Any], str] = {
    Instance: "instance",
    LaunchTemplate: "template",
    Fleet: "fleet",
    Token: "token",
    ConsoleOutput: "console",
}


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
            raise InvalidInput(_in_words(self._path, error)) from error

    def load(self) -> Saved:
        """Everything, in the order of ids. Raises InvalidInput for a damaged file, Internal for a record that is not
        understood."""
        return Saved(
            instances=tuple(self._all(Instance)),
            templates=tuple(self._all(LaunchTemplate)),
            fleets=tuple(self._all(Fleet)),
            tokens=tuple(self._all(Token)),
        )

    def consoles(self) -> tuple[str, ...]:
        """The instances whose console output is kept, oldest first."""
        return tuple(row[0] for row in self._read("SELECT id FROM console ORDER BY rowid"))

    def console(self, instance_id: str) -> str | None:
        """A removed instance's console output; None when none is kept."""
        for (body,) in self._read("SELECT body FROM console WHERE id = ?", instance_id):
            return load(ConsoleOutput, body).text
        return None

    def write(self, put: Iterable[Record] = (), forget: Iterable[Record] = ()) -> None:
        """Puts and removes records in one transaction: all or nothing. Raises Unavailable when the disk fails."""
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
                # SQLite has ended the transaction by itself when the disk is full.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise Unavailable(_in_words(self._path, error)) from error

    def clear(self) -> None:
        """Forgets everything."""
        script = "".join(f"DELETE FROM {table};" for table in _TABLES.values())
        try:
            self._connection.executescript(f"BEGIN IMMEDIATE; {script} COMMIT;")
        except sqlite3.Error as error:
            raise Unavailable(_in_words(self._path, error)) from error

    def close(self) -> None:
        """Lets go of the file; closing twice is fine."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _all(self, kind: type[Any]) -> Iterable[Any]:
        for key, body in self._read(f"SELECT id, body FROM {_TABLES[kind]} ORDER BY id"):
            try:
                yield load(kind, body)
            except (TypeError, ValueError, KeyError, AttributeError) as error:
                raise Internal(f"{self._path}: the record of {key} is not understood: {error}") from error

    def _read(self, sql: str, *values: str) -> list[tuple[str, ...]]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise InvalidInput(_in_words(self._path, error)) from error


def _has_no_room(path: str) -> bool:
    """Whether the file's disk is full, which SQLite may tell as an error of input and output."""
    try:
        return shutil.disk_usage(Path(path).parent).free < _ROOM_BYTES
    except OSError:
        return False


def _in_words(path: str, error: sqlite3.Error | OSError) -> str:
    """What is wrong with the file and what to do about it."""
    text = str(error)
    if "full" in text or (isinstance(error, OSError) and error.errno == errno.ENOSPC) or _has_no_room(path):
        return f"the disk that holds {path} is full; make room on it and try again"
    if "malformed" in text or "not a database" in text:
        return (
            f"{path} is damaged or not a database ({text}); move it away, then start with --adopt to keep the "
            "instances that still run, or with --sweep to remove them"
        )
    return f"{path} cannot be used ({text}); check its folder, or choose another one with --state"


def _for_owner_only(path: Path) -> None:
    """User data may hold secrets and the folder may be anyone's to read. SQLite gives its own files the same rights."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)
