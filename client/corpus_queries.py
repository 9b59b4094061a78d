"""Queries with the totals to expect from the index that the service really searches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec

from client.search_service import SearchResult
from server.api.queries import CorpusQuery, QueriesFile, load
from vmhost.base.logs import get_logger

_TOP, _SPREAD = 20, 60
_QUERIES_MAX = 300
_CONCURRENCY = 4

_log = get_logger("session")

Search = Callable[[str], Awaitable[SearchResult]]


def sample_queries(queries: Sequence[CorpusQuery]) -> list[CorpusQuery]:
    """Return the most popular queries, and a few spread over the rest."""
    rest = queries[_TOP:]
    return [*queries[:_TOP], *rest[:: max(1, len(rest) // _SPREAD)]]


async def matching_queries(search: Search, known: Path, folder: Path) -> Path:
    """Return the known queries if the service gives their totals, else a file in `folder` with the service's totals.

    A container searches the index in its image, which may be built from another Python's documentation, with other
    totals. Raises InvalidInput for an unreadable file, Unavailable."""
    queries = load(known)
    sample = sample_queries(queries)
    if await _with_totals_of(search, sample) == sample:
        return known
    learned = await _with_totals_of(search, queries[:_QUERIES_MAX])
    path = folder / "queries.json"
    path.write_bytes(msgspec.json.encode(QueriesFile(tuple(learned))))
    _log.info("corpus_totals_differ", known=str(known), learned=len(learned))
    return path


async def _with_totals_of(search: Search, queries: Sequence[CorpusQuery]) -> list[CorpusQuery]:
    """Return the queries with the service's totals; those with a partial answer keep theirs."""
    gate = asyncio.Semaphore(_CONCURRENCY)

    async def one(query: CorpusQuery) -> CorpusQuery:
        async with gate:
            found = await search(query.query)
        return query if found.partial else msgspec.structs.replace(query, total=found.total)

    async with asyncio.TaskGroup() as tasks:
        searches = [tasks.create_task(one(query)) for query in queries]
    return [task.result() for task in searches]
