"""Filling the words of a URL, a header or a body: `{word}` becomes a value of the source of that name."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from client.load.plan.words import Source
from vmhost.base.errors import InvalidInput

VALUES_MAX = 1_000_000
_WORD = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")

Values = Mapping[str, Sequence[str]]


def read_sources(sources: Mapping[str, Source]) -> dict[str, tuple[Source, Sequence[str]]]:
    """Each source with its values, files read. Raises InvalidInput for one that is not there or empty."""
    return {name: (source, _values(name, source)) for name, source in sources.items()}


def _values(name: str, source: Source) -> Sequence[str]:
    if source.file is None:
        return source.values
    try:
        lines = Path(source.file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise InvalidInput(
            f"source {name!r}: {source.file} cannot be read: {reason}; expected a line a value"
        ) from error
    values = [line for line in lines if line.strip()]
    if not 0 < len(values) <= VALUES_MAX:
        raise InvalidInput(f"source {name!r}: {source.file} has {len(values)} lines; expected 1 to {VALUES_MAX}")
    return values


def words_in(text: str) -> list[str]:
    """The names of the words in a text, each as often as it is there."""
    return _WORD.findall(text)


def fill(text: str, values: Mapping[str, str], *, quoted: bool = False) -> str:
    """The text with its words filled; `quoted` escapes values for a URL. Words without a value stay as they are."""

    def value(match: re.Match[str]) -> str:
        found = values.get(match[1])
        if found is None:
            return match[0]
        return quote(found, safe="") if quoted else found

    return _WORD.sub(value, text)


def drawer(source: Source, values: Sequence[str], rng: random.Random) -> Callable[[], str]:
    """A function that draws one value after the other."""
    if source.draw == "in turn":
        turns = itertools.cycle(values)
        return lambda: next(turns)
    if source.draw == "zipf":
        weights = list(itertools.accumulate(1 / rank for rank in range(1, len(values) + 1)))
        return lambda: rng.choices(values, cum_weights=weights)[0]
    return lambda: rng.choice(values)
