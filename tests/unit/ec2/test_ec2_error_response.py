"""Errors have the exact shape of the service that the request was signed for: some clients read no other."""

from __future__ import annotations

import json

import pytest

from vmhost.base.errors import (
    CloudError,
    Conflict,
    Denied,
    Internal,
    InvalidInput,
    NoCapacity,
    Unavailable,
    Unsupported,
)
from vmhost.ec2.error_response import error_body, http_status

ERROR = Unsupported("no <buckets>")
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
DETAILS = "<Code>UnsupportedOperation</Code><Message>no &lt;buckets&gt;</Message>"
QUERY = (
    f"{DECLARATION}<ErrorResponse><Error><Type>Sender</Type>{DETAILS}</Error><RequestId>r-1</RequestId></ErrorResponse>"
)
S3 = f"{DECLARATION}<Error>{DETAILS}<RequestId>r-1</RequestId></Error>"
EC2 = f"{DECLARATION}<Response><Errors><Error>{DETAILS}</Error></Errors><RequestID>r-1</RequestID></Response>"
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


def refused(service: str, message: str = "", **headers: str) -> tuple[bytes, dict[str, str]]:
    scope = f"AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host"
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    return error_body({"Authorization": scope, **named}, Unsupported(message) if message else ERROR, "r-1")


@pytest.mark.parametrize(
    ("service", "headers", "body"),
    [
        ("ec2", FORM, EC2),
        ("s3", {}, S3),
        ("s3express", {}, S3),
        ("route53", {}, QUERY),
        ("cloudfront", {}, QUERY),
        ("sts", FORM, QUERY),
        ("iam", FORM, QUERY),
    ],
)
def test_xml_services_get_their_own_xml(service: str, headers: dict[str, str], body: str) -> None:
    content, sent = refused(service, **headers)
    assert content.decode() == body
    assert sent == {"Content-Type": "text/xml; charset=utf-8"}


def test_json_services_get_code_and_header() -> None:
    content, sent = refused("dynamodb", content_type="application/x-amz-json-1.0")
    expected = {"__type": "UnsupportedOperation", "code": "UnsupportedOperation", "message": "no <buckets>"}
    assert json.loads(content) == expected
    assert sent == {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amzn-ErrorType": "UnsupportedOperation",
        "X-Amzn-RequestId": "r-1",
    }


@pytest.mark.parametrize(
    ("message", "head"),
    [("no <buckets>", b"\x6c"), ("x" * 23, b"\x77"), ("x" * 24, b"\x78\x18"), ("x" * 300, b"\x79\x01\x2c")],
)
def test_cbor_services_get_a_map_of_texts(message: str, head: bytes) -> None:
    content, sent = refused("monitoring", message, smithy_protocol="rpc-v2-cbor")
    assert content == b"\xa2\x66__type\x74UnsupportedOperation\x67message" + head + message.encode()
    assert sent == {"Content-Type": "application/cbor", "Smithy-Protocol": "rpc-v2-cbor"}


def test_characters_that_xml_forbids_are_replaced() -> None:
    content, _ = refused("ec2", "a\x00b\x1fc\ufffe")
    assert b"<Message>a\xef\xbf\xbdb\xef\xbf\xbdc\xef\xbf\xbd</Message>" in content


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidInput("no"), 400),
        (Conflict("no"), 400),
        (Denied("no"), 403),
        (Denied("it would work", code="DryRunOperation"), 412),
        (Denied("it is protected", code="OperationNotPermitted"), 400),
        (InvalidInput("no", code="RequestEntityTooLarge"), 413),
        (NoCapacity("no"), 500),
        (Internal("no"), 500),
        (Unavailable("no"), 503),
    ],
)
def test_status_is_the_one_of_ec2(error: CloudError, status: int) -> None:
    assert http_status(error) == status
