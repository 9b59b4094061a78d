"""The front end over HTTP: pages and JSON for people and programs; health, status and the flow for operators."""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from server.api.results import Document, SearchAnswer
from server.api.timing import make_traceparent, parse_traceparent
from server.frontend import responses
from server.frontend.observer import Observer
from server.frontend.replicas import LeafInstance
from server.frontend.responses import Headers
from server.frontend.search import RequestContext, Search, decode_parameters, parse_params, wants_json
from server.frontend.shard_map import ShardMap
from server.pages.search_pages import asset, render_document, render_error, render_home, render_results
from vmhost.base import sse
from vmhost.base.errors import CloudError, Internal, InvalidInput, NotFound, Unsupported
from vmhost.base.logs import get_logger
from vmhost.base.web_guard import LOOPBACK, check_host

LINE_BYTES_MAX = 64 * 1024
"""The longest request line: even a query that is much too long gets a response that says so."""
_CACHED_HOSTS = 64
_CACHED_QUERIES = 1024
_CACHED_CHARS_MAX = 1024
_SHOWN_CHARS_MAX = 256
_METHODS = ("GET", "HEAD")
_DOCUMENTS = "/doc/"
_FILES = "/static/"
_DOCUMENT_ID = re.compile(r"[\w.-]{1,300}", re.ASCII)
_log = get_logger("frontend")

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the front end behaves."""

    service: str
    deadline_s: float = 1.0
    in_flight_max: int = 512
    hosts: frozenset[str] = LOOPBACK
    """The accepted names in the Host header, in lower case."""


class FrontEnd:
    """All handlers. Invalid requests get a 4xx response that says what is wrong; a 500 means a bug of ours."""

    def __init__(
        self,
        *,
        shard_map: ShardMap,
        observer: Observer,
        settings: Settings,
        rng: random.Random,
        starting: Callable[[], tuple[LeafInstance, ...]],
    ) -> None:
        """`starting` returns the instances whose leaves have not answered yet."""
        self._shard_map = shard_map
        self._observer = observer
        self._settings = settings
        self._rng = rng
        self._starting = starting
        self._now = shard_map.timers.now
        self._search = Search(
            shard_map,
            observer,
            deadline_s=settings.deadline_s,
            in_flight_max=settings.in_flight_max,
        )
        # Parsing a query string is pure, and most queries come again and again.
        self._parse_params = functools.lru_cache(_CACHED_QUERIES)(parse_params)
        # A client sends the same header with each request.
        self._check_host = functools.lru_cache(_CACHED_HOSTS)(
            lambda host: check_host(host, settings.hosts, option="--allowed-host")
        )
        self._exact: dict[str, Handler] = {
            "/": self._home,
            "/search": self._on_search,
            "/healthz": self._health,
            "/status": self._status,
            "/flow": self._flow,
        }
        self._prefixed: dict[str, Handler] = {_DOCUMENTS: self._on_document, _FILES: self._on_asset}
        self._counted: tuple[Handler, ...] = (self._on_search, self._on_document)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer any request."""
        handler = self._handler_of(request)
        try:
            # Browsers, through which a foreign name could come, always send one.
            if (host := request.headers.get("Host")) is not None:
                self._check_host(host)
            return await handler(request)
        except CloudError as error:
            self._observer.rejected += handler in self._counted and error.status < 500
            return self._error_response(request, error)
        except Exception:
            self._observer.failed += handler in self._counted
            _log.exception("request_failed", path=request.raw_path[:200])
            return self._error_response(request, Internal("internal error; see the log of the front end"))

    def _handler_of(self, request: web.BaseRequest) -> Handler:
        if request.method not in _METHODS:
            return self._other_method
        handler = self._exact.get(request.raw_path.partition("?")[0])
        if handler is not None:
            return handler
        path = request.path
        for prefix, prefixed in self._prefixed.items():
            if path.startswith(prefix):
                return prefixed
        return self._exact.get(path, self._not_found)

    # pages and answers

    async def _home(self, _request: web.BaseRequest) -> web.StreamResponse:
        return responses.page_response(render_home())

    async def _on_search(self, request: web.BaseRequest) -> web.StreamResponse:
        arrived = self._now()
        query_string = request.raw_path.partition("?")[2]
        cached = len(query_string) <= _CACHED_CHARS_MAX
        params = self._parse_params(query_string) if cached else parse_params(query_string)
        answer = await self._search.search(params, self._context(request, arrived))
        if isinstance(answer.body, CloudError):
            return self._error_response(request, answer.body, extra=answer.headers)
        if _json_wanted(request, params.json):
            return responses.raw_json_response(request, answer.body, answer.headers, self._observer.now())
        results = msgspec.json.decode(answer.body, type=SearchAnswer)
        page = render_results(results, answer.trace, params.page)
        return responses.page_response(page, extra=answer.headers)

    async def _on_document(self, request: web.BaseRequest) -> web.StreamResponse:
        arrived = self._now()
        document_id = request.path.removeprefix(_DOCUMENTS)
        if not _DOCUMENT_ID.fullmatch(document_id):
            raise NotFound("there is no document at this address")
        answer = await self._search.document(document_id, self._context(request, arrived))
        if isinstance(answer.body, CloudError):
            return self._error_response(request, answer.body, extra=answer.headers)
        if _json_wanted(request, None):
            return responses.json_bytes_response(answer.body, extra=answer.headers)
        page = render_document(msgspec.json.decode(answer.body, type=Document), answer.trace)
        return responses.page_response(page, extra=answer.headers)

    async def _on_asset(self, request: web.BaseRequest) -> web.StreamResponse:
        found = asset(request.path.removeprefix(_FILES))
        if found is None:
            raise NotFound("there is no such file")
        return responses.file_response(found[0], found[1], cache="max-age=300")

    async def _other_method(self, request: web.BaseRequest) -> web.StreamResponse:
        error = Unsupported(f"the method {request.method[:20]} is not supported; use GET or HEAD")
        response = self._error_response(request, error)
        response.set_status(405)
        response.headers["Allow"] = "GET, HEAD"
        return response

    async def _not_found(self, _request: web.BaseRequest) -> web.StreamResponse:
        raise NotFound("there is nothing at this address; use /, /search?q=… or the address of a search result")

    # for operators

    async def _health(self, _request: web.BaseRequest) -> web.StreamResponse:
        complete = self._shard_map.complete
        status = 200 if complete else 503
        return responses.json_response({"status": "ok" if complete else "incomplete"}, status=status)

    async def _status(self, _request: web.BaseRequest) -> web.StreamResponse:
        counters = self._observer.counters()
        starting = self._starting()
        shards = [
            {
                "shard": shard.number,
                "p95_ms": shard.hedging.p95_ms,
                "hedges": shard.hedging.sent,
                "hedges_won": shard.hedges_won,
                "retries": shard.retries,
                "replicas": [each for each in counters.instances if each.shard == shard.number],
                "starting": [each.instance_id for each in starting if each.shard == shard.number],
            }
            for shard in self._shard_map.shards
        ]
        status: dict[str, Any] = {
            "service": self._settings.service,
            "complete": self._shard_map.complete,
            "deadline_ms": self._settings.deadline_s * 1000,
            "shards": shards,
            "counters": counters,
        }
        return responses.json_response(status)

    async def _flow(self, request: web.BaseRequest) -> web.StreamResponse:
        return await sse.respond(request, self._observer.hub, self._observer.snapshot)

    # inside

    def _context(self, request: web.BaseRequest, arrived: float) -> RequestContext:
        headers = request.headers
        known_id = parse_traceparent(headers.get("traceparent", ""))
        trace_id = known_id or f"{self._rng.getrandbits(128) or 1:032x}"
        traceparent = make_traceparent(trace_id, f"{self._rng.getrandbits(64) or 1:016x}")
        return RequestContext(arrived, trace_id, traceparent, headers.get("User-Agent", ""), known_id is None)

    def _error_response(self, request: web.BaseRequest, error: CloudError, *, extra: Headers = ()) -> web.Response:
        if error.status == 503:
            extra = (*extra, ("Retry-After", "1"))
        query_string = request.raw_path.partition("?")[2]
        try:
            by_name = wants_json(query_string)
        except InvalidInput:
            by_name = None
        if _json_wanted(request, by_name):
            return responses.json_response(responses.error_json(error), status=error.status, extra=extra)
        # The query stays in the search box, so that the person can correct it.
        query = decode_parameters(query_string).get("q", "")[:_SHOWN_CHARS_MAX]
        return responses.page_response(render_error(error, query), status=error.status, extra=extra)


def _json_wanted(request: web.BaseRequest, by_name: bool | None) -> bool:
    if by_name is not None:
        return by_name
    accept = request.headers.get("Accept", "")
    return "application/json" in accept and "text/html" not in accept
