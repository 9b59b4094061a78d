"""The leaf over HTTP: /search, /doc and /healthz, all JSON.

Request header: `X-Deadline-Ms`, the time left for the whole request. Response headers: `Server-Timing: search;dur=…`,
the leaf's own time without waiting; `X-Instance`; `X-Hits: TOTAL SCORE SCORE …`, so that the front end can merge
responses without parsing them: each hit stands on a line of its own in the body.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from server.api.results import HITS_MAX, Hit
from server.index.shard_index import ShardIndex
from server.query import parse
from vmhost.base.errors import CloudError, DeadlineExceeded, InvalidInput, NotFound, Unavailable

_T = TypeVar("_T")
WAITING_MAX = 64
_NEWEST_WEIGHT = 0.05
"""The newest job's weight in the moving average of how long a job takes."""
_DEADLINE_DEFAULT_S = 5.0
_DEADLINE_MAX_S = 60.0
_OFFSET_MAX = 10_000
_CACHED_QUERIES = 1024
_ID_CHARS_MAX = 300
_encode = msgspec.json.Encoder().encode

Handler = Callable[[web.Request], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The instance that this leaf runs in, and the shard that it serves."""

    instance_id: str
    shard: int
    shards: int
    index: Path
    """The index folder."""


class AdmissionQueue:
    """Runs one job at a time, first come, first served, and refuses jobs that cannot run before their deadline.

    A search keeps one core busy and never waits, so two at once would only slow each other down. A job that would be
    too late is refused at once, while the front end can still try another replica. `monotonic` gives seconds, on the
    same clock as the deadlines."""

    def __init__(self, monotonic: Callable[[], float], *, waiting_max: int = WAITING_MAX) -> None:
        self._now = monotonic
        self._waiting_max = waiting_max
        self._turn = asyncio.Lock()
        self._mean_s = 0.0
        self.waiting = 0
        """Jobs that wait or run."""

    async def run(self, job: Callable[[], _T], deadline: float) -> _T:
        """The job's result, when its turn has come.

        Raises Unavailable at once if the queue is full or the jobs before it would take until after the deadline, and
        DeadlineExceeded if its turn comes too late. In both cases the job does not run."""
        if self.waiting >= self._waiting_max:
            raise Unavailable(f"{self.waiting} requests are waiting here; try another replica")
        if self._now() + self.waiting * self._mean_s >= deadline:
            raise Unavailable("this cannot be done before the deadline; try another replica or allow more time")
        self.waiting += 1
        try:
            async with self._turn:
                # Without this pause, requests that arrive together would run before any is counted as waiting.
                await asyncio.sleep(0)
                started = self._now()
                if started >= deadline:
                    raise DeadlineExceeded("the deadline passed while the request was waiting")
                result = job()
                self._mean_s += _NEWEST_WEIGHT * (self._now() - started - self._mean_s)
                return result
        finally:
            self.waiting -= 1


class Leaf:
    """The handlers. `digest` is that of the whole index; `monotonic` gives seconds."""

    def __init__(self, identity: Identity, shard: ShardIndex, digest: str, monotonic: Callable[[], float]) -> None:
        self._identity = identity
        self._shard = shard
        self._digest = digest
        self._now = monotonic
        self._queue = AdmissionQueue(monotonic)
        self._instance = {"X-Instance": identity.instance_id}
        # Parsing is pure, and most queries come again and again.
        self._parse = functools.lru_cache(_CACHED_QUERIES)(parse)

    def app(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application()
        for path, handler in (
            ("/search", self._search),
            ("/doc", self._document),
            ("/healthz", self._health),
            ("/{path:.*}", self._not_found),
        ):
            app.router.add_get(path, self._guarded(handler))
        return app

    async def _search(self, request: web.Request) -> web.Response:
        deadline = self._now() + _deadline_s(request)
        params = request.rel_url.query
        text = params.get("q", "")
        query = self._parse(text)
        n, offset = _number(params, "n", 10, HITS_MAX), _number(params, "offset", 0, _OFFSET_MAX)

        def job() -> tuple[int, list[Hit], float]:
            started = self._now()
            total, hits = self._shard.search(query, n, offset)
            return total, hits, (self._now() - started) * 1000

        total, hits, took_ms = await self._queue.run(job, deadline)
        scores = "".join(f" {hit.score}" for hit in hits)
        return self._json(_answer(text, total, hits, took_ms), took_ms=took_ms, extra={"X-Hits": f"{total}{scores}"})

    async def _document(self, request: web.Request) -> web.Response:
        deadline = self._now() + _deadline_s(request)
        wanted = request.rel_url.query.get("id", "")[:_ID_CHARS_MAX]
        started = self._now()
        found = await self._queue.run(lambda: self._shard.document(wanted), deadline)
        if found is None:
            raise NotFound(f"there is no document {wanted!r} in shard {self._identity.shard}")
        return self._json({"url": found.url, **msgspec.structs.asdict(found)}, took_ms=(self._now() - started) * 1000)

    async def _health(self, _request: web.Request) -> web.Response:
        health = {
            "status": "ok",
            "instance": self._identity.instance_id,
            "shard": self._identity.shard,
            "shards": self._identity.shards,
            "documents": self._shard.documents,
            "digest": self._digest,
            "waiting": self._queue.waiting,
        }
        return self._json(health)

    async def _not_found(self, _request: web.Request) -> web.Response:
        raise NotFound("there is nothing at this address; use /search?q=, /doc?id= or /healthz")

    def _json(
        self, data: Any, *, status: int = 200, took_ms: float | None = None, extra: dict[str, str] | None = None
    ) -> web.Response:
        headers = {"Content-Type": "application/json", **self._instance, **(extra or {})}
        if took_ms is not None:
            headers["Server-Timing"] = f"search;dur={took_ms:.3f}"
        return web.Response(body=_encode(data), status=status, headers=headers)

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.Response:
            try:
                return await handler(request)
            except CloudError as error:
                problem = {"error": {"kind": error.kind, "message": error.message}}
                return self._json(problem, status=error.status)

        return guarded


def _answer(query: str, total: int, hits: list[Hit], took_ms: float) -> msgspec.Raw:
    """The answer's JSON, with each hit on a line of its own."""
    lines = b",\n".join([_encode(hit) for hit in hits])
    head = b'{"query":%b,"total":%d,"took_ms":%.3f,"partial":false,"hits":[\n' % (_encode(query), total, took_ms)
    return msgspec.Raw(b"%b%b%b]}" % (head, lines, b"\n" if hits else b""))


def _deadline_s(request: web.Request) -> float:
    text = request.headers.get("X-Deadline-Ms")
    if text is None:
        return _DEADLINE_DEFAULT_S
    try:
        left_s = float(text) / 1000
    except ValueError:
        left_s = float("nan")
    if not 0 <= left_s <= _DEADLINE_MAX_S:
        raise InvalidInput(f"X-Deadline-Ms {text[:20]!r} is invalid; use milliseconds from 0 to 60000")
    return left_s


def _number(params: Any, name: str, default: int, most: int) -> int:
    text = params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 9 and int(text) <= most):
        raise InvalidInput(f"{name} {text[:20]!r} is invalid; use a number from 0 to {most}")
    return int(text)
