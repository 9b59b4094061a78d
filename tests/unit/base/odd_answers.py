"""Odd answers to one request, by name, and how each must be read. After the last byte the server closes."""

from __future__ import annotations

from dataclasses import dataclass

from vmhost.base.http1 import MAX_BODY_BYTES, MAX_HEADERS_BYTES, Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What came of a request. `reusable`: the connection could carry another request before the server closed it."""

    status: int
    body: bytes
    reusable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    """The bytes of an answer (to HEAD, if `head`) and what they are: an answer or a failure."""

    name: str
    wire: bytes
    reads: Read | Failure
    head: bool = False

    @property
    def small(self) -> bool:
        """Small enough to try every way to cut it."""
        return len(self.wire) <= 1024


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
PLAIN = OK + b"Content-Length: 5\r\n\r\nhello"
_MEGABYTE = b"x" * 1024 * 1024


def _good(name: str, wire: bytes, body: bytes = b"hello", status: int = 200, *, head: bool = False) -> Odd:
    return Odd(name=name, wire=wire, reads=Read(status=status, body=body, reusable=True), head=head)


def _last(name: str, wire: bytes, body: bytes = b"hello", status: int = 200, *, head: bool = False) -> Odd:
    return Odd(name=name, wire=wire, reads=Read(status=status, body=body, reusable=False), head=head)


def _bad(name: str, wire: bytes, failure: Failure = Failure.GARBAGE) -> Odd:
    return Odd(name=name, wire=wire, reads=failure)


def _length(value: bytes) -> bytes:
    return OK + b"Content-Length: " + value + b"\r\n\r\nhello"


def _status(code: bytes) -> bytes:
    return b"HTTP/1.1 " + code + b" Odd\r\nContent-Length: 5\r\n\r\nhello"


def _head(*lines: bytes) -> bytes:
    return OK + b"".join(line + b"\r\n" for line in lines) + b"Content-Length: 5\r\n\r\nhello"


_LENGTHS = [
    _good("plain", PLAIN),
    _good("empty body", OK + b"Content-Length: 0\r\n\r\n", b""),
    _good("length with leading zeros", _length(b"0005")),
    _good("length with spaces round it", _length(b"  5 ")),
    _good("body that looks like the end of a head", OK + b"Content-Length: 4\r\n\r\n\r\n\r\n", b"\r\n\r\n"),
    _bad("negative length", _length(b"-5")),
    _bad("length with a plus", _length(b"+5")),
    _bad("length in hexadecimal", _length(b"0x5")),
    _bad("length that is no number", _length(b"five")),
    _bad("empty length", _length(b"")),
    _bad("length beyond 64 bits", _length(b"9" * 30)),
    _bad("same length twice", _head(b"Content-Length: 5")),
    _bad("same length as a list", _length(b"5, 5")),
    _bad("two lengths that contradict", _head(b"Content-Length: 6")),
    _bad("length and chunked", OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    _bad("chunked and length", OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
    _last("no length", OK + b"\r\nhello"),
    _last("no length and no body", OK + b"\r\n", b""),
]

_CHUNKS = [
    _good("chunks", CHUNKED + b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"),
    _good("no chunks", CHUNKED + b"0\r\n\r\n", b""),
    _good("chunk size in upper case", CHUNKED + b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    _good("chunk size in lower case", CHUNKED + b"a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    _good("chunk sizes with leading zeros", CHUNKED + b"005\r\nhello\r\n000\r\n\r\n"),
    _good("chunk extensions", CHUNKED + b'5;a=b;c="d e"\r\nhello\r\n0;last\r\n\r\n'),
    _good("trailers", CHUNKED + b"5\r\nhello\r\n0\r\nX: y\r\nZ: a\r\n\r\n"),
    _good(
        "trailer after a body longer than a head",
        CHUNKED + b"11170\r\n" + b"x" * 70_000 + b"\r\n0\r\nX: y\r\n\r\n",
        b"x" * 70_000,
    ),
    _bad("chunk extension after a space", CHUNKED + b"5; a=b\r\nhello\r\n0\r\n\r\n"),
    _bad("space after a chunk size", CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n"),
    _bad("negative chunk size", CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n"),
    _bad("chunk size beyond 64 bits", CHUNKED + b"f" * 20 + b"\r\nhello"),
    _bad("chunk longer than its size", CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n"),
    _bad("chunk shorter than its size", CHUNKED + b"6\r\nhello\r\n0\r\n\r\n"),
    _bad("chunks with bare line feeds", CHUNKED + b"5\nhello\n0\n\n"),
    _bad("no chunk size", CHUNKED + b"\r\nhello\r\n0\r\n\r\n"),
    _good("gzip, chunked", OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    _bad("gzip without chunks", OK + b"Transfer-Encoding: gzip\r\n\r\nhello", Failure.CLOSED_EARLY),
    _good("chunked in capitals", OK + b"TRANSFER-ENCODING: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    _last("chunked in HTTP/1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
]

_WITHOUT_BODY = [
    _good("100 before the answer", b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN),
    _good("103 with headers, twice", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 2 + PLAIN),
    _good("102 that announces a body", b"HTTP/1.1 102 Processing\r\nContent-Length: 5\r\n\r\n" + PLAIN),
    _bad("only 100", b"HTTP/1.1 100 Continue\r\n\r\n", Failure.CLOSED_EARLY),
    _bad("101", b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nother protocol"),
    _bad("101 without headers", b"HTTP/1.1 101 Switching\r\n\r\n" + PLAIN),
    _good("200 with Upgrade", _head(b"Upgrade: x", b"Connection: upgrade")),
    _good("204", b"HTTP/1.1 204 No Content\r\n\r\n", b"", 204),
    _good("204 with a length", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", b"", 204),
    _good("204 with chunked", b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", b"", 204),
    _last("204 with a body", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", b"", 204),
    _good("304 with a length", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b"", 304),
    _good("HEAD with a length", OK + b"Content-Length: 5\r\n\r\n", b"", head=True),
    _good("HEAD with chunked", CHUNKED, b"", head=True),
    _good("HEAD with neither", OK + b"\r\n", b"", head=True),
    _good("HEAD with keep-alive in 1.0", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", b"", head=True),
    _last("HEAD with close", OK + b"connection: x, CLOSE\r\nContent-Length: 5\r\n\r\n", b"", head=True),
    _last("HEAD in HTTP/1.0", b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", b"", head=True),
    _last("HEAD with a body all the same", PLAIN, b"", head=True),
    _good("HEAD after 100", b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 5\r\n\r\n", b"", head=True),
]

_ENDS = [
    _last("HTTP/1.0", b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    _good("HTTP/1.0 kept alive", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello"),
    _last("HTTP/1.0 without length", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nhello"),
    _last("close", _head(b"Connection: close")),
    _last("Close in a list", _head(b"Connection: x, Close")),
    _last("close, then more", _head(b"Connection: close") + PLAIN),
    _last("two answers", PLAIN + PLAIN),
    _last("two answers without body", (OK + b"Content-Length: 0\r\n\r\n") * 2, b""),
    _last("longer than its length", PLAIN + b"!"),
    _last("longer by the beginning of an answer", PLAIN + b"H"),
    _good("line break after the answer", PLAIN + b"\r\n"),
    _good("line breaks before the answer", b"\r\n\r\n" + PLAIN),
    _bad("nothing", b"", Failure.CLOSED_EARLY),
    _bad("ends in the status line", OK[:9], Failure.CLOSED_EARLY),
    _bad("ends in the head", PLAIN[:30], Failure.CLOSED_EARLY),
    _bad("ends in the body", PLAIN[:-1], Failure.CLOSED_EARLY),
    _bad("ends in a chunk", CHUNKED + b"5\r\nhel", Failure.CLOSED_EARLY),
    _bad("ends before the last chunk", CHUNKED + b"5\r\nhello\r\n", Failure.CLOSED_EARLY),
    _bad("ends in the trailers", CHUNKED + b"5\r\nhello\r\n0\r\nX: y", Failure.CLOSED_EARLY),
]

_HEADS = [
    _good("no reason", b"HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello"),
    _good("no space after the status", b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello"),
    _good("empty headers", _head(b"X:", b"Y: ", b"Z:z")),
    _good("bytes beyond ASCII", _head(b"X: \xff\xc3\xa4")),
    _good("status 600", _status(b"600"), status=600),
    _good("status 999", _status(b"999"), status=999),
    _bad("status 099", _status(b"099")),
    _bad("status 000", _status(b"000")),
    _bad("status 99", _status(b"99")),
    _bad("status 1000", _status(b"1000")),
    _bad("status abc", _status(b"abc")),
    _bad("two spaces before the status", _status(b" 200")),
    _bad("lower-case version", b"http/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    _bad("version 1.2", b"HTTP/1.2 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    _last("version 2.0", b"HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    _last("version 0.9", b"HTTP/0.9 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    _bad("folded header", _head(b"X: a", b" b", b"\tc")),
    _bad("folded first header", _head(b" X: a")),
    _bad("bare line feeds", PLAIN.replace(b"\r\n", b"\n")),
    _bad("one bare line feed", PLAIN.replace(b"5\r\n", b"5\n")),
    _bad("bare line feed ends the head", PLAIN.replace(b"\r\n\r\n", b"\r\n\n")),
    _bad("bare carriage return", _head(b"X: a\rb")),
    _bad("header without colon", _head(b"nothing")),
    _bad("space before the colon", _head(b"X : y")),
    _bad("header without name", _head(b": y")),
    _bad("NUL in a header", _head(b"X: a\0b")),
    _bad("NUL in a name", _head(b"X\0: a")),
    _good("NUL in the reason", b"HTTP/1.1 200 O\0K\r\nContent-Length: 5\r\n\r\nhello"),
    _good("NUL in the body", OK + b"Content-Length: 5\r\n\r\nh\0l\0o", b"h\0l\0o"),
    _bad("NUL bytes", b"\0" * 100),
    _bad("garbage", b"\x16\x03\x01\xff\xfe what?\r\n\r\n"),
    _bad("SSH banner", b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
    _bad("a request", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    _bad("only a body", b"hello"),
]

_LARGE = [
    _good("many headers", _head(*(b"X-%d: y" % number for number in range(2000)))),
    _bad("too many headers", _head(*(b"X-%d: y" % number for number in range(20_000))), Failure.TOO_LARGE),
    _good("header just small enough", _head(b"X: " + b"y" * (MAX_HEADERS_BYTES - 1 - len(b"Content-Length5")))),
    _bad(
        "header just too long", _head(b"X: " + b"y" * (MAX_HEADERS_BYTES - len(b"Content-Length5"))), Failure.TOO_LARGE
    ),
    _bad("header of 200 KiB", _head(b"X: " + b"y" * 200 * 1024), Failure.TOO_LARGE),
    _bad("header name of 200 KiB", _head(b"X" * 200 * 1024 + b": y"), Failure.TOO_LARGE),
    _good("largest body", OK + b"Content-Length: %d\r\n\r\n" % MAX_BODY_BYTES + 16 * _MEGABYTE, 16 * _MEGABYTE),
    _bad(
        "body too large, as declared",
        OK + b"Content-Length: %d\r\n\r\n" % (17 << 20) + 17 * _MEGABYTE,
        Failure.TOO_LARGE,
    ),
    _bad(
        "body too large, in chunks",
        CHUNKED + (b"100000\r\n" + _MEGABYTE + b"\r\n") * 17 + b"0\r\n\r\n",
        Failure.TOO_LARGE,
    ),
    _bad("body too large, without length", OK + b"\r\n" + 17 * _MEGABYTE, Failure.TOO_LARGE),
    _bad(
        "large body that ends early", OK + b"Content-Length: %d\r\n\r\n" % (1 << 40) + _MEGABYTE, Failure.CLOSED_EARLY
    ),
]

CORPUS = {odd.name: odd for odd in [*_LENGTHS, *_CHUNKS, *_WITHOUT_BODY, *_ENDS, *_HEADS, *_LARGE]}
SMALL = {name: odd for name, odd in CORPUS.items() if odd.small}
