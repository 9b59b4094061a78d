"""The search service, as a client of its front end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from server.api.flow import Counters, FrontEndStatus
from server.api.timing import RequestTrace, parse
from vmhost.base.connection_pool import ConnectionPool
from vmhost.base.errors import CloudError, DeadlineExceeded, InvalidInput, Unavailable
from vmhost.base.http1 import HttpFailure, build_request
from vmhost.base.http_response import Response

AGENT = "glasscloud"
"""The User-Agent of our own requests to platform and front end."""
_CALL_TIMEOUT_S = 3.0
_POLL_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """The answer to a search, and the path of its request."""

    query: str
    total: int
    titles: tuple[str, ...]
    partial: bool
    trace: RequestTrace | None


class SearchService:
    """The search service's front end."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise InvalidInput(f"front end {url!r} is not an http URL such as http://127.0.0.1:8000")
        self.url = f"http://{parts.netloc}"
        self._host = parts.netloc
        self._pool = ConnectionPool(parts.hostname, parts.port or 80, limit=4)

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
        return msgspec.json.decode((await self._get("/status")).body, type=FrontEndStatus).counters

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
        response = await self._get(f"/search?q={urllib.parse.quote_plus(query)}&format=json")
        try:
            data = json.loads(response.body)
        except ValueError:
            raise Unavailable(f"{self.url} did not respond with JSON; is it a glasscloud front end?") from None
        if response.status != 200:
            kind = InvalidInput if response.status < 500 else Unavailable
            raise kind(_error_message(data) or f"{self.url} responded with status {response.status}")
        header = {name: value.decode("latin-1") for name, value in response.headers}
        return SearchResult(
            query=query,
            total=data["total"],
            titles=tuple(hit["title"] for hit in data["hits"]),
            partial=data["partial"],
            trace=parse(header.get(b"server-timing", ""), header.get(b"traceparent", "")),
        )

    async def _get(self, target: str) -> Response:
        headers = [("Host", self._host), ("Accept", "application/json"), ("User-Agent", AGENT)]
        raw = build_request("GET", target, headers)
        try:
            return await self._pool.request(raw, timeout_s=_CALL_TIMEOUT_S)
        except HttpFailure as error:
            raise Unavailable(f"the front end at {self.url} does not respond ({error}); is it running?") from None


def _error_message(data: object) -> str:
    """Return the message of an error response; empty without one."""
    error = data.get("error") if isinstance(data, dict) else None
    return str(error.get("message", "")) if isinstance(error, dict) else ""
