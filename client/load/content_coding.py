"""Undoing the compression of a response's body (RFC 9110 section 8.4). Pure."""

from __future__ import annotations

import zlib

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
