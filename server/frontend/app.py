"""The front end over HTTP: pages and JSON for people and programs, health, status and the flow for operators."""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from aiohttp import web

from server.api.timing import parse_traceparent
from server.frontend.asked import parameters, read_search, wants_json
from server.frontend.fanout import Fanout
from server.frontend.observe import Observer
from server.frontend.replicas import Machine
from server.frontend.reply import as_file, as_json, as_json_bytes, as_page, problem
from server.frontend.search import Answer, Asker, Search
from server.frontend.swift import Swift
from vmhost.base import sse
from vmhost.base.errors import CloudError, Internal, InvalidInput, NotFound, Unavailable, Unsupported
from vmhost.base.host_header import LOOPBACK, check_host
from vmhost.base.logs import get_logger

LINE_BYTES_MAX = 64 * 1024
"""So long may a request line be: a query that is much too long still gets an answer that says so."""
_REMEMBERED_HOSTS = 64
_REMEMBERED_QUERIES = 1024
_SHOWN_CHARS_MAX = 256
_REMEMBERED_CHARS_MAX = 1024
_METHODS = ("GET", "HEAD")
_DOCUMENTS = "/doc/"
_FILES = "/static/"
_DOCUMENT_ID = re.compile(r"[\w.-]{1,300}", re.ASCII)
_BUSY = Unavailable("too many requests are under way; try again in a second")
_log = get_logger("frontend")

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Pages(Protocol):
    """Makes the service's pages; each is a whole HTML document."""

    def home(self) -> str:
        """The page with the box."""

    def results(self, answer: Answer, page: int) -> str:
        """The hits, and how the answer came about."""

    def document(self, answer: Answer) -> str:
        """One document."""

    def problem(self, error: CloudError, query: str) -> str:
        """What went wrong, in plain words."""

    def asset(self, name: str) -> tuple[bytes, str] | None:
        """A file that pages load, and its content type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the front end behaves."""

    service: str
    deadline_s: float = 1.0
    in_flight_max: int = 512
    hosts: frozenset[str] = LOOPBACK
    """The names by which it may be called, in lower case."""


