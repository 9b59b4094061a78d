"""A search that somebody typed into the page: sent to the front end as any client's, with its way and its headers."""

from __future__ import annotations

import json
import time
import urllib.parse
from dataclasses import dataclass
from typing import Any

from client.console.rows import CONSOLE_AGENT
from server.api.flow import FlowRecord
from server.api.timing import parse
from vmhost.base.errors import InvalidInput, Unavailable
from vmhost.base.http1 import HttpFailure, build_request
from vmhost.base.pool import Pool

QUERY_CHARS_MAX = 200
_TIMEOUT_S = 5.0
_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What became of it. `headers` are those of the answer, as they came."""

    record: FlowRecord
    headers: tuple[tuple[str, str], ...]
    total: int
    hits: tuple[dict[str, Any], ...]


class Asker:
    """Asks one front end."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        self._url = url
        self._host = parts.netloc
        self._pool = Pool(parts.hostname or "", parts.port or 80, limit=_AT_ONCE)

    def close(self) -> None:
        """Closes its connections."""
        self._pool.close()

    async def ask(self, query: str, *, agent: str = CONSOLE_AGENT) -> Asked:
        """One search; `agent` says for whom.

        Raises InvalidInput for what the service refuses, Unavailable where it fails."""
        query = query.strip()
        if not query or len(query) > QUERY_CHARS_MAX:
            raise InvalidInput(f"the query has {len(query)} characters; expected 1 to {QUERY_CHARS_MAX}")
        target = f"/search?q={urllib.parse.quote_plus(query)}&format=json"
        headers = [("Host", self._host), ("Accept", "application/json"), ("User-Agent", agent)]
        try:
            answer = await self._pool.request(build_request("GET", target, headers), timeout_s=_TIMEOUT_S)
        except HttpFailure as error:
            raise Unavailable(f"the front end at {self._url} does not answer ({error}); is it up?") from None
        told = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers)
        by_name = dict(told)
        trace = parse(by_name.get("server-timing", ""), by_name.get("traceparent", ""))
        data = _object(answer.body)
        if trace is None:
            refused = data.get("error", {}).get("message") or f"it answered {answer.status}"
            kind = InvalidInput if answer.status < 500 else Unavailable
            raise kind(f"the search service: {refused}")
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


def _object(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise Unavailable("the search service answered no JSON object; expected a glasscloud front end there")
    return data
