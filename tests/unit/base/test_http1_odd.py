"""Every odd answer is read as it should be, however cut, with remembered heads or without, and as others read it."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.base.odd_answers import CHUNKED, CORPUS, OK, PLAIN, SMALL, Odd, Read
from tests.unit.base.other_readers import read_by_h11, read_by_httptools
from tests.unit.base.wire import Asked, cut, read, received
from vmhost.base.http1 import Failure
from vmhost.base.http_response import HeadCache, Response

_BOUNDED = "we bound what an answer may take"
_FRAMED = "a message framed in two ways is how requests are smuggled; llhttp refuses it"
_STRICT = "llhttp refuses what RFC 9112 lets a recipient forgive"
_LINES = "line breaks between answers are harmless; llhttp skips them"
_HEAD = "llhttp has no way to know that a response has no body; ours starts a new parser after it"

_OLD = "h11 ends every HTTP/1.0 connection"

UNLIKE_H11 = {
    "same length twice": _FRAMED,
    "same length as a list": _FRAMED,
    "length and chunked": _FRAMED,
    "chunked and length": _FRAMED,
    "chunk extension after a space": _STRICT,
    "space after a chunk size": _STRICT,
    "folded header": _STRICT,
    "bare line feeds": _STRICT,
    "one bare line feed": _STRICT,
    "bare line feed ends the head": _STRICT,
    "version 1.2": _STRICT,
    "version 2.0": "llhttp keeps only HTTP/1.1 alive unasked; h11 looks at no version but 1.0",
    "NUL in the reason": "the reason is not read",
    "gzip, chunked": "h11 knows no coding but chunked; the body is given as it came",
    "HTTP/1.0 kept alive": _OLD,
    "HEAD with keep-alive in 1.0": _OLD,
    "line break after the answer": _LINES,
    "line breaks before the answer": _LINES,
    "header just too long": _BOUNDED,
    "body too large, as declared": _BOUNDED,
    "body too large, in chunks": _BOUNDED,
    "body too large, without length": _BOUNDED,
}

_ONE_ANSWER = "the parser goes on to the next message; a request has one answer"
_STATUS = "the parser takes any three digits; RFC 9110 section 15 begins at 100"

UNLIKE_HTTPTOOLS = {
    "HEAD with a length": _HEAD,
    "HEAD with chunked": _HEAD,
    "HEAD with neither": _HEAD,
    "HEAD with keep-alive in 1.0": _HEAD,
    "HEAD with close": _HEAD,
    "HEAD in HTTP/1.0": _HEAD,
    "HEAD with a body all the same": _HEAD,
    "HEAD after 100": _HEAD,
    "two answers": _ONE_ANSWER,
    "two answers without body": _ONE_ANSWER,
    "longer by the beginning of an answer": _ONE_ANSWER,
    "status 099": _STATUS,
    "status 000": _STATUS,
    "too many headers": _BOUNDED,
    "header just too long": _BOUNDED,
    "header of 200 KiB": _BOUNDED,
    "header name of 200 KiB": _BOUNDED,
    "body too large, as declared": _BOUNDED,
    "body too large, in chunks": _BOUNDED,
    "body too large, without length": _BOUNDED,
}

every = pytest.mark.parametrize("odd", CORPUS.values(), ids=CORPUS)
every_small = pytest.mark.parametrize("odd", SMALL.values(), ids=SMALL)
smalls = st.sampled_from(list(SMALL.values()))


def accepted(reads: Read | Failure) -> Read | None:
    return reads if isinstance(reads, Read) else None


@every
def test_odd_response_is_parsed(odd: Odd) -> None:
    assert read(received(odd), head=odd.head) == odd.reads


@every_small
def test_parsing_is_independent_of_two_chunks(odd: Odd) -> None:
    bytewise = range(len(odd.wire))
    for places in chain([bytewise], ([place] for place in bytewise)):
        assert read(cut(odd.wire, places), head=odd.head) == odd.reads, places


@given(smalls, st.lists(st.integers(1, 1024), max_size=10))
def test_parsing_is_independent_of_chunks(odd: Odd, places: list[int]) -> None:
    assert read(cut(odd.wire, places), head=odd.head, heads=HeadCache()) == odd.reads


@pytest.mark.parametrize("name", [name for name in CORPUS if name not in SMALL])
@given(data=st.data())
def test_large_response_is_independent_of_chunks(name: str, data: st.DataObject) -> None:
    wire = CORPUS[name].wire
    places = data.draw(st.lists(st.integers(1, min(len(wire), 1 << 18)), max_size=5))
    received_places = range(0, len(wire), 1 << 16)
    assert read(cut(wire, [*places, *received_places])) == CORPUS[name].reads


@every
def test_parses_like_h11_except_known_differences(odd: Odd) -> None:
    differs = read_by_h11(received(odd), head=odd.head) != accepted(odd.reads)
    assert differs == (odd.name in UNLIKE_H11)


@every
def test_parses_like_a_new_parser_except_known_differences(odd: Odd) -> None:
    differs = read_by_httptools(received(odd)) != accepted(odd.reads)
    assert differs == (odd.name in UNLIKE_HTTPTOOLS)


def test_known_differences_name_existing_cases() -> None:
    assert CORPUS.keys() >= UNLIKE_H11.keys() | UNLIKE_HTTPTOOLS.keys()


# Remembered heads


def tell(end: Response | Failure) -> tuple[object, ...]:
    if isinstance(end, Failure):
        return (end,)
    return end.status, end.headers, end.body, end.keep_alive


def walk(answers: list[tuple[Odd, list[int]]], heads: HeadCache | None) -> list[tuple[object, ...]]:
    """All that answers one after the other say, on one connection as long as it lasts and then on the next."""
    told: list[tuple[object, ...]] = []
    asked = Asked(heads)
    for odd, places in answers:
        if not asked.connection.idle:
            asked.end()
            asked = Asked(heads)
        asked.send(head=odd.head)
        asked.receive(cut(odd.wire, places))
        if not asked.connection.idle:
            asked.end()
        told.append((*tell(asked.ends[-1]), len(asked.ends), asked.connection.open, asked.closed))
    return told


# The same head with another body, of the same length or not, is what a memo could get wrong.
same_heads = st.binary(max_size=6).map(
    lambda body: Odd(
        name="alike",
        wire=OK + b"Content-Length: 5\r\n\r\n" + body,
        reads=Read(status=200, body=body, reusable=True) if len(body) == 5 else Failure.CLOSED_EARLY,
    )
)


@given(st.lists(st.tuples(smalls | same_heads, st.lists(st.integers(1, 200), max_size=2)), max_size=20), st.data())
def test_head_cache_never_changes_results(answers: list[tuple[Odd, list[int]]], data: st.DataObject) -> None:
    again = data.draw(st.permutations([*answers, *((odd, []) for odd, _ in answers)]))
    assert walk(again, HeadCache()) == walk(again, None)


@every_small
def test_repeated_response_parses_the_same(odd: Odd) -> None:
    answers: list[tuple[Odd, list[int]]] = [(SMALL["plain"], []), (odd, []), (SMALL["plain"], []), (odd, []), (odd, [])]
    assert walk(answers, HeadCache()) == walk(answers, None)


def test_known_head_is_found() -> None:
    heads = HeadCache()
    for body in (b"hello", b"world", b"again"):
        wire = OK + b"Content-Length: 5\r\n\r\n" + body
        known = heads.find(wire)
        assert (known is None) == (body == b"hello")
        assert read([wire], heads=heads) == Read(status=200, body=body, reusable=True)


@pytest.mark.parametrize("place", range(1, len(PLAIN)))
def test_last_chunk_is_not_cached_as_a_response(place: int) -> None:
    heads = HeadCache()
    read(cut(PLAIN, [place]), heads=heads)
    assert read([PLAIN[place:]], heads=heads) == read([PLAIN[place:]])


# A caller may send its next request from within the callback


class AsksAgain(Asked):
    """Sends the next request from within the end of the one before, while the connection is open."""

    def _done(self, response: Response | None, failure: Failure | None) -> None:
        super()._done(response, failure)
        if self.connection.open:
            self.send()


@pytest.mark.parametrize("remembering", [False, True])
@pytest.mark.parametrize("more", [PLAIN, b"!", b"H", OK])
def test_extra_bytes_do_not_answer_the_next_request(more: bytes, remembering: bool) -> None:
    asked = AsksAgain(HeadCache() if remembering else None)
    asked.send()
    asked.receive([PLAIN, PLAIN + more])
    assert [end.body for end in asked.ends if isinstance(end, Response)] == [b"hello", b"hello"]
    assert asked.wire.closing
    assert asked.wire.sent.count(b"GET") == 2


@pytest.mark.parametrize("failure", [Failure.GARBAGE, Failure.TIMEOUT, Failure.RESET])
def test_failed_connection_accepts_no_request_in_callback(failure: Failure) -> None:
    asked = AsksAgain()
    asked.send()
    if failure is Failure.GARBAGE:
        asked.receive([b"what?"])
    elif failure is Failure.TIMEOUT:
        asked.connection.abort()
    else:
        asked.connection.close()
    asked.end()
    assert asked.ends == [failure]
    assert asked.closed == 1


class Refuses(Asked):
    """Fails when it is notified of an end."""

    def _done(self, response: Response | None, failure: Failure | None) -> None:
        super()._done(response, failure)
        raise LookupError("the caller's own")


@pytest.mark.parametrize("wire", [PLAIN, CHUNKED + b"0\r\n\r\n", b"what?"])
def test_callback_error_is_not_a_response_error(wire: bytes) -> None:
    asked = Refuses()
    asked.send()
    with pytest.raises(LookupError):
        asked.receive([wire])
    assert len(asked.ends) == 1


# At the wrong time


def test_response_before_a_request_closes_the_connection() -> None:
    asked = Asked()
    asked.receive([PLAIN])
    assert asked.wire.closing
    assert asked.closed == 1
    with pytest.raises(RuntimeError, match="not idle"):
        asked.send()


def test_second_response_closes_the_connection() -> None:
    asked = Asked(HeadCache())
    asked.send()
    asked.receive([PLAIN, PLAIN])
    assert len(asked.ends) == 1
    assert asked.wire.closing


@pytest.mark.parametrize("start", [b"", PLAIN[:20], PLAIN[:-1], OK + b"\r\nhello"])
def test_broken_connection_is_a_reset(start: bytes) -> None:
    asked = Asked()
    asked.send()
    asked.receive([start] if start else [])
    asked.end(ConnectionResetError())
    assert asked.ends == [Failure.RESET]


def test_trailers_are_not_headers() -> None:
    asked = Asked()
    asked.send()
    asked.receive([CHUNKED + b"5\r\nhello\r\n0\r\nServer-Timing: x\r\n\r\n"])
    (end,) = asked.ends
    assert isinstance(end, Response)
    assert end.headers == [(b"transfer-encoding", b"chunked")]


@pytest.mark.parametrize("heads", [None, HeadCache()])
@pytest.mark.parametrize(("received", "stale"), [(b"", True), (b"HTTP/1.1 2", False)])
def test_reused_connection_closed_early_is_stale(received: bytes, stale: bool, heads: HeadCache | None) -> None:
    asked = Asked(heads)
    for _ in range(2):
        asked.send()
        assert not asked.ends or asked.connection.went_stale
        asked.receive([PLAIN])
    asked.send()
    asked.receive([received] if received else [])
    asked.end(ConnectionResetError())
    assert asked.connection.went_stale is stale


def test_new_connection_closed_early_is_not_stale() -> None:
    fresh = Asked()
    fresh.send()
    fresh.end()
    assert not fresh.connection.went_stale
