"""Error responses in the format that the client's AWS service uses: EC2's, or that of a service that is not here. Pure.

Source: the protocols of botocore's service models. The request shows which one it uses.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from vmhost.base.errors import CloudError, Internal
from vmhost.base.sigv4 import scope_of
from vmhost.ec2.auth import SERVICE
from vmhost.ec2.encode import XML_DECLARATION, encode_error, escape

_REST_XML = frozenset({"s3", "s3express", "s3-object-lambda", "s3-outposts", "cloudfront", "route53"})
_FORM = "application/x-www-form-urlencoded"
_CBOR = "rpc-v2-cbor"
_CBOR_MAP, _CBOR_TEXT = 0xA0, 0x60
_CBOR_SHORT_MAX, _CBOR_ONE_BYTE, _CBOR_TWO_BYTES = 23, 24, 25
_STATUS_BY_KIND = {"unauthenticated": 401, "denied": 403, "no_capacity": 500, "unavailable": 503, "deadline": 503}
_STATUS_BY_CODE = {
    "DryRunOperation": 412,
    "RequestEntityTooLarge": 413,
    "InternalError": 500,
    "OperationNotPermitted": 400,
    "RequestExpired": 400,
    "SignatureDoesNotMatch": 403,
}


def http_status(error: CloudError) -> int:
    """Return EC2's HTTP status for the error."""
    default = 500 if isinstance(error, Internal) else 400
    return _STATUS_BY_CODE.get(error.code) or _STATUS_BY_KIND.get(error.kind, default)


def error_body(request_headers: Mapping[str, str], error: CloudError, request_id: str) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of the error for the client of the service in the request's signature.

    Names of the request's headers match in any case."""
    headers = {name.lower(): value for name, value in request_headers.items()}
    scope = scope_of(headers.get("authorization", ""))
    service = scope.service if scope else SERVICE
    if service == SERVICE:
        return _xml(encode_error(error.code, error.message, request_id))
    if service in _REST_XML:
        return _xml(_s3(error, request_id) if service.startswith("s3") else _query(error, request_id))
    if _CBOR in headers.get("smithy-protocol", ""):
        content = _cbor({"__type": error.code, "message": error.message})
        return content, {"Content-Type": "application/cbor", "Smithy-Protocol": _CBOR}
    if headers.get("content-type", "").startswith(_FORM):
        return _xml(_query(error, request_id))
    fields = {"__type": error.code, "code": error.code, "message": error.message}
    return msgspec.json.encode(fields), {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amzn-ErrorType": error.code,
        "X-Amzn-RequestId": request_id,
    }


def _xml(content: bytes) -> tuple[bytes, dict[str, str]]:
    return content, {"Content-Type": "text/xml; charset=utf-8"}


def _s3(error: CloudError, request_id: str) -> bytes:
    return f"{XML_DECLARATION}<Error>{_details(error)}<RequestId>{request_id}</RequestId></Error>".encode()


def _query(error: CloudError, request_id: str) -> bytes:
    inner = f"<Error><Type>Sender</Type>{_details(error)}</Error>"
    return f"{XML_DECLARATION}<ErrorResponse>{inner}<RequestId>{request_id}</RequestId></ErrorResponse>".encode()


def _details(error: CloudError) -> str:
    return f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"


def _cbor(texts: Mapping[str, str]) -> bytes:
    """Encode a map of fewer than 24 texts of up to 64 KiB each as CBOR (RFC 8949)."""
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
