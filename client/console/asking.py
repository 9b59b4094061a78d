"""Searches that people type into the page, and documents that they open: sent to the front end as any client's."""

from __future__ import annotations

import json
import re
import time
import urllib.parse
from dataclasses import dataclass
from typing import Any

from client.console.rows import CONSOLE_AGENT
from server.api.flow import FlowRecord
from server.api.timing import parse
from vmhost.base.connection_pool import ConnectionPool
from vmhost.base.errors import CloudError, InvalidInput, NotFound, Unavailable
from vmhost.base.http1 import HttpFailure, build_request
from vmhost.base.http_response import Response

QUERY_CHARS_MAX = 200
_TIMEOUT_S = 5.0
_AT_ONCE = 8
_DOCUMENT = re.compile(r"/doc/[A-Za-z0-9._-]{1,200}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What became of it. `headers` are those of the answer, as they came."""

    record: FlowRecord
    headers: tuple[tuple[str, str], ...]
    total: int
    hits: tuple[dict[str, Any], ...]


class Asker:
    """Sends requests to one front end."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        self._url = url
        self._host = parts.netloc
        self._pool = ConnectionPool(parts.hostname or "", parts.port or 80, limit=_AT_ONCE)

    def close(self) -> None:
        """Closes its connections."""
        self._pool.close()

    async def ask(self, query: str, *, agent: str = CONSOLE_AGENT) -> Asked:
        """One search; `agent` says for whom.

        Raises InvalidInput for what the service refuses, Unavailable where it fails."""
        query = query.strip()
        if not query or len(query) > QUERY_CHARS_MAX:
            raise InvalidInput(f"the query has {len(query)} characters; it must have 1 to {QUERY_CHARS_MAX}")
        answer = await self._get(f"/search?q={urllib.parse.quote_plus(query)}&format=json", agent)
        told = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers)
        by_name = dict(told)
        trace = parse(by_name.get("server-timing", ""), by_name.get("traceparent", ""))
        data = _object(answer.body)
        if trace is None:
            raise _refusal(answer.status, data)
        record = FlowRecord(
            at=time.time(),
            query=query,
            status=answer.status,
            partial=bool(data.get("partial")),
            agent=agent,
            trace=trace,
        )
        hits = tuple({name: hit[name] for name in ("title", "url", "snippet")} for hit in data.get("hits", ()))
        return Asked(record=record, headers=told, total=int(data.get("total", 0)), hits=hits)

    async def read(self, url: str, *, agent: str = CONSOLE_AGENT) -> dict[str, str]:
        """Title and text of the service's document at that address. Raises as `ask`, NotFound for another address."""
        if not _DOCUMENT.fullmatch(url):
            raise NotFound("there is no document at this address; open one of a search's results", code="NotFound")
        answer = await self._get(url, agent)
        data = _object(answer.body)
        if answer.status != 200:
            raise _refusal(answer.status, data)
        return {name: str(data.get(name, "")) for name in ("title", "body")}

    async def _get(self, target: str, agent: str) -> Response:
        if not self._host:
            raise Unavailable("this cloud has no search service")
        headers = [("Host", self._host), ("Accept", "application/json"), ("User-Agent", agent)]
        try:
            return await self._pool.request(build_request("GET", target, headers), timeout_s=_TIMEOUT_S)
        except HttpFailure as error:
            raise Unavailable(f"the front end at {self._url} does not answer ({error}); is it running?") from None


def _refusal(status: int, data: dict[str, Any]) -> CloudError:
    refused = data.get("error", {}).get("message") or f"it answered {status}"
    kind = NotFound if status == 404 else InvalidInput if status < 500 else Unavailable
    return kind(f"the search service: {refused}")


def _object(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise Unavailable("the search service did not answer with a JSON object; is it a glasscloud front end?")
    return data
