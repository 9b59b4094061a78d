"""The service itself: a search and a document, each one question to the shards and one answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from server.api.results import PAGE_SIZE, shard_of
from server.api.timing import RequestTrace, make_traceparent, render
from server.frontend import leafwire
from server.frontend.asked import Asked
from server.frontend.exchange import Read
from server.frontend.fanout import Fanout, Gathered
from server.frontend.leafwire import Refused
from server.frontend.merge import merge
from server.frontend.observe import Observer, Seen
from vmhost.base.errors import CloudError, InvalidInput, NotFound, Unavailable


@dataclass(slots=True)
class Asker:
    """Who asks, and where the request stands in a larger story. Nobody changes it."""

    arrived: float
    """Monotonic seconds."""
    trace_id: str
    span_id: str
    """Of this request's handling here; leaves hear it as their parent."""
    agent: str
    person: bool
    """Whether it came without a trace of its own, as a browser's does."""


@dataclass(slots=True)
class Answer:
    """What became of a request: a body of JSON, or else the error. Nobody changes it."""

    body: bytes
    error: CloudError | None
    trace: RequestTrace
    server_timing: str
    """The trace as a header."""
    traceparent: str


class Search:
    """Asks the shards; every request that gets as far as here is observed once, however it ends."""

    def __init__(
        self,
        fanout: Fanout,
        observer: Observer,
        *,
        deadline_s: float,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._fanout = fanout
        self._observer = observer
        self._deadline_s = deadline_s
        self._monotonic = monotonic
        self._wall = wall

    async def search(self, asked: Asked, asker: Asker) -> Answer:
        """The best hits of all shards that answered in time."""
        gathered = await self._ask(asked.target, leafwire.read_search, asker)
        error = _trouble(gathered)
        if error is not None:
            return self._answer(asker, gathered, asked.query, b"", error)
        merged = merge(gathered.answers, count=PAGE_SIZE, offset=asked.offset)
        body = leafwire.write_search(asked.query, merged, (self._monotonic() - asker.arrived) * 1000)
        return self._answer(asker, gathered, asked.query, body, None)

    async def document(self, document_id: str, asker: Asker) -> Answer:
        """The document, from the shard that holds it."""
        shard = shard_of(document_id, len(self._fanout.shards))
        target = f"GET /doc?id={quote(document_id, safe='')} HTTP/1.1".encode("ascii")
        gathered = await self._ask(target, leafwire.read_document, asker, [shard])
        (answer,) = gathered.answers
        if isinstance(answer, dict):
            return self._answer(asker, gathered, document_id, json.dumps(answer).encode(), None)
        missing = NotFound(f"there is no document {document_id!r}; expected the address of a search result")
        return self._answer(asker, gathered, document_id, b"", _trouble(gathered) or missing)

    def _ask(self, target: bytes, read: Read, asker: Asker, shards: Sequence[int] | None = None) -> Awaitable[Gathered]:
        request = leafwire.request(target, make_traceparent(asker.trace_id, asker.span_id))
        return self._fanout.ask(request, read, deadline_s=self._deadline_s, arrived=asker.arrived, shards=shards)

    def _answer(self, asker: Asker, gathered: Gathered, query: str, body: bytes, error: CloudError | None) -> Answer:
        total_ms = (self._monotonic() - asker.arrived) * 1000
        trace = RequestTrace(
            trace_id=asker.trace_id,
            total_ms=total_ms,
            frontend_ms=max(total_ms - gathered.waited_ms, 0.0),
            attempts=gathered.attempts,
        )
        answer = Answer(body, error, trace, render(trace), make_traceparent(asker.trace_id, asker.span_id))
        seen = Seen(
            self._wall(),
            query,
            200 if error is None else error.status,
            None in gathered.answers,
            asker.agent,
            answer.server_timing,
            answer.traceparent,
        )
        self._observer.answer(seen, total_ms, person=asker.person)
        return answer


def _trouble(gathered: Gathered) -> CloudError | None:
    """Why there is no answer at all; None where at least one shard gave one."""
    missing = 0
    for answer in gathered.answers:
        if answer is None:
            missing += 1
        elif isinstance(answer, Refused):
            return InvalidInput(answer.message)
    if missing == len(gathered.answers):
        return Unavailable("no part of the index answered in time; try again")
    return None
