"""What people ask a corpus: its queries with their popularity and the totals of right answers; drawing them by seed."""

from __future__ import annotations

import itertools
import json
import random
import sys
from collections.abc import Mapping, Sequence
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
    """How many documents match, over all shards; the same for any number of shards."""

    def fault(self, answer: Mapping[str, Any]) -> str | None:
        """What is wrong with an answer's JSON, in words; None if it is right and whole."""
        if answer.get("partial"):
            return f"{self.query!r} got a partial answer; expected every shard's"
        if answer.get("total") != self.total:
            return f"{self.query!r} found {answer.get('total')} documents; expected {self.total}"
        return None

    def to_json(self) -> dict[str, Any]:
        """The query as JSON data."""
        return {"query": self.query, "weight": self.weight, "total": self.total}


def index_folder() -> Path:
    """Where `python -m server index` writes, and the programs look, unless told otherwise."""
    return Path(sys.prefix, "share", "glasscloud", "index")


def load(path: Path | None = None) -> tuple[CorpusQuery, ...]:
    """The corpus's queries, most popular first, from its queries.json (default: that of the default index).

    Raises InvalidInput when the file is not there or not what the index command wrote."""
    file = path or index_folder() / "queries.json"
    try:
        entries = json.loads(file.read_bytes())["queries"]
        found = tuple(
            CorpusQuery(query=str(entry["query"]), weight=float(entry["weight"]), total=int(entry["total"]))
            for entry in entries
        )
    except OSError as error:
        raise InvalidInput(
            f"the corpus's queries {file} cannot be read: {error.strerror}; make them with python -m server index"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"{file} is no list of queries; make it again with python -m server index") from error
    if not found or any(each.weight <= 0 for each in found):
        raise InvalidInput(f"{file} holds no queries with weights; make it again with python -m server index")
    return found


def draw(queries: Sequence[CorpusQuery], *, seed: int, count: int) -> list[CorpusQuery]:
    """`count` queries by popularity, always the same for the same queries and seed."""
    cumulative = list(itertools.accumulate(each.weight for each in queries))
    return random.Random(seed).choices(queries, cum_weights=cumulative, k=count)
