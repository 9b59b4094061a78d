"""What the front end says to leaves and understands of them.

A leaf writes each hit of a search on a line of its own inside an otherwise ordinary JSON body, and repeats total and
scores in a header, `X-Hits: TOTAL SCORE SCORE …`. So answers are merged without reading or writing any hit: parsing
two bodies and writing a third is half of all work otherwise. A body without that header is read as plain JSON.
"""

from __future__ import annotations

import json
from typing import Any

from server.frontend.merge import Found, Hit, Merged
from vmhost.base.http1 import Response


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


def read_search(response: Response) -> Found | Refused:
    """A leaf's answer to a search. Raises ValueError for what a sane leaf would not say."""
    if response.status == 200:
        header = response.header(b"x-hits")
        return _read_lines(header, response.body) if header is not None else _read_json(response)
    if response.status == 400:
        return Refused(_message(_object(response)))
    raise ValueError("a leaf answers a search with 200 or 400")


def _read_lines(header: bytes, body: bytes) -> Found:
    total, *scores = header.split()
    lines = body.split(b"\n")
    hits = [(float(score), line.rstrip(b",")) for score, line in zip(scores, lines[1:-1], strict=True)]
    if not total.isdigit() or not lines[0].endswith(b"[") or not lines[-1].startswith(b"]"):
        raise ValueError("a search answer has a total, and hits on lines of their own")
    return Found(total=int(total), hits=hits)


def _read_json(response: Response) -> Found:
    data = _object(response)
    total, found = data.get("total"), data.get("hits")
    if type(total) is not int or not isinstance(found, list):
        raise ValueError("a search answer has a total and hits")
    hits: list[Hit] = []
    for each in found:
        if not isinstance(each, dict) or type(each.get("score")) not in (float, int):
            raise ValueError("a hit has a score")
        hits.append((each["score"], json.dumps(each, separators=(",", ":")).encode()))
    return Found(total=total, hits=hits)


def write_search(query: str, merged: Merged, took_ms: float) -> bytes:
    """The merged answer as JSON, hits again on lines of their own."""
    return b'{"query":%b,"total":%d,"took_ms":%.2f,"partial":%b,"hits":[\n%b\n]}' % (
        json.dumps(query).encode(),
        merged.total,
        took_ms,
        b"true" if merged.partial else b"false",
        b",\n".join([raw for _, raw in merged.hits]),
    )


def read_document(response: Response) -> dict[str, Any] | Absent | Refused:
    """A leaf's answer to a wish for a document. Raises ValueError as above."""
    if response.status == 404:
        return Absent()
    data = _object(response)
    return Refused(_message(data)) if response.status == 400 else data


def _object(response: Response) -> dict[str, Any]:
    data = json.loads(response.body)
    if not isinstance(data, dict):
        raise ValueError("expected a JSON object")
    return data


def _message(data: dict[str, Any]) -> str:
    error = data.get("error")
    text = error.get("message") if isinstance(error, dict) else error
    return str(text or "the query is not understood")[:500]
