"""The leaf over HTTP: /search, /doc and /healthz, all JSON.

Headers it hears: `X-Deadline-Ms`, the time that is left for the whole request. Headers it says: `Server-Timing:
search;dur=…`, its own time without waiting; `X-Instance`; `X-Hits: TOTAL SCORE SCORE …`, so that answers can be merged
without being parsed: each hit stands on a line of its own in the body.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from server.api.results import HITS_MAX, Hit
from server.leaf.desk import Desk
from server.leaf.identity import Identity
from server.leaf.index import Shard
from server.query import parse
from vmhost.base.errors import CloudError, InvalidInput, NotFound

_DEADLINE_DEFAULT_S = 5.0
_DEADLINE_MAX_S = 60.0
_OFFSET_MAX = 10_000
_REMEMBERED_QUERIES = 1024
_REMEMBERED_DOCUMENTS = 4096
_ID_CHARS_MAX = 300

Handler = Callable[[web.Request], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What this leaf serves."""

    identity: Identity
    shard: Shard
    digest: str
    """Of the whole index, so that leaves of different indexes can be told apart."""


class Leaf:
    """The handlers. `monotonic` gives seconds."""

    def __init__(self, served: Served, monotonic: Callable[[], float]) -> None:
        self._served = served
        self._shard = served.shard
        self._now = monotonic
        self._desk = Desk(monotonic)
        self._instance = {"X-Instance": served.identity.instance_id}
        # Parsing is pure, and most queries are asked again and again.
        self._parse = functools.lru_cache(_REMEMBERED_QUERIES)(parse)

    def app(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application()
        for path, handler in (
            ("/search", self._search),
            ("/doc", self._document),
            ("/healthz", self._health),
            ("/{path:.*}", self._nothing),
        ):
            app.router.add_get(path, self._guarded(handler))
        return app

    async def _search(self, request: web.Request) -> web.Response:
        deadline = self._now() + _deadline_s(request)
        asked = request.rel_url.query
        text = asked.get("q", "")
        query = self._parse(text)
        n, offset = _number(asked, "n", 10, HITS_MAX), _number(asked, "offset", 0, _OFFSET_MAX)

        def job() -> tuple[int, list[Hit], float]:
            began = self._now()
            total, hits = self._shard.search(query, n, offset)
            return total, hits, (self._now() - began) * 1000

        total, hits, took_ms = await self._desk.run(job, deadline)
        scores = "".join(f" {hit.score}" for hit in hits)
        return self._json(_body(text, total, hits, took_ms), took_ms=took_ms, extra={"X-Hits": f"{total}{scores}"})

    async def _document(self, request: web.Request) -> web.Response:
        deadline = self._now() + _deadline_s(request)
        wanted = request.rel_url.query.get("id", "")[:_ID_CHARS_MAX]
        began = self._now()
        found = await self._desk.run(lambda: self._shard.document(wanted), deadline)
        if found is None:
            raise NotFound(f"there is no document {wanted!r} in shard {self._served.identity.shard}")
        return self._json(json.dumps(found.to_json()).encode(), took_ms=(self._now() - began) * 1000)

    async def _health(self, _request: web.Request) -> web.Response:
        identity = self._served.identity
        told = {
            "status": "ok",
            "instance": identity.instance_id,
            "shard": identity.shard,
            "shards": identity.shards,
            "documents": self._shard.documents,
            "digest": self._served.digest,
            "waiting": self._desk.waiting,
        }
        return self._json(json.dumps(told).encode())

    async def _nothing(self, _request: web.Request) -> web.Response:
        raise NotFound("there is nothing at this address; expected /search?q=, /doc?id= or /healthz")

    def _json(
        self, body: bytes, *, status: int = 200, took_ms: float | None = None, extra: dict[str, str] | None = None
    ) -> web.Response:
        headers = {"Content-Type": "application/json", **self._instance, **(extra or {})}
        if took_ms is not None:
            headers["Server-Timing"] = f"search;dur={took_ms:.3f}"
        return web.Response(body=body, status=status, headers=headers)

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.Response:
            try:
                return await handler(request)
            except CloudError as error:
                problem = {"error": {"kind": error.kind, "message": error.message}}
                return self._json(json.dumps(problem).encode(), status=error.status)

        return guarded


def _body(query: str, total: int, hits: list[Hit], took_ms: float) -> bytes:
    """The answer's JSON, each hit on a line of its own."""
    lines = ",\n".join(
        f'{_opening(hit.id, hit.title, hit.url, hit.kind)}{json.dumps(hit.snippet)}, "score": {hit.score}}}'
        for hit in hits
    )
    between = f"[\n{lines}\n]" if hits else "[\n]"
    head = f'{{"query":{json.dumps(query)},"total":{total},"took_ms":{took_ms:.3f},"partial":false,"hits":{between}}}'
    return head.encode()


@functools.lru_cache(_REMEMBERED_DOCUMENTS)
def _opening(found: str, title: str, url: str, kind: str) -> str:
    """A hit's JSON up to its snippet: the same for every query that finds the document."""
    told = json.dumps({"id": found, "title": title, "url": url, "kind": kind})
    return f'{told[:-1]}, "snippet": '


def _deadline_s(request: web.Request) -> float:
    text = request.headers.get("X-Deadline-Ms")
    if text is None:
        return _DEADLINE_DEFAULT_S
    try:
        left_s = float(text) / 1000
    except ValueError:
        left_s = float("nan")
    if not 0 <= left_s <= _DEADLINE_MAX_S:
        raise InvalidInput(f"X-Deadline-Ms {text[:20]!r} is no time; expected milliseconds, at most 60000")
    return left_s


def _number(asked: Any, name: str, default: int, most: int) -> int:
    text = asked.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 9 and int(text) <= most):
        raise InvalidInput(f"{name} {text[:20]!r} is not possible; expected a number from 0 to {most}")
    return int(text)
