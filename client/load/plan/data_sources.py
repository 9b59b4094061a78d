"""Where the values of placeholders come from: a list, the lines of a file, or the rows of a CSV file."""

from __future__ import annotations

import csv
import io
import itertools
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from client.load.plan.model import ONCE, DataSource
from vmhost.base.errors import InvalidInput

VALUES_MAX = 1_000_000
_CSV_FIELD_MAX = 1 << 20

Row = tuple[str, ...]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRows:
    """A source with its values: `places` are the placeholders that one row fills, by the row's columns."""

    source: DataSource
    places: tuple[str, ...]
    rows: Sequence[Row]

    @property
    def once(self) -> bool:
        """Whether each row is used at most once."""
        return self.source.draw == ONCE


def read_rows(sources: Mapping[str, DataSource], places: Iterable[str]) -> list[SourceRows]:
    """The sources of these placeholders ("word", "user.email"), files read. Raises InvalidInput."""
    wanted: dict[str, list[str]] = {}
    for place in dict.fromkeys(places):
        wanted.setdefault(place.partition(".")[0], []).append(place)
    return [_rows(name, sources[name], tuple(found)) for name, found in wanted.items() if name in sources]


def _rows(name: str, source: DataSource, places: tuple[str, ...]) -> SourceRows:
    columns = [place.partition(".")[2] for place in places]
    if not any(columns):
        values = source.values if source.file is None else _lines(name, source.file)
        return SourceRows(source=source, places=places, rows=[(value,) for value in values])
    if not all(columns):
        raise InvalidInput(f"source {name!r} is used as {{{name}}} and with columns; use one of the two")
    if source.file is None:
        raise InvalidInput(f"source {name!r} has a list, which has no column {columns[0]!r}; give it a CSV file")
    return SourceRows(source=source, places=places, rows=_columns(name, source.file, columns))


def _lines(name: str, path: str) -> list[str]:
    # Not splitlines(): a value may hold any character that only some take for the end of a line.
    lines = (line.removesuffix("\r") for line in read_text(path, f"source {name!r}").split("\n"))
    return _counted(name, path, [line for line in lines if line.strip()])


def _columns(name: str, path: str, columns: Sequence[str]) -> list[Row]:
    csv.field_size_limit(_CSV_FIELD_MAX)
    reader = csv.reader(io.StringIO(read_text(path, f"source {name!r}"), newline=""), strict=True)
    try:
        head = next(reader, [])
        missing = [column for column in columns if column not in head]
        if missing:
            names = ", ".join(head) or "none"
            raise InvalidInput(f"source {name!r}: {path} has no column {missing[0]!r}; its first line names {names}")
        rows = []
        for row in reader:
            if row:
                if len(row) != len(head):
                    raise InvalidInput(
                        f"source {name!r}: {path}, line {reader.line_num} has {len(row)} fields; its first line has"
                        f" {len(head)}"
                    )
                rows.append(tuple(row[head.index(column)] for column in columns))
    except csv.Error as error:
        raise InvalidInput(f"source {name!r}: {path}, line {reader.line_num} is not CSV: {error}") from error
    return _counted(name, path, rows)


def _counted(name: str, path: str, values: list[T]) -> list[T]:
    if not 0 < len(values) <= VALUES_MAX:
        raise InvalidInput(f"source {name!r}: {path} has {len(values)} values; 1 to {VALUES_MAX:,} are possible")
    return values


def read_text(path: str, what: str) -> str:
    """A file's text, without a byte order mark. Raises InvalidInput."""
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InvalidInput(f"{what}: {path} cannot be read: {reason}") from error


def read_bytes(path: str, what: str) -> bytes:
    """A file as it is. Raises InvalidInput."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidInput(f"{what}: {path} cannot be read: {error.strerror}") from error


def drawer(found: SourceRows, rng: random.Random) -> Callable[[], Row]:
    """A function that draws one row after the other."""
    rows = found.rows
    if found.source.draw == "in turn":
        turns = itertools.cycle(rows)
        return lambda: next(turns)
    if found.source.draw == "zipf":
        weights = list(itertools.accumulate(1 / rank for rank in range(1, len(rows) + 1)))
        return lambda: rng.choices(rows, cum_weights=weights)[0]
    return lambda: rng.choice(rows)
