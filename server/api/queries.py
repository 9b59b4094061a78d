"""The queries of a corpus, with their popularity and the number of documents that each must find."""

from __future__ import annotations

import itertools
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vmhost.base.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusQuery:
    """One query that the corpus can answer."""

    query: str
    weight: float
    """Its share among all queries, times a constant: 1 / rank, as Zipf's law has it."""
    total: int
    """How many documents match in all shards; it does not depend on the number of shards."""

    def to_json(self) -> dict[str, Any]:
        """The query as JSON data."""
        return {"query": self.query, "weight": self.weight, "total": self.total}


def index_folder() -> Path:
    """The default index folder, which `python -m server index` writes and the programs read."""
    return Path(sys.prefix, "share", "glasscloud", "index")


def load(path: Path | None = None) -> tuple[CorpusQuery, ...]:
    """Load a corpus's queries, most popular first, from a queries.json (default: that of the default index).

    Raises InvalidInput if the file is missing or the index command did not write it."""
    file = path or index_folder() / "queries.json"
    try:
        entries = json.loads(file.read_bytes())["queries"]
        found = tuple(
            CorpusQuery(query=str(entry["query"]), weight=float(entry["weight"]), total=int(entry["total"]))
            for entry in entries
        )
    except OSError as error:
        raise InvalidInput(
            f"cannot read the corpus's queries {file}: {error.strerror}; create them with python -m server index"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"{file} is not a list of queries; create it again with python -m server index") from error
    if not found or any(each.weight <= 0 for each in found):
        raise InvalidInput(f"{file} has no queries with weights; create it again with python -m server index")
    return found


def draw(queries: Sequence[CorpusQuery], *, seed: int, count: int) -> list[CorpusQuery]:
    """Draw `count` queries by popularity; the same queries and seed give the same draw."""
    cumulative = list(itertools.accumulate(each.weight for each in queries))
    return random.Random(seed).choices(queries, cum_weights=cumulative, k=count)
