"""A request and its response as text for people: bodies cut, secrets replaced. Pure.

Values of headers that may hold a secret are replaced: of a request all but those known to be harmless, of a response
those with a telling name. Of cookies the names stay. In bodies and URLs, values of fields with a telling name
(password, token, …) are replaced; anything else is shown.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from http import HTTPStatus

HIDDEN = "(hidden)"
BODY_MAX_CHARACTERS = 1000
HEADERS_MAX = 40
VALUE_MAX_CHARACTERS = 300
PLAIN_HEADERS = frozenset(
    {"accept", "accept-encoding", "accept-language", "connection", "content-encoding", "content-length",
     "content-type", "host", "origin", "traceparent", "user-agent"}
)  # fmt: skip
_TELLING = r"pass(?:w|phrase)|secret|token|csrf|xsrf|api[_-]?key|auth|credential|session|signature|jwt"
_TELLING_HEADER = re.compile(_TELLING, re.IGNORECASE)
# Starts at the beginning of a word, and no part is unbounded: a server must not be able to make the search slow.
_TELLING_FIELD = re.compile(
    rf'(?<![\w.\[\]-])("?[\w.\[\]-]{{0,40}}?(?:{_TELLING})[\w.\[\]-]{{0,40}}"?\s{{0,3}}[=:]\s{{0,3}})'
    r'("(?:[^"\\]|\\.)*"?|[^\s"&,;}<>]+)',
    re.IGNORECASE,
)
_TEXT_SHARE_MIN = 0.9

Headers = Iterable[tuple[str, str]]


def request_text(method: str, url: str, headers: Headers, body: bytes) -> str:
    """The request as it is sent, cut and without secrets."""
    return "\n".join([f"{method} {without_secrets(url)} HTTP/1.1", *_header_lines(headers, request=True), *_body(body)])


def raw_request_text(raw: bytes) -> str:
    """The same of a request's bytes."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, _, rest = first.partition(" ")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    return request_text(method, rest.rpartition(" ")[0], headers, body)


def response_text(status: int, headers: Headers, body: bytes) -> str:
    """The response as it came, cut and without secrets."""
    pairs = list(headers)
    encoding = next((value for name, value in pairs if name.lower() == "content-encoding"), "")
    return "\n".join(
        [f"HTTP/1.1 {status} {status_phrase(status)}".rstrip(), *_header_lines(pairs, request=False),
         *_body(_decoded(body, encoding))]
    )  # fmt: skip


def status_phrase(status: int) -> str:
    """The status in words; empty for one without a name."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def without_secrets(text: str) -> str:
    """The text with the values of fields such as `password=…` and `"token": "…"` replaced."""
    return _TELLING_FIELD.sub(lambda match: f"{match[1]}{HIDDEN}", text)


def header_value(name: str, value: str, *, request: bool) -> str:
    """The value as it may be shown."""
    name = name.lower()
    if name in ("cookie", "set-cookie"):
        return _cookies(value) if name == "cookie" else _set_cookie(value)
    secret = name not in PLAIN_HEADERS if request else _TELLING_HEADER.search(name) is not None
    return HIDDEN if secret else _cut(without_secrets(value), VALUE_MAX_CHARACTERS)


def _cookies(value: str) -> str:
    names = [part.partition("=")[0].strip() for part in value.split(";") if part.strip()]
    return _cut("; ".join(f"{name}={HIDDEN}" for name in names), VALUE_MAX_CHARACTERS)


def _set_cookie(value: str) -> str:
    first, semicolon, attributes = value.partition(";")
    return _cut(f"{first.partition('=')[0]}={HIDDEN}{semicolon}{attributes}", VALUE_MAX_CHARACTERS)


def _header_lines(headers: Headers, *, request: bool) -> list[str]:
    pairs = list(headers)
    lines = [f"{name}: {header_value(name, value, request=request)}" for name, value in pairs[:HEADERS_MAX]]
    return lines if len(pairs) <= HEADERS_MAX else [*lines, f"… and {len(pairs) - HEADERS_MAX} more headers"]


def _body(body: bytes) -> list[str]:
    if not body:
        return []
    # A character is at most four bytes long: more need not be looked at.
    text = body[: 4 * BODY_MAX_CHARACTERS].decode("utf-8", errors="replace")
    readable = sum(char.isprintable() or char in "\r\n\t" for char in text) - text.count("\N{REPLACEMENT CHARACTER}")
    if readable < _TEXT_SHARE_MIN * len(text):
        return ["", f"({len(body):,} bytes that are not text)"]
    shown = text[:BODY_MAX_CHARACTERS]
    lines = ["", *without_secrets(shown).replace("\r\n", "\n").expandtabs(4).rstrip("\n").split("\n")]
    if len(text) > len(shown) or len(body) > 4 * BODY_MAX_CHARACTERS:
        lines.append(f"… cut; the body has {len(body):,} bytes")
    return lines


def _decoded(body: bytes, encoding: str) -> bytes:
    """The beginning of a compressed body, decompressed; as it is where that cannot be done."""
    if encoding.lower() not in ("gzip", "x-gzip", "deflate"):
        return body
    try:
        return zlib.decompressobj(wbits=47).decompress(body, 5 * BODY_MAX_CHARACTERS)
    except zlib.error:
        return body


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
