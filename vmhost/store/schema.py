"""The tables of the file, and how a file of an older version is brought up to date.

A file's version is SQLite's `user_version`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from vmhost.base.errors import InvalidInput

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
}
"""By the version that each one produces from the version before it. A published migration never changes."""


def migrate(connection: sqlite3.Connection, path: str, migrations: Mapping[int, Migration] = MIGRATIONS) -> None:
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
