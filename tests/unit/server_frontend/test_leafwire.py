"""What leaves say: understood where it makes sense, ValueError for all else, and written again without being read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.api.results import Document, Hit
from server.frontend.leafwire import Absent, Refused, read_document, read_search, request, write_search
from server.frontend.merge import Found, merge

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
    """As a leaf writes it."""
    lines = ",\n".join(json.dumps(hit.to_json()) for hit in hits)
    summary = " ".join([str(len(hits)), *[str(hit.score) for hit in hits]])
    between = f"{lines}\n" if hits else ""
    body = f'{{"query":"q","total":{len(hits)},"hits":[\n{between}]}}'
    return {b"x-hits": summary.encode()}, body.encode()


@given(_hits, st.text(max_size=20))
def test_hits_on_lines_and_hits_as_plain_json_give_the_same_answer(hits: list[Hit], query: str) -> None:
    headers, body = leaf_answer(hits)
    by_line, plain = read_search(200, headers, body), read_search(200, {}, body)
    assert isinstance(by_line, Found)
    assert isinstance(plain, Found)
    written = [json.loads(write_search(query, merge([found, None], count=10), 1.5)) for found in (by_line, plain)]
    assert written[0] == written[1]
    assert written[0]["total"] == len(hits)
    assert written[0]["partial"] is True
    assert [each["score"] for each in written[0]["hits"]] == sorted((hit.score for hit in hits), reverse=True)[:10]


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_garbage_is_a_value_error_or_an_answer_that_makes_sense(summary: bytes, body: bytes) -> None:
    for headers in ({b"x-hits": summary}, {}):
        for status in (200, 400, 404, 500):
            try:
                found = read_search(status, headers, body)
            except ValueError:
                continue
            assert isinstance(found, Found | Refused)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"total":1}', b'{"total":true,"hits":[]}', b'{"total":1,"hits":[1]}',
     b'{"total":1,"hits":[{"score":"1"}]}', b'{"total":-0.5,"hits":[]}', b"\xff"],
)  # fmt: skip
def test_json_that_is_no_answer_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (the message is for nobody: another replica is asked)
        read_search(200, {}, body)


@pytest.mark.parametrize("summary", [b"", b"x", b"1 1.0 2.0", b"1 one", b"-1 1.0"])
def test_a_summary_that_does_not_fit_the_lines_is_refused(summary: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        read_search(200, {b"x-hits": summary}, b'{"hits":[\n{"score":1.0}\n]}')


def test_a_document_is_read_and_its_absence_too() -> None:
    document = Document(id="a", title="A", kind="page", body="all of it")
    assert read_document(200, {}, json.dumps(document.to_json()).encode()) == document.to_json()
    assert isinstance(read_document(404, {}, b""), Absent)
    refused = read_document(400, {}, b'{"error":{"message":"no"}}')
    assert isinstance(refused, Refused)
    assert refused.message == "no"


def test_a_request_leaves_room_for_the_time_that_is_left() -> None:
    before, after = request(b"GET /search?q=a&n=10 HTTP/1.1", "00-a-b-00")
    assert before + b"250" + after == (
        b"GET /search?q=a&n=10 HTTP/1.1\r\nHost: leaf\r\ntraceparent: 00-a-b-00\r\nX-Deadline-Ms: 250\r\n\r\n"
    )
