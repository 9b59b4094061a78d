"""Prepared requests: bytes into which only a fresh trace id is written, and what a good response is. Pure."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

from client.load.http_text import status_phrase
from client.load.plan.model import Expect
from client.load.plan.urls import Origin
from client.load.summary import Fault
from vmhost.base.http1 import MAX_BODY_BYTES
from vmhost.base.http_response import Response

_GZIP_BITS, _ZLIB_BITS, _RAW_BITS = 31, 15, -15


def content_coding(response: Response) -> str:
    """The body's content codings, empty where it has none."""
    names = [value.decode("latin-1") for name, value in response.headers if name == b"content-encoding"]
    codings = [coding.strip().lower() for coding in ",".join(names).split(",")]
    return ", ".join(coding for coding in codings if coding and coding != "identity")


def decode_body(response: Response) -> bytes | None:
    """The body without its gzip or deflate, at most 16 MiB; None for another coding, or for damaged data."""
    body = response.body
    for coding in reversed(content_coding(response).split(", ")):
        if coding:
            found = _undone(coding, body)
            if found is None:
                return None
            body = found
    return body


def _undone(coding: str, body: bytes) -> bytes | None:
    if coding in ("gzip", "x-gzip"):
        return _inflated(body, _GZIP_BITS)
    if coding == "deflate":
        # Some servers send it without the header of zlib.
        found = _inflated(body, _ZLIB_BITS)
        return _inflated(body, _RAW_BITS) if found is None else found
    return None


def _inflated(body: bytes, bits: int) -> bytes | None:
    result = b""
    try:
        while body:
            inflater = zlib.decompressobj(wbits=bits)
            result += inflater.decompress(body, MAX_BODY_BYTES - len(result) + 1)
            if not inflater.eof or len(result) > MAX_BODY_BYTES:
                return None
            body = inflater.unused_data if bits == _GZIP_BITS else b""
    except zlib.error:
        return None
    return result


TRACE_PLACE = "0" * 48
"""The place of a trace id: 32 digits, a dash and 16 digits are written over it for each request."""
_TOTAL = re.compile(rb'"total":\s*(\d+)')
_PARTIAL = re.compile(rb'"partial":\s*true')
ANYTHING_GOOD = Expect()
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
"""Methods whose requests may be sent twice (RFC 9110 section 9.2.2)."""


class PreparedRequest:
    """One request as bytes and what a right answer to it is. `target` is the number of its target in the plan, `server`
    that of its origin among those of all requests. `easy`: any answer below 400 is right; `idempotent`: it may be sent
    a second time."""

    __slots__ = (
        "_after", "_before", "_contains", "_statuses", "_total", "easy", "head", "idempotent", "label", "origin", "raw",
        "server", "target",
    )  # fmt: skip

    def __init__(
        self, raw: bytes, *, origin: Origin, target: int, label: str, expect: Expect = ANYTHING_GOOD,
        total: int | None = None, method: str = "GET",
    ) -> None:  # fmt: skip
        self.raw = raw
        self.origin = origin
        self.target = target
        self.label = label
        self.head = method == "HEAD"
        self.idempotent = method in _IDEMPOTENT
        self.server = 0
        self.easy = not expect.statuses and expect.contains is None and total is None
        self._statuses = frozenset(expect.statuses)
        self._contains = None if expect.contains is None else expect.contains.encode()
        self._total = total
        self._before, trace, rest = raw.partition(b"\r\ntraceparent: 00-" + TRACE_PLACE[:32].encode() + b"-")
        self._before += trace[: -len(TRACE_PLACE[:32]) - 1]
        self._after = rest[16:]

    def with_trace(self, trace_hex: bytes) -> bytes:
        """The bytes to send; `trace_hex` is 32 digits of trace id and 16 of span id."""
        return self._before + trace_hex[:32] + b"-" + trace_hex[32:] + self._after

    def fault(self, response: Response) -> str:
        """What is wrong with the response; empty if nothing."""
        status = response.status
        if self._statuses:
            if status not in self._statuses:
                return fault_of_status(status) or Fault.WRONG
        elif status >= 400:
            return fault_of_status(status)
        if self._contains is None and self._total is None:
            return ""
        return self._fault_in_body(response.body) and self._fault_in_decoded(response)

    def _fault_in_body(self, body: bytes) -> str:
        if self._contains is not None and self._contains not in body:
            return Fault.WRONG
        return "" if self._total is None else self._fault_in_result(body)

    def _fault_in_decoded(self, response: Response) -> str:
        """What is wrong with the body once its compression is undone, which is tried only where it looks wrong."""
        if not content_coding(response):
            return self._fault_in_body(response.body)
        body = decode_body(response)
        return Fault.NOT_DECODABLE if body is None else self._fault_in_body(body)

    def why(self, response: Response, fault: str) -> str:
        """What is wrong with a response of that fault, in words."""
        status = f"status {response.status} {status_phrase(response.status)}".rstrip()
        if self._statuses and response.status not in self._statuses:
            return f"{status}; the plan expects {' or '.join(map(str, sorted(self._statuses)))}"
        if fault == Fault.PARTIAL:
            return "the response says that it is partial"
        if fault == Fault.NOT_DECODABLE:
            return f"the body is encoded as {content_coding(response)!r}; only gzip and deflate can be decoded"
        if fault != Fault.WRONG:
            return status
        body = decode_body(response) or b""
        if self._contains is not None and self._contains not in body:
            return f"the body does not contain {self._contains.decode()!r}"
        total = _TOTAL.search(body)
        return f"the total is {int(total[1]) if total else 'missing'}; the corpus has {self._total}"

    def _fault_in_result(self, body: bytes) -> str:
        # A quote inside a JSON string is escaped, so these keys cannot be found within a text; parsing each answer in
        # full would cost more than all the rest of a request.
        if _PARTIAL.search(body):
            return Fault.PARTIAL
        total = _TOTAL.search(body)
        return "" if total and int(total[1]) == self._total else Fault.WRONG


def fault_of_status(status: int) -> str:
    """The fault of a response with that status if the plan names no statuses; empty for a good one."""
    if status >= 500:
        return Fault.SERVER_ERROR
    return Fault.CLIENT_ERROR if status >= 400 else ""


class RequestSequence:
    """The requests of a plan by the arrival's number. `easy`: the responses' bodies are not checked.

    `count` is set if the plan has a limited number of requests, because their data is used once."""

    def __init__(
        self, drawn: Sequence[PreparedRequest], *, origins: Sequence[Origin] = (), easy: bool | None = None,
        count: int | None = None, used_up: str = "",
    ) -> None:  # fmt: skip
        self.drawn = drawn
        self.origins = tuple(origins) or tuple(dict.fromkeys(each.origin for each in drawn))
        self.count = count
        self.used_up = used_up
        """The data source whose rows are used up after `count` requests."""
        if not origins:
            for each in drawn:
                each.server = self.origins.index(each.origin)
        self.easy = all(each.easy and not each.head for each in drawn) if easy is None else easy

    def limit(self, wanted: int | None) -> int | None:
        """The most requests of a run in which `wanted` are to be sent; None without a limit."""
        limits = [limit for limit in (wanted, self.count) if limit is not None]
        return min(limits, default=None)

    def pick(self, number: int) -> PreparedRequest:
        """The request of that arrival."""
        return self.drawn[number % len(self.drawn)]
