"""Requests are bytes made beforehand; each carries its own trace id; wrong responses are recognised."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from client.load.plan.model import DataSource, Expect, Plan, Target, constant
from client.load.plan.urls import Origin
from client.load.request_factory import DRAWS, prepare_requests
from client.load.requests import PreparedRequest
from client.load.summary import Fault
from vmhost.base.errors import InvalidInput
from vmhost.base.http1 import build_request
from vmhost.base.http_response import Response

ORIGIN = Origin(tls=False, host="127.0.0.1", port=8000)
TARGET = Target(url="http://127.0.0.1:8000/a?b=c", headers=(("X-Test", "yes"), ("Accept", "text/plain")))
PLAN = replace(constant(TARGET.url, 1), targets=(TARGET,))
TRACE = b"0123456789abcdef0123456789abcdef" + b"fedcba9876543210"
TRACEPARENT = b"traceparent: 00-0123456789abcdef0123456789abcdef-fedcba9876543210-"


def plan_of(*targets: Target, **settings: object) -> Plan:
    return replace(PLAN, targets=targets, **settings)  # type: ignore[arg-type]


def test_a_request_is_whole_and_carries_the_given_trace() -> None:
    raw = prepare_requests(PLAN).pick(7).with_trace(TRACE)
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"GET /a?b=c HTTP/1.1"
    assert b"Host: 127.0.0.1:8000" in lines
    assert b"X-Test: yes" in lines
    assert [line for line in lines if line.startswith(b"Accept")] == [b"Accept: text/plain"]
    assert sum(line.startswith(TRACEPARENT) for line in lines) == 1
    assert body == b""


def test_without_traces_the_bytes_are_sent_as_they_are() -> None:
    assert b"traceparent" not in prepare_requests(replace(PLAN, traced=False)).pick(0).raw
    own = replace(TARGET, headers=(("Traceparent", "mine"),))
    assert b"Traceparent: mine" in prepare_requests(plan_of(own, traced=False)).pick(0).raw


def test_a_body_is_sent_with_its_length() -> None:
    target = replace(TARGET, method="POST", body="größe={size}")
    raw = prepare_requests(plan_of(target, sources={"size": DataSource(values=("7",))})).pick(0).raw
    assert raw.startswith(b"POST /a?b=c HTTP/1.1\r\n")
    assert raw.endswith(b"\r\nContent-Length: 9\r\n\r\n" + "größe=7".encode())


def test_a_header_that_would_smuggle_a_request_is_refused() -> None:
    with pytest.raises(InvalidInput, match="cannot be sent"):
        prepare_requests(plan_of(replace(TARGET, headers=(("X", "a\r\nGET / HTTP/1.1"),))))


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (200, b'{"query":"q","total":12,"partial":false,"hits":[]}', ""),
        (200, b'{"query": "q", "total": 12, "partial": false}', ""),
        (200, b'{"query":"\\"total\\":99","total":12,"partial":false}', ""),
        (200, b'{"query":"q","total":11,"partial":false}', Fault.WRONG),
        (200, b'{"query":"q","total":11,"partial":true}', Fault.PARTIAL),
        (200, b"<html>", Fault.WRONG),
        (404, b"", Fault.CLIENT_ERROR),
        (503, b'{"total":12}', Fault.SERVER_ERROR),
        (302, b'{"total":12}', ""),
    ],
)
def test_a_search_is_judged_by_status_total_and_wholeness(status: int, body: bytes, fault: str) -> None:
    raw = build_request("GET", "/", [("traceparent", f"00-{'0' * 32}-{'0' * 16}-00")])
    asked = PreparedRequest(raw, origin=ORIGIN, target=0, label="q", total=12)
    assert asked.fault(Response(status, [], body, True)) == fault


@pytest.mark.parametrize(
    ("expect", "status", "body", "fault"),
    [
        (Expect(), 200, b"anything", ""),
        (Expect(), 399, b"", ""),
        (Expect(), 400, b"", Fault.CLIENT_ERROR),
        (Expect(statuses=(404,)), 404, b"", ""),
        (Expect(statuses=(404,)), 200, b"", Fault.WRONG),
        (Expect(statuses=(200, 201)), 500, b"", Fault.SERVER_ERROR),
        (Expect(contains="grün"), 200, "alles grün".encode(), ""),
        (Expect(contains="grün"), 200, b"alles rot", Fault.WRONG),
    ],
)
def test_an_answer_is_held_against_what_was_expected(expect: Expect, status: int, body: bytes, fault: str) -> None:
    asked = prepare_requests(plan_of(replace(TARGET, expect=expect))).pick(0)
    assert asked.fault(Response(status, [], body, True)) == fault


def test_targets_follow_weight_and_seed() -> None:
    plan = plan_of(replace(TARGET, name="a", weight=3), replace(TARGET, name="b", url="http://127.0.0.1:9000/"))
    drawn, again, other = prepare_requests(plan), prepare_requests(plan), prepare_requests(replace(plan, seed=2))
    targets = [drawn.pick(number).target for number in range(DRAWS)]
    assert targets == [again.pick(number).target for number in range(DRAWS)]
    assert targets != [other.pick(number).target for number in range(DRAWS)]
    assert targets.count(0) / DRAWS == pytest.approx(0.75, abs=0.02)
    assert [origin.port for origin in drawn.origins] in ([8000, 9000], [9000, 8000])
    assert {(each.target, drawn.origins[each.server].port) for each in map(drawn.pick, range(200))} == {
        (0, 8000), (1, 9000),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("draw", "shares"),
    [("uniform", (1 / 3, 1 / 3, 1 / 3)), ("zipf", (6 / 11, 3 / 11, 2 / 11)), ("in turn", (1 / 3,) * 3)],
)
def test_words_are_filled_as_often_as_their_source_says(draw: str, shares: tuple[float, ...]) -> None:
    values = ("a b", "ü", "c")
    plan = plan_of(replace(TARGET, url="http://127.0.0.1/{w}"), sources={"w": DataSource(values=values, draw=draw)})
    requests = prepare_requests(plan)
    counts = Counter(requests.pick(number).label for number in range(DRAWS))
    assert [counts[value] / DRAWS for value in values] == pytest.approx(shares, abs=0.02)
    assert {requests.pick(number).raw.split()[1] for number in range(200)} == {b"/a%20b", b"/%C3%BC", b"/c"}


def test_words_come_from_a_file_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("eins\n\nzwei\n", encoding="utf-8")
    plan = plan_of(
        replace(TARGET, url="http://127.0.0.1/{w}"), sources={"w": DataSource(file=str(file), draw="in turn")}
    )
    requests = prepare_requests(plan)
    assert [requests.pick(number).label for number in range(4)] == ["eins", "zwei", "eins", "zwei"]
    file.write_text("\n")
    with pytest.raises(InvalidInput, match="has 0 values"):
        prepare_requests(plan)
    file.unlink()
    with pytest.raises(InvalidInput, match="cannot be read: No such file"):
        prepare_requests(plan)


def test_searches_are_drawn_by_popularity_and_repeat_with_the_seed(tmp_path: Path) -> None:
    corpus = [
        {"query": "what is a server?", "weight": 1.0, "total": 40},
        {"query": "hypervisor", "weight": 0.1, "total": 7},
    ]
    file = tmp_path / "queries.json"
    file.write_text(json.dumps({"queries": corpus}))
    plan = constant("http://127.0.0.1:8000", 1, corpus=str(file), seed=3)
    drawn, again = prepare_requests(plan), prepare_requests(plan)
    labels = [drawn.pick(number).label for number in range(1000)]
    assert labels == [again.pick(number).label for number in range(1000)]
    assert labels.count("what is a server?") == pytest.approx(909, abs=50)
    asked = drawn.pick(labels.index("what is a server?"))
    assert asked.with_trace(TRACE).startswith(b"GET /search?q=what+is+a+server%3F&format=json HTTP/1.1\r\n")
    assert asked.fault(Response(200, [], b'{"total":40}', True)) == ""
    assert asked.fault(Response(200, [], b'{"total":7}', True)) == Fault.WRONG
