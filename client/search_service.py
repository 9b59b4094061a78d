"""The search service, as a client of its front end, and the queries whose totals its index really has."""

from __future__ import annotations

import asyncio
import contextlib
import re
import urllib.parse
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from server.api.flow import Counters, FrontEndStatus
from server.api.queries import CorpusQuery, QueriesFile, load
from server.api.timing import RequestTrace, parse
from vmhost.base.connection_pool import ConnectionPool
from vmhost.base.errors import CloudError, DeadlineExceeded, InvalidInput, NotFound, Unavailable
from vmhost.base.http1 import HttpFailure, build_request
from vmhost.base.http_response import Response
from vmhost.base.logs import get_logger

T = TypeVar("T")
AGENT = "glasscloud"
"""The User-Agent of our own requests to platform and front end."""
QUERY_CHARS_MAX = 200
_TIMEOUT_S = 5.0
_CONNECTIONS_MAX = 12
_POLL_S = 0.02
_TOP, _SPREAD = 20, 60
_QUERIES_MAX = 300
_CONCURRENCY = 4
_DOCUMENT = re.compile(r"/doc/[A-Za-z0-9._-]{1,200}")
_log = get_logger("session")


class Hit(msgspec.Struct, frozen=True):
    """One document found; the parts of the front end's hit that people see."""

    title: str
    url: str
    snippet: tuple[tuple[str, bool], ...] = ()
    """The text around the words of the query, in pieces; True marks a piece that matches one."""


class DocumentText(msgspec.Struct, frozen=True):
    """A document as people read it."""

    title: str = ""
    body: str = ""


class _Refusal(msgspec.Struct, frozen=True):
    message: str = ""


class _Body(msgspec.Struct, frozen=True):
    """The body of a response: hits, or an error."""

    total: int = 0
    partial: bool = False
    hits: tuple[Hit, ...] = ()
    error: _Refusal = _Refusal()


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """The response to a search, and the path of its request."""

    query: str
    status: int = 200
    total: int = 0
    partial: bool = False
    hits: tuple[Hit, ...] = ()
    trace: RequestTrace | None = None
    headers: tuple[tuple[str, str], ...] = ()
    """As received."""
    error: str = ""
    """Why it was refused."""


class SearchService:
    """The search service's front end."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise InvalidInput(f"front end {url!r} is not an http URL such as http://127.0.0.1:8000")
        self.url = f"http://{parts.netloc}"
        self._host = parts.netloc
        self._pool = ConnectionPool(parts.hostname, parts.port or 80, limit=_CONNECTIONS_MAX)

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def page(self, query: str) -> str:
        """Return the address of a search page."""
        return f"{self.url}/search?q={urllib.parse.quote_plus(query)}"

    async def healthy(self) -> bool:
        """Return whether every shard responds."""
        with contextlib.suppress(CloudError):
            return (await self._get("/healthz")).status == 200
        return False

    async def counters(self) -> Counters:
        """Return the front end's exact counters. Raises Unavailable."""
        return self._decoded((await self._get("/status")).body, FrontEndStatus).counters

    async def in_rotation(self) -> frozenset[str]:
        """Return the ids of the instances that the front end sends requests to. Raises Unavailable."""
        return frozenset(each.instance_id for each in (await self.counters()).instances)

    async def wait_for_rotation(self, holds: Callable[[frozenset[str]], bool], *, deadline_s: float) -> None:
        """Wait until `holds` is true for the instances in rotation. Raises DeadlineExceeded."""
        try:
            async with asyncio.timeout(deadline_s):
                while True:
                    with contextlib.suppress(Unavailable):
                        if holds(await self.in_rotation()):
                            return
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise DeadlineExceeded(f"the instances in rotation did not change within {deadline_s:.0f} s") from None

    async def search(self, query: str) -> SearchResult:
        """Run one search. Raises InvalidInput for a query that the service refuses, Unavailable if it fails."""
        result = await self.send(query)
        if result.status != 200:
            raise self._refusal(result.status, result.error)
        return result

    async def send(self, query: str, *, agent: str = AGENT) -> SearchResult:
        """Send one search under that User-Agent; return the response, also that of a failed search, if it has a trace.

        Raises InvalidInput for what the service refuses without one, Unavailable where it fails."""
        response = await self._get(f"/search?q={urllib.parse.quote_plus(query)}&format=json", agent)
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers)
        by_name = dict(headers)
        trace = parse(by_name.get("server-timing", ""), by_name.get("traceparent", ""))
        body = self._decoded(response.body, _Body)
        if trace is None and response.status != 200:
            raise self._refusal(response.status, body.error.message)
        return SearchResult(
            query=query, status=response.status, total=body.total, partial=body.partial, hits=body.hits, trace=trace,
            headers=headers, error=body.error.message,
        )  # fmt: skip

    async def document(self, url: str, *, agent: str = AGENT) -> DocumentText:
        """Return title and text of the document. Raises as `send` does, and NotFound for any other address."""
        if not _DOCUMENT.fullmatch(url):
            raise NotFound("there is no document at this address; open one of a search's results", code="NotFound")
        response = await self._get(url, agent)
        if response.status != 200:
            raise self._refusal(response.status, self._decoded(response.body, _Body).error.message)
        return self._decoded(response.body, DocumentText)

    async def _get(self, target: str, agent: str = AGENT) -> Response:
        headers = [("Host", self._host), ("Accept", "application/json"), ("User-Agent", agent)]
        try:
            return await self._pool.request(build_request("GET", target, headers), timeout_s=_TIMEOUT_S)
        except HttpFailure as error:
            raise Unavailable(f"the front end at {self.url} does not respond ({error}); is it running?") from None

    def _decoded(self, body: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.DecodeError:
            raise Unavailable(f"{self.url} did not respond with JSON; is it a glasscloud front end?") from None

    def _refusal(self, status: int, message: str) -> CloudError:
        kind = NotFound if status == 404 else InvalidInput if status < 500 else Unavailable
        return kind(f"the search service: {message}" if message else f"{self.url} responded with status {status}")


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
