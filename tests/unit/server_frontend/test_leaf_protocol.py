"""Leaf responses: valid ones are parsed, others raise ValueError, and hits are copied without being parsed."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.api.results import Document, Hit
from server.frontend.search import HitList, encode_answer, leaf_request, merge, parse_document, parse_hits
from vmhost.base.errors import InvalidInput, NotFound

_hits = st.lists(
    st.builds(
        Hit,
        id=st.from_regex(r"[a-z.]{1,9}", fullmatch=True),
        title=st.text(max_size=20),
        url=st.just("/doc/x"),
        kind=st.just("page"),
        snippet=st.lists(st.tuples(st.text(max_size=20), st.booleans()), max_size=3).map(tuple),
        score=st.integers(0, 10**6).map(lambda score: score / 1000),
    ),
    max_size=12,
)


def leaf_answer(hits: list[Hit]) -> tuple[dict[bytes, bytes], bytes]:
    """Headers and body as a leaf writes them."""
    lines = b",\n".join(map(msgspec.json.encode, hits)).decode()
    summary = " ".join([str(len(hits)), *[str(hit.score) for hit in hits]])
    between = f"{lines}\n" if hits else ""
    body = f'{{"query":"q","total":{len(hits)},"hits":[\n{between}]}}'
    return {b"x-hits": summary.encode()}, body.encode()


@given(_hits, st.text(max_size=20))
def test_line_format_and_json_give_equal_answers(hits: list[Hit], query: str) -> None:
    headers, body = leaf_answer(hits)
    by_line, plain = parse_hits(200, headers, body), parse_hits(200, {}, body)
    assert isinstance(by_line, HitList)
    assert isinstance(plain, HitList)
    written = [json.loads(encode_answer(query, merge([found, None], count=10), 1.5)) for found in (by_line, plain)]
    assert written[0] == written[1]
    assert written[0]["total"] == len(hits)
    assert written[0]["partial"] is True
    assert [each["score"] for each in written[0]["hits"]] == sorted((hit.score for hit in hits), reverse=True)[:10]


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_garbage_is_refused_or_parsed(summary: bytes, body: bytes) -> None:
    for headers in ({b"x-hits": summary}, {}):
        for status in (200, 400, 404, 500):
            try:
                found = parse_hits(status, headers, body)
            except ValueError:
                continue
            assert isinstance(found, HitList | InvalidInput)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"total":1}', b'{"total":true,"hits":[]}', b'{"total":1,"hits":[1]}',
     b'{"total":1,"hits":[{"score":"1"}]}', b'{"total":-0.5,"hits":[]}', b"\xff"],
)  # fmt: skip
def test_json_that_is_not_an_answer_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (the message is not shown: another replica is tried)
        parse_hits(200, {}, body)


@pytest.mark.parametrize("summary", [b"", b"x", b"1 1.0 2.0", b"1 one", b"-1 1.0"])
def test_summary_must_match_the_lines(summary: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_hits(200, {b"x-hits": summary}, b'{"hits":[\n{"score":1.0}\n]}')


def test_document_responses_are_parsed() -> None:
    document = Document(id="a", title="A", kind="page", body="all of it")
    written = msgspec.json.encode(document)
    assert parse_document(200, {}, written) == written
    assert isinstance(parse_document(404, {}, b""), NotFound)
    refused = parse_document(400, {}, b'{"error":{"message":"no"}}')
    assert isinstance(refused, InvalidInput)
    assert refused.message == "no"


def test_leaf_request_has_a_place_for_the_deadline() -> None:
    before, after = leaf_request(b"GET /search?q=a&n=10 HTTP/1.1", "00-a-b-00")
    assert before + b"250" + after == (
        b"GET /search?q=a&n=10 HTTP/1.1\r\nHost: leaf\r\ntraceparent: 00-a-b-00\r\nX-Deadline-Ms: 250\r\n\r\n"
    )
