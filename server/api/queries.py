"""The queries of a corpus, with their popularity and the number of documents that each must find."""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from vmhost.base.errors import InvalidInput


class CorpusQuery(msgspec.Struct, frozen=True, kw_only=True):
    """One query that the corpus can answer."""

    query: str
    weight: float
    """Its share among all queries, times a constant: 1 / rank, as Zipf's law has it."""
    total: int
    """How many documents match in all shards; it does not depend on the number of shards."""


class QueriesFile(msgspec.Struct, frozen=True):
    """The content of a queries.json, most popular first."""

    queries: tuple[CorpusQuery, ...]


def index_folder() -> Path:
    """The default index folder, which `python -m server index` writes and the programs read."""
    return Path(sys.prefix, "share", "glasscloud", "index")


def load(path: Path | None = None) -> tuple[CorpusQuery, ...]:
    """Load a corpus's queries, most popular first, from a queries.json (default: that of the default index).

    Raises InvalidInput if the file is missing or the index command did not write it."""
    file = path or index_folder() / "queries.json"
    try:
        found = msgspec.json.decode(file.read_bytes(), type=QueriesFile).queries
    except OSError as error:
        raise InvalidInput(
            f"cannot read the corpus's queries {file}: {error.strerror}; create them with python -m server index"
        ) from error
    except msgspec.DecodeError as error:
        raise InvalidInput(f"{file} is not a list of queries; create it again with python -m server index") from error
    if not found or any(each.weight <= 0 for each in found):
        raise InvalidInput(f"{file} has no queries with weights; create it again with python -m server index")
    return found


def draw(queries: Sequence[CorpusQuery], *, seed: int, count: int) -> list[CorpusQuery]:
    """Draw `count` queries by popularity; the same queries and seed give the same draw."""
    cumulative = list(itertools.accumulate(each.weight for each in queries))
    return random.Random(seed).choices(queries, cum_weights=cumulative, k=count)
