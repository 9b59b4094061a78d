"""The audience's listener: a page, its files, a stream, a search and the documents that it finds. Nothing else."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from client.console.asking import QUERY_CHARS_MAX, Asker
from client.console.assets import Asset, load_assets
from client.console.feed import Feed
from client.console.guard import Door, refusal
from client.console.keys import Key
from client.console.routes.body import text_of
from client.console.rows import AUDIENCE_AGENT
from client.console.share.cast import GUARDING, Cast
from client.console.share.files import PAGE, needed
from client.console.share.guests import Guests, checked_colour, clean_name
from client.console.share.limits import Limits, Rate
from vmhost.base.errors import CloudError, Internal, InvalidInput, NotFound
from vmhost.base.logs import get_logger

SEARCHES_EACH = Rate(per_s=1, burst=3)
SEARCHES_ALL = Rate(per_s=20, burst=20)
REQUESTS_EACH = Rate(per_s=15, burst=90)
REQUESTS_ALL = Rate(per_s=600, burst=3000)
"""Of any kind: opening the page is some twenty, and a whole room opens it at once."""
BODY_BYTES_MAX = 2048
_BODY_DEADLINE_S = 5.0
_log = get_logger("share")


class Audience:
    """Answers phones. `told` is called when a new guest has come or has another name."""

    def __init__(self, feed: Feed, asker: Asker, *, host: str, own: str, told: Callable[[], None]) -> None:
        """`host` is the one name by which phones reach us, `own` the address of this machine."""
        self.cast = Cast(feed)
        self.guests = Guests(own=own)
        self._feed = feed
        self._asker = asker
        self._told = told
        self._files = needed(load_assets())
        # Nobody has this key: nothing here asks for the right to act.
        self._door = Door(Key.fresh(), frozenset({host}))
        now = time.monotonic()
        self._requests = Limits(each=REQUESTS_EACH, all_=REQUESTS_ALL, now=now)
        self._searches = Limits(each=SEARCHES_EACH, all_=SEARCHES_ALL, now=now)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """The handler: everything that strangers send comes through here."""
        try:
            response = await self._admitted(request)
        except CloudError as error:
            response = refusal(error)
        except ConnectionError:
            raise
        except Exception:
            _log.exception("request_failed", path=request.path[:200])
            response = refusal(Internal("internal error; see the log on the trainer's computer"))
        if not response.prepared:
            for name, value in GUARDING.items():
                response.headers.setdefault(name, value)
        return response

    async def _admitted(self, request: web.BaseRequest) -> web.StreamResponse:
        address = request.remote or "unknown"
        if wait_s := self._requests.take(address, time.monotonic()):
            return _too_many("too many requests from this address", wait_s)
        self._door.admit(request)
        match request.method, request.path:
            case (("GET" | "HEAD"), "/"):
                return self._files[PAGE].answer(request)
            case (("GET" | "HEAD"), path) if (file := self._file(path)) is not None:
                return file.answer(request)
            case "GET", "/api/stream":
                return await self._stream(request, address)
            case "POST", "/api/search":
                return await self._search(request, address)
            case "GET", "/api/document":
                return await self._document(request, address)
        return _missing(request.path)

    def _file(self, path: str) -> Asset | None:
        return self._files.get(path.removeprefix("/assets/")) if path.startswith("/assets/") else None

    async def _stream(self, request: web.BaseRequest, address: str) -> web.StreamResponse:
        guest = self.guests.meet(address)
        self._told()
        try:
            return await self.cast.respond(request, address, guest)
        finally:
            self._told()

    async def _search(self, request: web.BaseRequest, address: str) -> web.StreamResponse:
        data = await _body(request)
        query = text_of(data, "query", chars_max=QUERY_CHARS_MAX)
        name = clean_name(data.get("name", ""))
        colour = None if data.get("colour") is None else checked_colour(data["colour"])
        if wait_s := self._searches.take(address, time.monotonic()):
            return _too_many("too fast", wait_s)
        guest = self.guests.call(address, name=name, colour=colour)
        self._told()
        asked = await self._asker.ask(query, agent=AUDIENCE_AGENT)
        self._feed.on_request(asked.record, **guest.to_json())
        told = asked.record.to_json()
        way = {each: told[each] for each in ("status", "partial", "total_ms", "frontend_ms", "attempts")}
        return web.json_response(
            {
                "id": asked.record.trace.trace_id,
                "query": asked.record.query,
                "total": asked.total,
                "hits": list(asked.hits),
                "you": guest.to_json(),
                "way": way,
            }
        )

    async def _document(self, request: web.BaseRequest, address: str) -> web.StreamResponse:
        if wait_s := self._searches.take(address, time.monotonic()):
            return _too_many("too fast", wait_s)
        return web.json_response(await self._asker.read(request.query.get("url", "")[:300], agent=AUDIENCE_AGENT))


async def _body(request: web.BaseRequest) -> dict[str, Any]:
    """The JSON object that was sent. Raises InvalidInput for anything else, and for what is large or slow to come."""
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


def _missing(path: str) -> web.Response:
    return refusal(NotFound(f"there is nothing at {path[:80]}; the page is at /", code="NotFound"))


def _too_many(fact: str, wait_s: float) -> web.Response:
    seconds = max(1, math.ceil(wait_s))
    message = f"{fact}; try again in {'a second' if seconds == 1 else f'{seconds} s'}"
    body = {"error": {"kind": "too_many", "code": "RequestLimitExceeded", "message": message}}
    return web.json_response(body, status=429, headers={"Retry-After": str(seconds)})
