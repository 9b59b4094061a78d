"""Placeholders in a URL, a header or a body, and the sources of their values.

`{word}` becomes a value of the source of that name, `{user.email}` a column of its row, `${NAME}` the value of an
environment variable. `{{word}}` and `$${NAME}` are sent as `{word}` and `${NAME}`. A source is a list, the lines of a
file, or the rows of a CSV file.
"""

from __future__ import annotations

import csv
import io
import itertools
import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from client.load.plan.model import ONCE, DataSource, Plan
from vmhost.base.errors import InvalidInput

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_PLACE = re.compile(
    rf"\$\$\{{(?P<plain_variable>{_NAME})\}}"
    rf"|\$\{{(?P<variable>{_NAME})\}}"
    rf"|\{{\{{(?P<plain>{_NAME}(?:\.[A-Za-z0-9_-]+)?)\}}\}}"
    rf"|\{{(?P<source>{_NAME}(?:\.[A-Za-z0-9_-]+)?)\}}"
)


def sources_in(text: str) -> list[str]:
    """The placeholders that sources fill, such as "word" and "user.email", each as often as it is there."""
    return [match["source"] for match in _PLACE.finditer(text) if match["source"]]


def variables_in(text: str) -> list[str]:
    return [match["variable"] for match in _PLACE.finditer(text) if match["variable"]]


def fill(text: str, values: Mapping[str, str], variables: Mapping[str, str], *, quoted: bool = False) -> str:
    """The text with its placeholders filled, in one pass: nothing in a value is a placeholder.

    `quoted` escapes the values of sources for a URL; variables are put in as they are. Those without a value stay."""

    def value(match: re.Match[str]) -> str:
        if (plain := match["plain"]) is not None:
            return f"{{{plain}}}"
        if (plain := match["plain_variable"]) is not None:
            return f"${{{plain}}}"
        if (variable := match["variable"]) is not None:
            return variables.get(variable, match[0])
        found = values.get(match["source"])
        if found is None:
            return match[0]
        return quote(found, safe="") if quoted else found

    return _PLACE.sub(value, text)


def hide(text: str, variables: Mapping[str, str]) -> str:
    """The text with `${NAME}` in place of each variable's value: for everything that is printed."""
    for name, value in sorted(variables.items(), key=lambda each: -len(each[1])):
        if value:
            text = text.replace(value, f"${{{name}}}")
    return text


def map_texts(data: object, change: Callable[[str], str]) -> object:
    """Plain data with each of its texts changed."""
    if isinstance(data, str):
        return change(data)
    if isinstance(data, dict):
        return {map_texts(key, change): map_texts(value, change) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [map_texts(value, change) for value in data]
    return data


def variables_of(plan: Plan, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment variables that a plan names. Raises InvalidInput for one that is not set."""
    found = {}
    for name in (name for text in plan.texts for name in variables_in(text)):
        if name not in environ:
            raise InvalidInput(
                f"the environment variable {name} is not set, and the plan has ${{{name}}}: set it, or write"
                f" $${{{name}}} to send it as it is"
            )
        found[name] = environ[name]
    return found


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
