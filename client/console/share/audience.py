"""Responds to the audience's requests: a page, its files, a stream, searches and the documents they find."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from client.console.assets import AUDIENCE_PAGE, Asset, load_assets, required_files
from client.console.commands import recorded_search
from client.console.publisher import Publisher
from client.console.request_guard import ConsoleKey, RequestGuard
from client.console.serialize import AUDIENCE_AGENT
from client.console.share.audience_stream import SECURITY_HEADERS, AudienceStream
from client.console.share.participants import COLOURS, NAME_CHARS_MAX, Participants, RateLimit, RateLimits, clean_name
from client.search_service import QUERY_CHARS_MAX, SearchService
from vmhost.base.errors import InvalidInput, NotFound
from vmhost.base.json_request import decode_body
from vmhost.base.logs import get_logger
from vmhost.base.web_guard import answered, json_refusal, json_response

SEARCHES_EACH = RateLimit(per_s=1, burst=3)
SEARCHES_ALL = RateLimit(per_s=20, burst=20)
REQUESTS_EACH = RateLimit(per_s=15, burst=180)
REQUESTS_ALL = RateLimit(per_s=600, burst=3000)
"""Requests of any kind: opening the page takes about thirty. A whole room opens it at once, some behind one address."""
BODY_BYTES_MAX = 2048
_BODY_DEADLINE_S = 5.0
_TIMELINE = ("status", "partial", "total_ms", "frontend_ms", "attempts")
_log = get_logger("share")


class _SearchForm(Struct):
    query: Annotated[str, Meta(max_length=QUERY_CHARS_MAX)]
    name: Annotated[str, Meta(max_length=10 * NAME_CHARS_MAX)] = ""
    colour: Annotated[int, Meta(ge=0, le=len(COLOURS) - 1)] | None = None


class Audience:
    """Answers phones. `on_change` is called when a participant has come or has another name."""

    def __init__(
        self, publisher: Publisher, service: SearchService, *, host: str, own: str, on_change: Callable[[], None]
    ) -> None:
        """`host` is the only name under which phones reach us, `own` this computer's address."""
        self.stream = AudienceStream(publisher)
        self.participants = Participants(own=own)
        self._publisher = publisher
        self._service = service
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
                return self._files[AUDIENCE_PAGE].respond(request)
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
        form = decode_body(await _body(request), _SearchForm)
        name = clean_name(form.name)
        if wait_s := self._searches.take(address, time.monotonic()):
            return _too_many("too fast", wait_s)
        participant = self.participants.rename(address, name=name, colour=form.colour)
        self._on_change()
        record, result = await recorded_search(self._service, form.query, agent=AUDIENCE_AGENT)
        self._publisher.on_request(record, name=participant.name, colour=participant.colour)
        timeline = {each: value for each, value in record.to_json().items() if each in _TIMELINE}
        return json_response(
            {
                "id": record.trace.trace_id,
                "query": record.query,
                "total": result.total,
                "hits": result.hits,
                "you": participant,
                "timeline": timeline,
            }
        )

    async def _document(self, request: web.BaseRequest, address: str) -> web.StreamResponse:
        if wait_s := self._searches.take(address, time.monotonic()):
            return _too_many("too fast", wait_s)
        url = request.query.get("url", "")[:300]
        return json_response(await self._service.document(url, agent=AUDIENCE_AGENT))


async def _body(request: web.BaseRequest) -> bytes:
    """Return the request's body. Raises InvalidInput for a large or slow one, or one that cannot be read."""
    raw = b""
    try:
        async with asyncio.timeout(_BODY_DEADLINE_S):
            while piece := await request.content.read(BODY_BYTES_MAX + 1):
                raw += piece
                if len(raw) > BODY_BYTES_MAX:
                    raise InvalidInput(f"the request body is larger than {BODY_BYTES_MAX} bytes")
    except TimeoutError:
        raise InvalidInput(f"the request body did not arrive within {_BODY_DEADLINE_S:.0f} s") from None
    except (web.HTTPException, web.RequestPayloadError):
        raise InvalidInput("the request body must be a JSON object") from None
    return raw


def _too_many(reason: str, wait_s: float) -> web.Response:
    seconds = max(1, math.ceil(wait_s))
    message = f"{reason}; try again in {'a second' if seconds == 1 else f'{seconds} s'}"
    body = {"error": {"kind": "too_many", "code": "RequestLimitExceeded", "message": message}}
    return json_response(body, status=429, headers={"Retry-After": str(seconds)})
