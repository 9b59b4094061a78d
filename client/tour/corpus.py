"""Which answers are right: the queries of the corpus that is really searched, whoever's index that is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

from client.tour.results import Found
from server.api.queries import CorpusQuery, load
from vmhost.base.logs import get_logger

_TOP, _SPREAD = 20, 60
_LEARNED_MAX = 300
_AT_ONCE = 4

_log = get_logger("tour")

Search = Callable[[str], Awaitable[Found]]


def sample_of(queries: Sequence[CorpusQuery]) -> list[CorpusQuery]:
    """The most popular queries, and some from everywhere among the rest."""
    rest = queries[_TOP:]
    return [*queries[:_TOP], *rest[:: max(1, len(rest) // _SPREAD)]]


async def fitting_queries(search: Search, known: Path, folder: Path) -> Path:
    """The known queries if the service answers them as the corpus says, else a file in `folder` with its own totals.

    A container searches the index in its image, which another Python built: other documents, other totals. Answers
    are then held against the first ones, which is logged. Raises InvalidInput for an unreadable file, Unavailable."""
    queries = load(known)
    sample = sample_of(queries)
    if await _asked(search, sample) == sample:
        return known
    learned = await _asked(search, queries[:_LEARNED_MAX])
    path = folder / "queries.json"
    path.write_text(json.dumps({"queries": [each.to_json() for each in learned]}))
    _log.info("machines_search_another_corpus", known=str(known), learned=len(learned))
    return path


async def _asked(search: Search, queries: Sequence[CorpusQuery]) -> list[CorpusQuery]:
    """The queries with the totals that the service gives; those that it answers in part keep theirs."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(query: CorpusQuery) -> CorpusQuery:
        async with gate:
            found = await search(query.query)
        return query if found.partial else replace(query, total=found.total)

    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(one(query)) for query in queries]
    return [task.result() for task in asked]
