"""Whatever bytes come: no exception, one end for each request, no connection kept after garbage, memory bounded."""

from __future__ import annotations

from itertools import count, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.base.odd_answers import CHUNKED, OK, SMALL, Odd, Read
from tests.unit.base.other_readers import read_by_h11
from tests.unit.base.wire import RECEIVED_BYTES, Asked, cut, read
from vmhost.base.http1 import MAX_BODY_BYTES, MAX_HEADERS_BYTES, Failure
from vmhost.base.http_response import HeadCache

# Bytes that mean something to a parser are worth more tries than others.
_TELLING = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b":",
    b";",
    b"0",
    b"-1",
    b"f",
    b"\xff",
    b"HTTP/1.1",
    b"HTTP/1.0 ",
    b"100",
]
_TELLING += [
    b"chunked",
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"\r\n\r\n",
]
snippets = st.sampled_from(_TELLING) | st.binary(max_size=4)
cuts = st.lists(st.integers(1, 300), max_size=6)


@st.composite
def mutated(draw: st.DrawFn) -> Odd:
    """An answer of the corpus with a few bytes taken out, put in or doubled."""
    odd = draw(st.sampled_from(list(SMALL.values())))
    wire = odd.wire
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(wire)))
        end = min(len(wire), begin + draw(st.integers(0, 12)))
        kind = draw(st.sampled_from(["replaced", "doubled", "put in"]))
        middle = wire[begin:end] * 2 if kind == "doubled" else draw(snippets)
        wire = wire[:begin] + middle + wire[begin if kind == "put in" else end :]
    return Odd(name=f"mutated {odd.name}", wire=wire, reads=odd.reads, head=odd.head)


@given(mutated(), cuts)
def test_mutated_response_is_independent_of_chunks(odd: Odd, places: list[int]) -> None:
    heads = HeadCache()
    whole = read(cut(odd.wire, []), head=odd.head, heads=heads)
    assert read(cut(odd.wire, []), head=odd.head, heads=heads) == whole
    assert read(cut(odd.wire, places), head=odd.head) == whole


@given(mutated())
def test_accepted_responses_agree_with_h11(odd: Odd) -> None:
    ours, theirs = read(cut(odd.wire, []), head=odd.head), read_by_h11(cut(odd.wire, []), head=odd.head)
    if isinstance(ours, Read) and theirs is not None:
        assert (ours.status, ours.body) == (theirs.status, theirs.body)


@given(st.lists(st.binary(min_size=1) | snippets.filter(bool), max_size=20))
def test_random_bytes_are_no_response(pieces: list[bytes]) -> None:
    asked = Asked(HeadCache())
    asked.send()
    asked.receive(pieces)
    asked.end()
    assert len(asked.ends) == asked.closed == 1


@given(st.lists(st.tuples(mutated(), cuts), max_size=8))
def test_connection_closes_after_garbage(answers: list[tuple[Odd, list[int]]]) -> None:
    asked = Asked(HeadCache())
    requests = 0
    for odd, places in answers:
        if not asked.connection.idle:
            break
        asked.send(head=odd.head)
        requests += 1
        asked.receive(cut(odd.wire, places))
        if Failure.GARBAGE in asked.ends or Failure.TOO_LARGE in asked.ends:
            assert asked.wire.closing
            assert not asked.connection.open
    asked.end()
    assert len(asked.ends) == requests
    assert asked.closed == 1


_PIECE = b"y" * RECEIVED_BYTES

ENDLESS = {
    "header value": (OK + b"X: ", _PIECE),
    "header name": (OK, _PIECE),
    "spaces before a value": (OK + b"X:", b" " * RECEIVED_BYTES),
    "headers": (OK, b"X: y\r\n" * 10_000),
    "reason": (b"HTTP/1.1 200 ", _PIECE),
    "line breaks": (b"", b"\r\n" * 30_000),
    "chunk extension": (CHUNKED + b"1;", _PIECE),
    "chunk size": (CHUNKED, b"0" * RECEIVED_BYTES),
    "trailer": (CHUNKED + b"0\r\nX: ", _PIECE),
    "headers of an announcement": (b"HTTP/1.1 103 Early Hints\r\n", b"X: y\r\n" * 10_000),
}
ENDLESS_BODY = {
    "trailers": (CHUNKED + b"0\r\n", b"X: y%s\r\n" % (b"y" * 1000) * 64),
    "body": (OK + b"\r\n", _PIECE),
    "chunks": (CHUNKED, b"ffff\r\n" + _PIECE[:65535] + b"\r\n"),
}


def taken_until_refused(begin: bytes, more: bytes) -> int:
    asked = Asked()
    asked.send()
    asked.receive([begin])
    for taken in count(len(begin), len(more)):
        if asked.ends:
            assert asked.ends == [Failure.TOO_LARGE]
            assert asked.wire.closing
            return taken
        assert taken < 2 * MAX_BODY_BYTES, "the connection takes whatever comes"
        asked.receive(repeat(more, 1))
    raise AssertionError


@pytest.mark.parametrize("name", ENDLESS)
def test_endless_head_is_refused(name: str) -> None:
    assert taken_until_refused(*ENDLESS[name]) <= 4 * MAX_HEADERS_BYTES


@pytest.mark.parametrize("name", ENDLESS_BODY)
def test_endless_body_is_refused_at_the_limit(name: str) -> None:
    assert taken_until_refused(*ENDLESS_BODY[name]) <= MAX_BODY_BYTES * 1.1
