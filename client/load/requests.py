"""Prepared requests: bytes made before the run, into which only a fresh trace id is written, and what a good answer is.

Which request an arrival sends depends on its number alone, so that a run can be repeated and split.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import quote_plus

from client.load.plan import Plan, Target, parse_target
from client.load.summary import Fault
from server.api.queries import CorpusQuery, draw
from vmhost.base.errors import InvalidInput
from vmhost.base.http1 import Response, build_request

_PLACEHOLDER = "0" * 48
_TOTAL = re.compile(rb'"total":\s*(\d+)')
_PARTIAL = re.compile(rb'"partial":\s*true')
DRAWS = 1 << 14
"""So many queries are drawn before the run; then they come round again."""


class Prepared:
    """One request, ready but for its trace id, and the total that a right answer gives (None: any answer is right)."""

    __slots__ = ("_after", "_before", "_between", "expected_total", "label")

    def __init__(self, raw: bytes, label: str, expected_total: int | None = None) -> None:
        mark = _PLACEHOLDER.encode()
        self._before, trace, rest = raw.partition(b"00-" + mark[:32] + b"-")
        self._before += b"00-"
        self._between = b"-"
        self._after = rest[16:]
        if not trace:
            raise ValueError("a prepared request without the place for its trace id")
        self.label = label
        self.expected_total = expected_total

    def with_trace(self, trace_hex: bytes) -> bytes:
        """The bytes to send; `trace_hex` is 32 digits of trace id and 16 of span id."""
        return self._before + trace_hex[:32] + self._between + trace_hex[32:] + self._after

    def fault(self, response: Response) -> Fault | None:
        """What is wrong with the answer, None if nothing."""
        if response.status >= 400:
            return Fault.SERVER_ERROR if response.status >= 500 else Fault.CLIENT_ERROR
        if self.expected_total is None:
            return None
        return self._fault_in_result(response.body)

    def _fault_in_result(self, body: bytes) -> Fault | None:
        # A quote inside a JSON string is escaped, so these keys cannot be found within a text; parsing each answer in
        # full would cost more than all the rest of a request.
        if _PARTIAL.search(body):
            return Fault.PARTIAL
        total = _TOTAL.search(body)
        return None if total and int(total[1]) == self.expected_total else Fault.WRONG


class Requests(Protocol):
    """Which request each arrival sends."""

    def pick(self, number: int) -> Prepared:
        """The request of that arrival."""


class SingleRequest:
    """The same request always."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared

    def pick(self, number: int) -> Prepared:
        return self._prepared


class DrawnRequests:
    """Requests drawn beforehand, in turn."""

    def __init__(self, drawn: Sequence[Prepared]) -> None:
        self._drawn = drawn

    def pick(self, number: int) -> Prepared:
        return self._drawn[number % len(self._drawn)]


def prepare(plan: Plan, target: Target, resource: str, label: str, expected_total: int | None = None) -> Prepared:
    """A GET of the resource with the plan's headers. Raises InvalidInput for a header that cannot be sent."""
    trace = f"00-{_PLACEHOLDER[:32]}-{_PLACEHOLDER[32:]}-00"
    own = {name.lower() for name, _ in plan.headers}
    usual = [("Host", target.authority), ("User-Agent", "glasscloud-load"), ("Accept", "*/*")]
    headers = [*((name, value) for name, value in usual if name.lower() not in own), ("traceparent", trace)]
    headers += [(name, value) for name, value in plan.headers if name.lower() != "traceparent"]
    try:
        return Prepared(build_request("GET", resource, headers), label, expected_total)
    except (ValueError, UnicodeEncodeError) as error:
        raise InvalidInput(f"the request for {label} cannot be sent: {error}") from error


def prepare_single(plan: Plan) -> SingleRequest:
    """The plan's URL, again and again."""
    target = parse_target(plan.url)
    return SingleRequest(prepare(plan, target, target.resource, target.resource))


def prepare_queries(plan: Plan, corpus: Sequence[CorpusQuery]) -> DrawnRequests:
    """Searches drawn by popularity with the plan's seed; a right answer has the total that the corpus knows.

    The plan's URL is the service or its search page."""
    target = parse_target(plan.url)
    page = target.resource.partition("?")[0]
    page = "/search" if page == "/" else page
    prepared = {
        each.query: prepare(
            plan, target, f"{page}?q={quote_plus(each.query)}&format=json", each.query, expected_total=each.total
        )
        for each in corpus
    }
    return DrawnRequests([prepared[each.query] for each in draw(corpus, seed=plan.seed, count=DRAWS)])