class FrontEnd:
    """All handlers. Bad input gets a 4xx that says what was expected; there is no way to a 500 but our own fault."""

    def __init__(
        self,
        *,
        fanout: Fanout,
        observer: Observer,
        pages: Pages,
        settings: Settings,
        rng: random.Random,
        monotonic: Callable[[], float],
        starting: Callable[[], tuple[Machine, ...]],
    ) -> None:
        """`starting` tells the machines whose leaves have not answered yet."""
        self._fanout = fanout
        self._observer = observer
        self._pages = pages
        self._settings = settings
        self._rng = rng
        self._starting = starting
        self._now = monotonic
        self._search = Search(fanout, observer, deadline_s=settings.deadline_s, monotonic=monotonic, wall=observer.wall)
        self._swift = Swift(observer.wall)
        # Reading a query string is pure, and most queries are asked again and again.
        self._read_search = functools.lru_cache(_REMEMBERED_QUERIES)(read_search)
        # A client sends the same header with each request.
        self._check_host = functools.lru_cache(_REMEMBERED_HOSTS)(
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
        """Answers any request; the handler to serve."""
        handler = self._handler_of(request)
        try:
            # Browsers, through which a foreign name could come, always send one.
            if (host := request.headers.get("Host")) is not None:
                self._check_host(host)
            return await handler(request)
        except CloudError as error:
            self._observer.rejected += handler in self._counted and error.status < 500
            return self._refusal(request, error)
        except Exception:
            self._observer.failed += handler in self._counted
            _log.exception("request_failed", path=request.raw_path[:200])
            return self._refusal(request, Internal("this is our own fault; the log says more"))

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
        return self._exact.get(path, self._nothing)

    # pages and answers

    async def _home(self, _request: web.BaseRequest) -> web.StreamResponse:
        return as_page(self._pages.home())

    async def _on_search(self, request: web.BaseRequest) -> web.StreamResponse:
        arrived = self._now()
        query_string = request.raw_path.partition("?")[2]
        remembered = len(query_string) <= _REMEMBERED_CHARS_MAX
        asked = self._read_search(query_string) if remembered else read_search(query_string)
        observer = self._observer
        if observer.in_flight >= self._settings.in_flight_max:
            return self._busy(request)
        observer.in_flight += 1
        try:
            answer = await self._search.search(asked, self._asker(request, arrived))
        finally:
            observer.in_flight -= 1
        if answer.error is not None:
            return self._refusal(request, answer.error, extra=_story(answer))
        if _json_wanted(request, asked.json):
            return self._swift.json(request, answer.body, _story(answer))
        return as_page(self._pages.results(answer, asked.page), extra=_story(answer))

    async def _on_document(self, request: web.BaseRequest) -> web.StreamResponse:
        arrived = self._now()
        document_id = request.path.removeprefix(_DOCUMENTS)
        if not _DOCUMENT_ID.fullmatch(document_id):
            raise NotFound("there is no document at this address; expected that of a search result")
        observer = self._observer
        if observer.in_flight >= self._settings.in_flight_max:
            return self._busy(request)
        observer.in_flight += 1
        try:
            answer = await self._search.document(document_id, self._asker(request, arrived))
        finally:
            observer.in_flight -= 1
        if answer.error is not None:
            return self._refusal(request, answer.error, extra=_story(answer))
        if _json_wanted(request, None):
            return as_json_bytes(answer.body, extra=_story(answer))
        return as_page(self._pages.document(answer), extra=_story(answer))

    async def _on_asset(self, request: web.BaseRequest) -> web.StreamResponse:
        found = self._pages.asset(request.path.removeprefix(_FILES))
        if found is None:
            raise NotFound("there is no such file")
        return as_file(found[0], found[1], cache="max-age=300")

    async def _other_method(self, request: web.BaseRequest) -> web.StreamResponse:
        refusal = self._refusal(request, Unsupported(f"{request.method[:20]} does nothing here; expected GET or HEAD"))
        refusal.set_status(405)
        refusal.headers["Allow"] = "GET, HEAD"
        return refusal

    async def _nothing(self, _request: web.BaseRequest) -> web.StreamResponse:
        raise NotFound("there is nothing at this address; expected /, /search?q=… or a search result")

    # for operators

    async def _health(self, _request: web.BaseRequest) -> web.StreamResponse:
        complete = self._fanout.complete
        return as_json({"status": "ok" if complete else "incomplete"}, status=200 if complete else 503)

    async def _status(self, _request: web.BaseRequest) -> web.StreamResponse:
        return as_json(status_of(self._settings, self._fanout, self._observer, self._starting()))

    async def _flow(self, request: web.BaseRequest) -> web.StreamResponse:
        return await sse.respond(request, self._observer.hub, self._observer.snapshot)

    # inside

    def _asker(self, request: web.BaseRequest, arrived: float) -> Asker:
        headers = request.headers
        trace_id = parse_traceparent(headers.get("traceparent", ""))
        return Asker(
            arrived,
            trace_id or f"{self._rng.getrandbits(128) or 1:032x}",
            f"{self._rng.getrandbits(64) or 1:016x}",
            headers.get("User-Agent", ""),
            trace_id is None,
        )

    def _busy(self, request: web.BaseRequest) -> web.Response:
        self._observer.shed += 1
        return self._refusal(request, _BUSY)

    def _refusal(
        self, request: web.BaseRequest, error: CloudError, *, extra: tuple[tuple[str, str], ...] = ()
    ) -> web.Response:
        if error.status == 503:
            extra = (*extra, ("Retry-After", "1"))
        asked = request.raw_path.partition("?")[2]
        try:
            by_name = wants_json(asked)
        except InvalidInput:
            by_name = None
        if _json_wanted(request, by_name):
            return as_json(problem(error), status=error.status, extra=extra)
        # What was typed stays in the box, so that it can be mended.
        query = parameters(asked).get("q", "")[:_SHOWN_CHARS_MAX]
        return as_page(self._pages.problem(error, query), status=error.status, extra=extra)


def _json_wanted(request: web.BaseRequest, by_name: bool | None) -> bool:
    if by_name is not None:
        return by_name
    accept = request.headers.get("Accept", "")
    return "application/json" in accept and "text/html" not in accept


def _story(answer: Answer) -> tuple[tuple[str, str], ...]:
    """The headers that tell the answer's way."""
    return (("Server-Timing", answer.server_timing), ("traceparent", answer.traceparent))


def status_of(settings: Settings, fanout: Fanout, observer: Observer, starting: tuple[Machine, ...]) -> dict[str, Any]:
    """The whole service as JSON data."""
    counters = observer.counters()
    shards = [
        {
            "shard": shard.number,
            "p95_ms": shard.hedging.p95_ms,
            "hedges": shard.hedging.sent,
            "hedges_won": shard.hedges_won,
            "retries": shard.retries,
            "replicas": [asdict(each) for each in counters.instances if each.shard == shard.number],
            "starting": [each.instance_id for each in starting if each.shard == shard.number],
        }
        for shard in fanout.shards
    ]
    return {
        "service": settings.service,
        "complete": fanout.complete,
        "deadline_ms": settings.deadline_s * 1000,
        "shards": shards,
        "counters": counters.to_json(),
    }
