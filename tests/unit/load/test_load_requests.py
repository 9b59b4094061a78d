"""Requests are bytes made beforehand; each carries a trace id of its own; wrong answers are told from right ones."""

from __future__ import annotations

import pytest

from client.load.plan import Plan
from client.load.requests import Prepared, prepare_queries, prepare_single
from client.load.summary import Fault
from server.api.queries import CorpusQuery
from vmhost.base.errors import InvalidInput
from vmhost.base.http1 import Response, build_request

PLAN = Plan(url="http://127.0.0.1:8000/a?b=c", rate_per_s=1, headers=(("X-Test", "yes"), ("Accept", "text/plain")))
TRACE = b"0123456789abcdef0123456789abcdef" + b"fedcba9876543210"
TRACEPARENT = b"traceparent: 00-0123456789abcdef0123456789abcdef-fedcba9876543210-"


def test_a_request_is_whole_and_carries_the_given_trace() -> None:
    raw = prepare_single(PLAN).pick(7).with_trace(TRACE)
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"GET /a?b=c HTTP/1.1"
    assert b"Host: 127.0.0.1:8000" in lines
    assert b"X-Test: yes" in lines
    assert [line for line in lines if line.startswith(b"Accept")] == [b"Accept: text/plain"]
    assert sum(line.startswith(TRACEPARENT) for line in lines) == 1
    assert body == b""


def test_a_header_that_would_smuggle_a_request_is_refused() -> None:
    plan = Plan(url="http://127.0.0.1/", rate_per_s=1, headers=(("X", "a\r\nGET / HTTP/1.1"),))
    with pytest.raises(InvalidInput, match="cannot be sent"):
        prepare_single(plan)


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (200, b'{"query":"q","total":12,"partial":false,"hits":[]}', None),
        (200, b'{"query": "q", "total": 12, "partial": false}', None),
        (200, b'{"query":"\\"total\\":99","total":12,"partial":false}', None),
        (200, b'{"query":"q","total":11,"partial":false}', Fault.WRONG),
        (200, b'{"query":"q","total":11,"partial":true}', Fault.PARTIAL),
        (200, b"<html>", Fault.WRONG),
        (404, b"", Fault.CLIENT_ERROR),
        (503, b'{"total":12}', Fault.SERVER_ERROR),
        (302, b'{"total":12}', None),
    ],
)
def test_an_answer_is_judged_by_status_total_and_wholeness(status: int, body: bytes, fault: Fault | None) -> None:
    raw = build_request("GET", "/", [("traceparent", f"00-{'0' * 32}-{'0' * 16}-00")])
    assert Prepared(raw, "q", expected_total=12).fault(Response(status, [], body, True)) == fault


def test_without_an_expected_total_any_good_status_is_right() -> None:
    assert prepare_single(PLAN).pick(0).fault(Response(200, [], b"anything", True)) is None


def test_searches_are_drawn_by_popularity_and_repeat_with_the_seed() -> None:
    corpus = [
        CorpusQuery(query="what is a server?", weight=1.0, total=40),
        CorpusQuery(query="hypervisor", weight=0.1, total=7),
    ]
    plan = Plan(url="http://127.0.0.1:8000", rate_per_s=1, seed=3)
    drawn, again = prepare_queries(plan, corpus), prepare_queries(plan, corpus)
    labels = [drawn.pick(number).label for number in range(1000)]
    assert labels == [again.pick(number).label for number in range(1000)]
    assert labels.count("what is a server?") == pytest.approx(909, abs=50)
    asked = drawn.pick(labels.index("what is a server?"))
    assert asked.with_trace(TRACE).startswith(b"GET /search?q=what+is+a+server%3F&format=json HTTP/1.1\r\n")
    assert asked.expected_total == 40
