"""What the front end says to leaves and understands of them.

A leaf writes each hit of a search on a line of its own inside an otherwise ordinary JSON body, and repeats total and
scores in a header, `X-Hits: TOTAL SCORE SCORE …`. So answers are merged without reading or writing any hit: parsing
two bodies and writing a third is half of all work otherwise. A body without that header is read as plain JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from server.frontend.merge import Found, Hit, Merged

Headers = Mapping[bytes, bytes]
"""By lower-case name."""


class Refused:
    """The leaf says that the request makes no sense; every leaf would."""

    __slots__ = ("message",)

    def __init__(self, message: str) -> None:
        self.message = message


class Absent:
    """The leaf has no such document."""

    __slots__ = ()


def request(target: bytes, traceparent: str) -> tuple[bytes, bytes]:
    """A leaf request before and after the digits of X-Deadline-Ms. `target` is the request line."""
    return b"%b\r\nHost: leaf\r\ntraceparent: %b\r\nX-Deadline-Ms: " % (target, traceparent.encode()), b"\r\n\r\n"


def read_search(status: int, headers: Headers, body: bytes) -> Found | Refused:
    """A leaf's answer to a search. Raises ValueError for what a sane leaf would not say."""
    if status == 200:
        summary = headers.get(b"x-hits")
        return _read_lines(summary, body) if summary is not None else _read_json(body)
    if status == 400:
        return Refused(_message(_object(body)))
    raise ValueError("a leaf answers a search with 200 or 400")


def _read_lines(summary: bytes, body: bytes) -> Found:
    total, _, scores = summary.partition(b" ")
    # No JSON string holds a line break, so each line is a hit and all but the last end with a comma.
    first, *lines, last = body.split(b"\n")
    if not (total.isdigit() and first.endswith(b"[") and last.startswith(b"]")):
        raise ValueError("a search answer has a total, and hits on lines of their own")
    if lines:
        lines[-1] += b","
    return Found(int(total), list(zip(map(float, scores.split()), lines, strict=True)))


def _read_json(body: bytes) -> Found:
    data = _object(body)
    total, found = data.get("total"), data.get("hits")
    if type(total) is not int or not isinstance(found, list):
        raise ValueError("a search answer has a total and hits")
    hits: list[Hit] = []
    for each in found:
        if not isinstance(each, dict) or type(each.get("score")) not in (float, int):
            raise ValueError("a hit has a score")
        hits.append((each["score"], json.dumps(each, separators=(",", ":")).encode() + b","))
    return Found(total=total, hits=hits)


def write_search(query: str, merged: Merged, took_ms: float) -> bytes:
    """The merged answer as JSON, hits again on lines of their own."""
    return b'{"query":%b,"total":%d,"took_ms":%.2f,"partial":%b,"hits":[\n%b\n]}' % (
        json.dumps(query).encode(),
        merged.total,
        took_ms,
        b"true" if merged.partial else b"false",
        b"\n".join([line for _, line in merged.hits])[:-1],
    )


def read_document(status: int, _headers: Headers, body: bytes) -> dict[str, Any] | Absent | Refused:
    """A leaf's answer to a wish for a document. Raises ValueError as above."""
    if status == 404:
        return Absent()
    data = _object(body)
    return Refused(_message(data)) if status == 400 else data


def _object(body: bytes) -> dict[str, Any]:
    data = json.loads(body)
    if not isinstance(data, dict):
        raise ValueError("expected a JSON object")
    return data


def _message(data: dict[str, Any]) -> str:
    error = data.get("error")
    text = error.get("message") if isinstance(error, dict) else error
    return str(text or "the query is not understood")[:500]
