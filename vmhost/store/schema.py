"""The shape of the file and how an older one becomes the present one. A file's version is SQLite's `user_version`."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from vmhost.base.errors import InvalidInput

APPLICATION_ID = 0x676C6373
"""Marks the file as ours ("glcs")."""

MIGRATIONS: Sequence[str] = (
    """
    CREATE TABLE instance (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE template (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE fleet (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE token (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
    """,
    """
    CREATE TABLE console (id TEXT PRIMARY KEY, body TEXT NOT NULL);
    """,
)
"""Entry n makes version n + 1 from version n. Only ever append."""


def migrate(connection: sqlite3.Connection, subject: str, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Brings the file to the present version, each step in one transaction.

    Raises InvalidInput, changing nothing, for a file of a newer version or of another program."""
    version = _number(connection, "user_version")
    _check(connection, subject, version, len(migrations))
    for number, script in enumerate(migrations[version:], version + 1):
        marks = f"PRAGMA user_version = {number}; PRAGMA application_id = {APPLICATION_ID}"
        connection.executescript(f"BEGIN IMMEDIATE; {script}; {marks}; COMMIT;")


def _check(connection: sqlite3.Connection, subject: str, version: int, known: int) -> None:
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and _number(connection, "application_id") != APPLICATION_ID:
        raise InvalidInput(f"{subject} is another program's database; choose another folder with --state")
    if version > known:
        raise InvalidInput(
            f"{subject} was written by a newer glasscloud (schema {version}, this one knows {known}); "
            "use that version, or choose another folder with --state"
        )


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])
