"""Refusals to clients of AWS services that are not here, in the shape that each service's clients can read. Pure.

Source: the protocols of botocore's service models. A request shows which one it speaks; its model is not needed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from vmhost.base.errors import CloudError
from vmhost.ec2.codec.encode import escape

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_REST_XML = frozenset({"s3", "s3express", "s3-object-lambda", "s3-outposts", "cloudfront", "route53"})
_FORM = "application/x-www-form-urlencoded"
_CBOR = "rpc-v2-cbor"
_CBOR_MAP, _CBOR_TEXT = 0xA0, 0x60
_CBOR_SHORT_MAX, _CBOR_ONE_BYTE, _CBOR_TWO_BYTES = 23, 24, 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A response's body and headers."""

    body: bytes
    headers: Mapping[str, str]


def refusal_of(service: str, request_headers: Mapping[str, str], error: CloudError, request_id: str) -> Refusal:
    """The error for a client of the service (its name in the signature); header names are looked up in any case."""
    headers = {name.lower(): value for name, value in request_headers.items()}
    if service in _REST_XML:
        return _xml(_s3(error, request_id) if service.startswith("s3") else _query(error, request_id))
    if _CBOR in headers.get("smithy-protocol", ""):
        body = _cbor({"__type": error.code, "message": error.message})
        return Refusal(body=body, headers={"Content-Type": "application/cbor", "Smithy-Protocol": _CBOR})
    if headers.get("content-type", "").startswith(_FORM):
        return _xml(_query(error, request_id))
    fields = {"__type": error.code, "code": error.code, "message": error.message}
    return Refusal(
        body=json.dumps(fields).encode(),
        headers={
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amzn-ErrorType": error.code,
            "X-Amzn-RequestId": request_id,
        },
    )


def _xml(text: str) -> Refusal:
    return Refusal(body=(_DECLARATION + text).encode(), headers={"Content-Type": "text/xml; charset=utf-8"})


def _s3(error: CloudError, request_id: str) -> str:
    return f"<Error>{_words(error)}<RequestId>{request_id}</RequestId></Error>"


def _query(error: CloudError, request_id: str) -> str:
    inner = f"<Error><Type>Sender</Type>{_words(error)}</Error>"
    return f"<ErrorResponse>{inner}<RequestId>{request_id}</RequestId></ErrorResponse>"


def _words(error: CloudError) -> str:
    return f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"


def _cbor(texts: Mapping[str, str]) -> bytes:
    """A map of texts (fewer than 24 of them, each up to 64 KiB) as CBOR (RFC 8949)."""
    parts = [bytes([_CBOR_MAP | len(texts)])]
    for text in (part for pair in texts.items() for part in pair):
        data = text.encode(errors="replace")
        if len(data) <= _CBOR_SHORT_MAX:
            head = bytes([_CBOR_TEXT | len(data)])
        elif len(data) < 1 << 8:
            head = bytes([_CBOR_TEXT | _CBOR_ONE_BYTE, len(data)])
        else:
            head = bytes([_CBOR_TEXT | _CBOR_TWO_BYTES]) + len(data).to_bytes(2, "big")
        parts.append(head + data)
    return b"".join(parts)
