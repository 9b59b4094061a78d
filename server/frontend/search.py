"""A search or a document: from the request's parameters to the leaves, and from their responses to one answer.

A leaf writes each hit on a line of its own inside an otherwise ordinary JSON body, and repeats the total and the scores
in a header, `X-Hits: TOTAL SCORE SCORE …`. So the front end merges hits without parsing or writing any of them, which
would be half of all its work. A response without that header is read as plain JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any
from urllib.parse import quote, unquote_plus

import msgspec
from msgspec import Struct

from server.api.results import HITS_MAX, PAGE_SIZE, Document, shard_of
from server.api.timing import RequestTrace, render
from server.frontend.fanout import Fanout, Parse, fan_out
from server.frontend.observer import Observer, RecentRequest
from server.frontend.shard_map import ShardMap
from server.query import parse
from vmhost.base.errors import CloudError, InvalidInput, NotFound, Unavailable

PAGE_MAX = HITS_MAX // PAGE_SIZE
_FORMATS = {"": None, "json": True, "html": False}

Headers = Mapping[bytes, bytes]
"""By lower-case name."""
HitLine = tuple[float, bytes]
"""A hit's score, and the hit as the leaf wrote it followed by a comma: it passes through the front end unread."""
_score = itemgetter(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchParams:
    """The parameters of a search that may be sent to the leaves."""

    query: str
    page: int
    json: bool | None
    """Whether the format parameter asks for JSON; None: the Accept header decides."""
    request_line: bytes
    """Of the request to the leaves."""

    @property
    def offset(self) -> int:
        """How many hits are on the pages before this one."""
        return (self.page - 1) * PAGE_SIZE


class RequestContext(Struct, frozen=True, gc=False):
    """When a request arrived, from which client, and the trace that it belongs to."""

    arrived: float
    """Monotonic seconds."""
    trace_id: str
    traceparent: str
    """With the span of the front end's part, the leaves' parent."""
    agent: str
    person: bool
    """Whether it came without a trace of its own, as a browser's requests do."""


class HitList(Struct, frozen=True, gc=False):
    """The hits of one shard, or the best hits of several."""

    total: int
    hits: list[HitLine]
    partial: bool = False
    """Whether a shard is missing."""


class Answer(Struct, frozen=True):
    """The result of a request: a JSON body, or an error."""

    body: bytes | CloudError
    trace: RequestTrace
    headers: tuple[tuple[str, str], ...]
    """The trace as headers."""


class Search:
    """Sends requests to the shards and makes the answers. Each request that reaches it is observed exactly once."""

    def __init__(
        self,
        shard_map: ShardMap,
        observer: Observer,
        *,
        deadline_s: float,
        in_flight_max: int,
    ) -> None:
        self._shard_map = shard_map
        self._observer = observer
        self._deadline_s = deadline_s
        self._in_flight_max = in_flight_max
        self._monotonic = shard_map.timers.now

    async def search(self, params: SearchParams, context: RequestContext) -> Answer:
        """The best hits of all shards that answered in time.

        Raises Unavailable while too many requests are in flight."""
        fanout = await self._fan_out(params.request_line, parse_hits, context)
        results = fanout.results()
        body: bytes | CloudError | None = _error_of(results)
        if body is None:
            merged = merge(results, count=PAGE_SIZE, offset=params.offset)
            body = encode_answer(params.query, merged, (self._monotonic() - context.arrived) * 1000)
        return self._answer(context, fanout, params.query, body, partial=None in results)

    async def document(self, document_id: str, context: RequestContext) -> Answer:
        """The document, from the shard that holds it. Raises Unavailable as above."""
        shard = shard_of(document_id, len(self._shard_map.shards))
        line = f"GET /doc?id={quote(document_id, safe='')} HTTP/1.1".encode("ascii")
        fanout = await self._fan_out(line, parse_document, context, [shard])
        results = fanout.results()
        body: bytes | CloudError = _error_of(results) or results[0]
        if isinstance(body, NotFound):
            body = NotFound(f"there is no document {document_id!r}")
        return self._answer(context, fanout, document_id, body, partial=None in results)

    async def _fan_out(
        self, request_line: bytes, parse: Parse, context: RequestContext, shards: Sequence[int] | None = None
    ) -> Fanout:
        observer, known = self._observer, self._shard_map.shards
        if observer.in_flight >= self._in_flight_max:
            observer.shed += 1
            raise Unavailable("too many requests are in flight; try again in a second")
        observer.in_flight += 1
        try:
            return await fan_out(
                self._shard_map.timers,
                known if shards is None else [known[number] for number in shards],
                leaf_request(request_line, context.traceparent),
                deadline_s=self._deadline_s,
                parse=parse,
            )
        finally:
            observer.in_flight -= 1

    def _answer(
        self, context: RequestContext, fanout: Fanout, query: str, body: bytes | CloudError, *, partial: bool
    ) -> Answer:
        attempts = fanout.take_attempts(context.arrived)
        total_ms = (self._monotonic() - context.arrived) * 1000
        trace = RequestTrace(
            trace_id=context.trace_id,
            total_ms=total_ms,
            frontend_ms=max(total_ms - fanout.waited_ms, 0.0),
            attempts=attempts,
        )
        timing, traceparent = render(trace), context.traceparent
        status = body.status if isinstance(body, CloudError) else 200
        request = RecentRequest(self._observer.now(), query, status, partial, context.agent, timing, traceparent)
        self._observer.record(request, total_ms, person=context.person)
        return Answer(body, trace, (("Server-Timing", timing), ("traceparent", traceparent)))


def _error_of(results: list[Any]) -> CloudError | None:
    """The error of a request; None where at least one shard has a result and none refused it."""
    missing = 0
    for result in results:
        if result is None:
            missing += 1
        elif isinstance(result, CloudError):
            return result
    if missing == len(results):
        return Unavailable("no part of the index answered in time; try again")
    return None


# the request's parameters


def decode_parameters(query_string: str) -> dict[str, str]:
    """The decoded parameters; of a repeated name the first value counts. Bytes that are not UTF-8 become U+FFFD."""
    found: dict[str, str] = {}
    for pair in query_string.split("&"):
        name, _, value = pair.partition("=")
        if name not in found:
            found[name] = unquote_plus(value, errors="replace") if "%" in value or "+" in value else value
    return found


def wants_json(query_string: str) -> bool | None:
    """`SearchParams.json` of any query string, even an invalid one. Raises InvalidInput for an unknown format."""
    name = decode_parameters(query_string).get("format", "")
    if name not in _FORMATS:
        raise InvalidInput(f"the format {name[:20]!r} is unknown; use json or html")
    return _FORMATS[name]


def parse_params(query_string: str) -> SearchParams:
    """The parameters in a query string. Raises InvalidInput for a search that cannot be sent to the leaves."""
    found = decode_parameters(query_string)
    query = found.get("q", "").strip()
    parse(query)
    page = _page(found.get("page", "1"))
    line = f"GET /search?q={quote(query, safe='')}&n={page * PAGE_SIZE} HTTP/1.1"
    return SearchParams(query=query, page=page, json=wants_json(query_string), request_line=line.encode("ascii"))


def _page(text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) <= 4 and 1 <= int(text) <= PAGE_MAX:
        return int(text)
    raise InvalidInput(f"the page {text[:20]!r} does not exist; pages are numbered from 1 to {PAGE_MAX}")


# to the leaves and back


def leaf_request(request_line: bytes, traceparent: str) -> tuple[bytes, bytes]:
    """A request to a leaf: the part before and the part after the digits of X-Deadline-Ms."""
    head = b"%b\r\nHost: leaf\r\ntraceparent: %b\r\nX-Deadline-Ms: " % (request_line, traceparent.encode())
    return head, b"\r\n\r\n"


def parse_hits(status: int, headers: Headers, body: bytes) -> HitList | InvalidInput:
    """A leaf's response to a search; an error if it refuses the query, as every leaf would.

    Raises ValueError for a response that no working leaf sends."""
    if status == 200:
        summary = headers.get(b"x-hits")
        return _parse_lines(summary, body) if summary is not None else _parse_plain(body)
    if status == 400:
        return _refusal(body)
    raise ValueError("a leaf answers a search with status 200 or 400")


def _parse_lines(summary: bytes, body: bytes) -> HitList:
    total, _, scores = summary.partition(b" ")
    # A JSON string holds no line break, so each line is one hit, and all but the last end with a comma.
    first, *lines, last = body.split(b"\n")
    if not (total.isdigit() and first.endswith(b"[") and last.startswith(b"]")):
        raise ValueError("a search response has a total, and hits on lines of their own")
    if lines:
        lines[-1] += b","
    return HitList(int(total), list(zip(map(float, scores.split()), lines, strict=True)))


class _Score(Struct):
    score: float


class _PlainAnswer(Struct):
    """An answer whose hits need not be on lines of their own."""

    total: int
    hits: list[msgspec.Raw]


class _Reason(Struct):
    message: str = "the query is invalid"


class _Refusal(Struct):
    error: _Reason


_decode_score = msgspec.json.Decoder(_Score).decode
_decode_plain = msgspec.json.Decoder(_PlainAnswer).decode
_decode_refusal = msgspec.json.Decoder(_Refusal).decode
_decode_document = msgspec.json.Decoder(Document).decode


def _parse_plain(body: bytes) -> HitList:
    plain = _decode_plain(body)
    return HitList(plain.total, [(_decode_score(hit).score, bytes(hit) + b",") for hit in plain.hits])


def parse_document(status: int, _headers: Headers, body: bytes) -> bytes | CloudError:
    """A leaf's document, as it wrote it; an error if it has none or refuses. Raises ValueError as above."""
    if status == 404:
        return NotFound("the shard has no such document")
    if status == 400:
        return _refusal(body)
    _decode_document(body)
    return body


def _refusal(body: bytes) -> InvalidInput:
    return InvalidInput(_decode_refusal(body).error.message[:500])


def merge(results: Sequence[HitList | None], *, count: int, offset: int = 0) -> HitList:
    """The `count` best hits after the first `offset`, by score; equal scores keep the order of shards and hits.

    Each result holds its shard's best hits, at least `offset + count` of them if there are that many; None stands for
    a shard that did not answer."""
    hits: list[HitLine] = []
    total = 0
    partial = False
    for result in results:
        if result is None:
            partial = True
        else:
            total += result.total
            hits += result.hits
    hits.sort(key=_score, reverse=True)
    return HitList(total, hits[offset : offset + count], partial)


def encode_answer(query: str, merged: HitList, took_ms: float) -> bytes:
    """The answer as JSON, again with each hit on a line of its own."""
    return b'{"query":%b,"total":%d,"took_ms":%.2f,"partial":%b,"hits":[\n%b\n]}' % (
        msgspec.json.encode(query),
        merged.total,
        took_ms,
        b"true" if merged.partial else b"false",
        b"\n".join([line for _, line in merged.hits])[:-1],
    )
