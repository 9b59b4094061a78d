"""The store: one SQLite file with a table of rows (id, body) for each kind of resource, migrated by version.

Everything is read once at the start; each change is one short transaction. Calls block for about 0.1 ms (WAL,
synchronous=NORMAL: a commit does not wait for the disk), so they run on the event loop, and a change is stored before
anyone can see it. A crash of the program loses nothing; a power failure may lose the last changes but never damages the
file. A file's version is SQLite's `user_version`.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, Self, TypeAlias

import msgspec

from vmhost.base.errors import InvalidInput, Unavailable

_BUSY_S = 2.0
_ROOM_BYTES = 16 * 1024

APPLICATION_ID = 0x676C6373
"""Marks the file as ours ("glcs")."""

Migration: TypeAlias = tuple[str, ...] | Callable[[sqlite3.Connection], None]
"""SQL statements, or a function that runs them."""


def _make_reboot_a_state(connection: sqlite3.Connection) -> None:
    """Replace the flags of an unfinished reboot, which version 2 kept beside the state `running`."""
    for record_id, body in connection.execute("SELECT id, body FROM instance").fetchall():
        fields = msgspec.json.decode(body)
        rebooting, stopped = fields.pop("rebooting", False), fields.pop("reboot_stopped", False)
        if rebooting and fields["state"] == "running":
            fields["state"] = "restarting" if stopped else "rebooting"
        changed = msgspec.json.encode(fields).decode()
        connection.execute("UPDATE instance SET body = ? WHERE id = ?", (changed, record_id))


MIGRATIONS: Mapping[int, Migration] = {
    1: (
        "CREATE TABLE instance (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE template (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE fleet (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE token (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
    ),
    2: ("CREATE TABLE console (id TEXT PRIMARY KEY, body TEXT NOT NULL)",),
    3: _make_reboot_a_state,
    4: ("CREATE TABLE key_pair (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",),
}
"""By the version that each one produces from the version before it. A published migration never changes."""


class Key(NamedTuple):
    """Where a row is stored."""

    table: str
    id: str


class Row(NamedTuple):
    """A record as stored."""

    table: str
    id: str
    body: str


class Store:
    """One SQLite file with one writer. Not for use by several threads."""

    def __init__(self, path: Path | str, *, migrations: Mapping[int, Migration] = MIGRATIONS) -> None:
        """Open or create the file (":memory:" for none) and bring it to the newest version.

        Raises InvalidInput for a file of another program or a newer version, a damaged one, or one that cannot be
        written."""
        self.path = str(path)
        try:
            if self.path != ":memory:":
                _restrict_to_owner(Path(self.path))
            self._connection = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None)
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = NORMAL")
                _migrate(self._connection, self.path, migrations)
            except BaseException:
                self._connection.close()
                raise
        except (sqlite3.Error, OSError) as error:
            raise InvalidInput(_explain(self.path, error)) from error

    def rows(self, table: str) -> tuple[tuple[str, str], ...]:
        """Return ids and bodies of all rows, ordered by id. Raises InvalidInput for a damaged file."""
        return tuple((row[0], row[1]) for row in self._read(f"SELECT id, body FROM {table} ORDER BY id"))

    def body(self, key: Key) -> str | None:
        """Return the body of one row; None if it does not exist."""
        rows = self._read(f"SELECT body FROM {key.table} WHERE id = ?", key.id)
        return rows[0][0] if rows else None

    def ids_by_age(self, table: str) -> tuple[str, ...]:
        """Return the ids of a table with a rowid, oldest first."""
        return tuple(row[0] for row in self._read(f"SELECT id FROM {table} ORDER BY rowid"))

    def write(self, put: Iterable[Row] = (), forget: Iterable[Key] = ()) -> None:
        """Put and remove rows in one transaction: all or nothing. Raises Unavailable when the disk fails."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                for row in put:
                    sql = f"INSERT OR REPLACE INTO {row.table} (id, body) VALUES (?, ?)"
                    self._connection.execute(sql, (row.id, row.body))
                for key in forget:
                    self._connection.execute(f"DELETE FROM {key.table} WHERE id = ?", (key.id,))
                self._connection.execute("COMMIT")
            except BaseException:
                # When the disk is full, SQLite has already ended the transaction.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise Unavailable(_explain(self.path, error)) from error

    def clear(self) -> None:
        """Remove all rows of all tables."""
        tables = [row[0] for row in self._read("SELECT name FROM sqlite_master WHERE type = 'table'")]
        script = "".join(f"DELETE FROM {table};" for table in tables)
        try:
            self._connection.executescript(f"BEGIN IMMEDIATE; {script} COMMIT;")
        except sqlite3.Error as error:
            raise Unavailable(_explain(self.path, error)) from error

    def close(self) -> None:
        """Close the file; closing twice is fine."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _read(self, sql: str, *values: str) -> list[tuple[str, ...]]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise InvalidInput(_explain(self.path, error)) from error


def _disk_is_full(path: str) -> bool:
    """Return whether the file's disk is full, which SQLite may report as an input/output error."""
    try:
        return shutil.disk_usage(Path(path).parent).free < _ROOM_BYTES
    except OSError:
        return False


def _explain(path: str, error: sqlite3.Error | OSError) -> str:
    """Return what is wrong with the file and what to do about it."""
    text = str(error)
    if "full" in text or (isinstance(error, OSError) and error.errno == errno.ENOSPC) or _disk_is_full(path):
        return f"the disk that holds {path} is full; make room on it and try again"
    if "malformed" in text or "not a database" in text:
        return (
            f"{path} is damaged or not a database ({text}); move it away, then start with --adopt to keep the "
            "instances that still run, or with --sweep to remove them"
        )
    return f"{path} cannot be used ({text}); check its folder, or choose another one with --state"


def _restrict_to_owner(path: Path) -> None:
    """Let only the owner read the file: user data may hold secrets. SQLite gives its other files the same mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)


def _migrate(connection: sqlite3.Connection, path: str, migrations: Mapping[int, Migration] = MIGRATIONS) -> None:
    """Bring the file to the newest version, each step in one transaction.

    Raises InvalidInput, changing nothing, for a file of a newer version or of another program."""
    version = _pragma(connection, "user_version")
    _check(connection, path, version, max(migrations))
    for number in range(version + 1, max(migrations) + 1):
        _apply(connection, number, migrations[number])


def _apply(connection: sqlite3.Connection, number: int, migration: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if callable(migration):
            migration(connection)
        else:
            for statement in migration:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _check(connection: sqlite3.Connection, path: str, version: int, newest: int) -> None:
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and _pragma(connection, "application_id") != APPLICATION_ID:
        raise InvalidInput(f"{path} is another program's database; choose another folder with --state")
    if version > newest:
        raise InvalidInput(
            f"{path} was written by a newer glasscloud (schema {version}; this version reads up to {newest}); "
            "use that version, or choose another folder with --state"
        )


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
