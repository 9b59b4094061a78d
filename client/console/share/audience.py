"""Answers the audience's requests: a page, its files, a stream, searches and the documents they find. Nothing else."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from client.console.assets import Asset, load_assets
from client.console.console_key import ConsoleKey
from client.console.publisher import Publisher
from client.console.request_guard import RequestGuard
from client.console.routes.request_body import text_field
from client.console.search_client import QUERY_CHARS_MAX, SearchClient
from client.console.serialize import AUDIENCE_AGENT
from client.console.share.audience_files import PAGE, required_files
from client.console.share.audience_stream import SECURITY_HEADERS, AudienceStream
from client.console.share.participants import Participants, checked_colour, clean_name
from client.console.share.rate_limits import RateLimit, RateLimits
from vmhost.base.errors import InvalidInput, NotFound
from vmhost.base.logs import get_logger
from vmhost.base.web_guard import answered, json_refusal

SEARCHES_EACH = RateLimit(per_s=1, burst=3)
SEARCHES_ALL = RateLimit(per_s=20, burst=20)
REQUESTS_EACH = RateLimit(per_s=15, burst=180)
REQUESTS_ALL = RateLimit(per_s=600, burst=3000)
"""Requests of any kind: opening the page takes about thirty. A whole room opens it at once, some behind one address."""
BODY_BYTES_MAX = 2048
_BODY_DEADLINE_S = 5.0
_log = get_logger("share")


class Audience:
    """Answers phones. `on_change` is called when a participant has come or has another name."""

    def __init__(
        self, publisher: Publisher, search_client: SearchClient, *, host: str, own: str, on_change: Callable[[], None]
    ) -> None:
        """`host` is the only name under which phones reach us, `own` this computer's address."""
        self.stream = AudienceStream(publisher)
        self.participants = Participants(own=own)
        self._publisher = publisher
        self._search_client = search_client
        self._on_change = on_change
        self._files = required_files(load_assets())
        # A random key that is given to no one: nothing here needs a key.
        self._guard = RequestGuard(ConsoleKey.create(), frozenset({host}))
        now = time.monotonic()
        self._requests = RateLimits(each=REQUESTS_EACH, all_=REQUESTS_ALL, now=now)
        self._searches = RateLimits(each=SEARCHES_EACH, all_=SEARCHES_ALL, now=now)

    async def respond(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request; every request of the audience comes through here."""
        response = await answered(request, self._route, json_refusal, log=_log)
        if not response.prepared:
            for name, value in SECURITY_HEADERS.items():
                response.headers.setdefault(name, value)
        return response

    async def _route(self, request: web.BaseRequest) -> web.StreamResponse:
        address = request.remote or "unknown"
        if wait_s := self._requests.take(address, time.monotonic()):
            return _too_many("too many requests from this address", wait_s)
        self._guard.check(request)
        match request.method, request.path:
            case (("GET" | "HEAD"), "/"):
                return self._files[PAGE].respond(request)
            case (("GET" | "HEAD"), path) if (file := self._file(path)) is not None:
                return file.respond(request)
            case "GET", "/api/stream":
                return await self._stream(request, address)
            case "POST", "/api/search":
                return await self._search(request, address)
            case "GET", "/api/document":
                return await self._document(request, address)
        raise NotFound(f"there is nothing at {request.path[:80]}; the page is at /", code="NotFound")

    def _file(self, path: str) -> Asset | None:
        return self._files.get(path.removeprefix("/assets/")) if path.startswith("/assets/") else None

    async def _stream(self, request: web.BaseRequest, address: str) -> web.StreamResponse:
        participant = self.participants.at(address)
        self._on_change()
        try:
            return await self.stream.respond(request, address, participant)
        finally:
            self._on_change()

    async def _search(self, request: web.BaseRequest, address: str) -> web.StreamResponse:
        data = await _json_body(request)
        query = text_field(data, "query", chars_max=QUERY_CHARS_MAX)
        name = clean_name(data.get("name", ""))
        colour = None if data.get("colour") is None else checked_colour(data["colour"])
        if wait_s := self._searches.take(address, time.monotonic()):
            return _too_many("too fast", wait_s)
        participant = self.participants.rename(address, name=name, colour=colour)
        self._on_change()
        result = await self._search_client.search(query, agent=AUDIENCE_AGENT)
        self._publisher.on_request(result.record, **participant.to_json())
        record = result.record.to_json()
        timeline = {each: record[each] for each in ("status", "partial", "total_ms", "frontend_ms", "attempts")}
        return web.json_response(
            {
                "id": result.record.trace.trace_id,
                "query": result.record.query,
                "total": result.total,
                "hits": list(result.hits),
                "you": participant.to_json(),
                "timeline": timeline,
            }
        )

    async def _document(self, request: web.BaseRequest, address: str) -> web.StreamResponse:
        if wait_s := self._searches.take(address, time.monotonic()):
            return _too_many("too fast", wait_s)
        url = request.query.get("url", "")[:300]
        return web.json_response(await self._search_client.document(url, agent=AUDIENCE_AGENT))


async def _json_body(request: web.BaseRequest) -> dict[str, Any]:
    """Return the JSON object in the body. Raises InvalidInput for anything else, and for a large or slow body."""
    try:
        async with asyncio.timeout(_BODY_DEADLINE_S):
            raw = await _read(request)
        data = json.loads(raw)
    except TimeoutError:
        raise InvalidInput(f"the request body did not arrive within {_BODY_DEADLINE_S:.0f} s") from None
    except (ValueError, RecursionError, web.HTTPException, web.RequestPayloadError):
        data = None
    if not isinstance(data, dict):
        raise InvalidInput("the request body must be a JSON object")
    return data


async def _read(request: web.BaseRequest) -> bytes:
    raw = b""
    while piece := await request.content.read(BODY_BYTES_MAX + 1):
        raw += piece
        if len(raw) > BODY_BYTES_MAX:
            raise InvalidInput(f"the request body is larger than {BODY_BYTES_MAX} bytes")
    return raw


def _too_many(reason: str, wait_s: float) -> web.Response:
    seconds = max(1, math.ceil(wait_s))
    message = f"{reason}; try again in {'a second' if seconds == 1 else f'{seconds} s'}"
    body = {"error": {"kind": "too_many", "code": "RequestLimitExceeded", "message": message}}
    return web.json_response(body, status=429, headers={"Retry-After": str(seconds)})
