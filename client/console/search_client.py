"""Sends searches and opens documents for people on the page, as any client of the search service does."""

from __future__ import annotations

import json
import re
import time
import urllib.parse
from dataclasses import dataclass
from typing import Any

from client.console.serialize import CONSOLE_AGENT
from server.api.flow import FlowRecord
from server.api.timing import parse
from vmhost.base.connection_pool import ConnectionPool
from vmhost.base.errors import CloudError, InvalidInput, NotFound, Unavailable
from vmhost.base.http1 import HttpFailure, build_request
from vmhost.base.http_response import Response

QUERY_CHARS_MAX = 200
_TIMEOUT_S = 5.0
_CONNECTIONS_MAX = 8
_DOCUMENT = re.compile(r"/doc/[A-Za-z0-9._-]{1,200}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """A search's record, its response headers as received, and the first hits."""

    record: FlowRecord
    headers: tuple[tuple[str, str], ...]
    total: int
    hits: tuple[dict[str, Any], ...]


class SearchClient:
    """A client of one front end."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        self._url = url
        self._host = parts.netloc
        self._pool = ConnectionPool(parts.hostname or "", parts.port or 80, limit=_CONNECTIONS_MAX)

    def close(self) -> None:
        """Close its connections."""
        self._pool.close()

    async def search(self, query: str, *, agent: str = CONSOLE_AGENT) -> SearchResult:
        """Send one search under that User-Agent.

        Raises InvalidInput for what the service refuses, Unavailable where it fails."""
        query = query.strip()
        if not query or len(query) > QUERY_CHARS_MAX:
            raise InvalidInput(f"the query has {len(query)} characters; it must have 1 to {QUERY_CHARS_MAX}")
        response = await self._get(f"/search?q={urllib.parse.quote_plus(query)}&format=json", agent)
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers)
        by_name = dict(headers)
        trace = parse(by_name.get("server-timing", ""), by_name.get("traceparent", ""))
        data = _json_object(response.body)
        if trace is None:
            raise _refusal(response.status, data)
        record = FlowRecord(
            at=time.time(),
            query=query,
            status=response.status,
            partial=bool(data.get("partial")),
            agent=agent,
            trace=trace,
        )
        hits = tuple({name: hit[name] for name in ("title", "url", "snippet")} for hit in data.get("hits", ()))
        return SearchResult(record=record, headers=headers, total=int(data.get("total", 0)), hits=hits)

    async def document(self, url: str, *, agent: str = CONSOLE_AGENT) -> dict[str, str]:
        """Return title and text of the document. Raises as `search` does, and NotFound for any other address."""
        if not _DOCUMENT.fullmatch(url):
            raise NotFound("there is no document at this address; open one of a search's results", code="NotFound")
        response = await self._get(url, agent)
        data = _json_object(response.body)
        if response.status != 200:
            raise _refusal(response.status, data)
        return {name: str(data.get(name, "")) for name in ("title", "body")}

    async def _get(self, target: str, agent: str) -> Response:
        if not self._host:
            raise Unavailable("this cloud has no search service")
        headers = [("Host", self._host), ("Accept", "application/json"), ("User-Agent", agent)]
        try:
            return await self._pool.request(build_request("GET", target, headers), timeout_s=_TIMEOUT_S)
        except HttpFailure as error:
            raise Unavailable(f"the front end at {self._url} does not respond ({error}); is it running?") from None


def _refusal(status: int, data: dict[str, Any]) -> CloudError:
    message = data.get("error", {}).get("message") or f"it responded with status {status}"
    kind = NotFound if status == 404 else InvalidInput if status < 500 else Unavailable
    return kind(f"the search service: {message}")


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise Unavailable("the search service did not respond with a JSON object; is it a glasscloud front end?")
    return data
