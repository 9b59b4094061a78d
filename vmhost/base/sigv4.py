"""AWS Signature Version 4 in the Authorization header: sign and verify requests.

Source: "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)", AWS General Reference.
Pure: the time comes from the caller. Messages contain no secrets. We verify by hand because no library does.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from vmhost.base.errors import Unauthenticated

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_SKEW_S = 15 * 60
_CREDENTIAL = r"Credential=([!-+\--.0-~]+)/(\d{8})/([!-+\--.0-~]+)/([!-+\--.0-~]+)/aws4_request"
_SCOPE = re.compile(r"[\s,]" + _CREDENTIAL)
_AUTHORIZATION = re.compile(
    ALGORITHM + r"\s+" + _CREDENTIAL + r"\s*,\s*SignedHeaders=([!-+\--~]+)\s*,\s*Signature=([0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An access key; the secret never shows in a repr."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsigned:
    """A request as sent, without its signature. Header names in any case."""

    method: str
    url: str
    """Path and query as sent, or a complete URL; the headers must include Host either way."""
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The region and the service that a request was signed for, such as us-east-1 and ec2."""

    region: str
    service: str


def scope_of(authorization: str) -> Scope | None:
    """Return the scope in an Authorization header, or None. It is not verified."""
    match = _SCOPE.search(authorization)
    return Scope(region=match[3], service=match[4]) if match else None


def sign(request: Unsigned, credentials: Credentials, *, region: str, service: str, now: float) -> dict[str, str]:
    """Return the headers to add to the request (X-Amz-Date and Authorization); `now` in epoch seconds."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {name.lower(): value for name, value in request.headers.items()} | {"x-amz-date": stamp}
    signed = sorted(headers)
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    signature = _signature(request, headers, signed, stamp, scope, credentials.secret_access_key)
    return {
        "X-Amz-Date": stamp,
        "Authorization": f"{ALGORITHM} Credential={credentials.access_key_id}/{scope}, "
        f"SignedHeaders={';'.join(signed)}, Signature={signature}",
    }


def verify(request: Unsigned, secret_of: Callable[[str], str | None], *, now: float) -> str:
    """Verify the signature and return the access key id.

    Raises Unauthenticated with EC2's codes: MissingAuthenticationToken, IncompleteSignature, AuthFailure (also if the
    body is not signed or headers are not UTF-8), SignatureDoesNotMatch, RequestExpired (more than 15 minutes off)."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    authorization = headers.get("authorization", "")
    if not authorization:
        raise Unauthenticated(
            "the request has no Authorization header; sign it with AWS4-HMAC-SHA256",
            code="MissingAuthenticationToken",
        )
    match = _AUTHORIZATION.fullmatch(authorization.strip())
    stamp = headers.get("x-amz-date", "")
    if match is None or not re.fullmatch(r"\d{8}T\d{6}Z", stamp):
        raise Unauthenticated(
            "the Authorization or X-Amz-Date header is malformed; send AWS4-HMAC-SHA256 with Credential, SignedHeaders "
            "and Signature",
            code="IncompleteSignature",
        )
    key_id, day, region, service, names, signature = match.groups()
    signed = names.split(";")
    _check_encodable(headers, signed)
    if "host" not in signed or "x-amz-date" not in signed or any(name not in headers for name in signed):
        raise Unauthenticated(
            "the signature must cover host and x-amz-date, and no header that is missing", code="IncompleteSignature"
        )
    secret = secret_of(key_id)
    if secret is None:
        raise Unauthenticated(f"unknown access key {key_id[:24]}; `glasscloud env` prints the right one")
    scope = f"{day}/{region}/{service}/aws4_request"
    expected = _signature(request, headers, signed, stamp, scope, secret)
    if stamp[:8] != day or not hmac.compare_digest(expected, signature):
        raise Unauthenticated(
            "the signature does not match the request as it arrived; check the secret access key",
            code="SignatureDoesNotMatch",
        )
    _check_time(stamp, now)
    return key_id


def _check_encodable(headers: Mapping[str, str], signed: list[str]) -> None:
    for name in signed:
        if any("\ud800" <= character <= "\udfff" for character in headers.get(name, "")):
            raise Unauthenticated(f"the signed header {name} is not UTF-8; send it as UTF-8")
    if headers.get("x-amz-content-sha256") == "UNSIGNED-PAYLOAD":
        raise Unauthenticated("the signature must cover the body too; UNSIGNED-PAYLOAD is not supported")


def _check_time(stamp: str, now: float) -> None:
    try:
        sent = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise Unauthenticated(f"X-Amz-Date {stamp} is not a date", code="IncompleteSignature") from None
    if abs(now - sent) > MAX_SKEW_S:
        raise Unauthenticated(
            f"the request was signed at {stamp}, {abs(now - sent):.0f} s off this clock; the limit is {MAX_SKEW_S} s",
            code="RequestExpired",
        )


def _signature(
    request: Unsigned, headers: Mapping[str, str], signed: list[str], stamp: str, scope: str, secret: str
) -> str:
    parts = urlsplit(request.url)
    canonical = "\n".join(
        [
            request.method,
            quote(parts.path or "/", safe="/-_.~%"),
            _canonical_query(parts.query),
            *(f"{name}:{' '.join(headers[name].split())}" for name in signed),
            "",
            ";".join(signed),
            hashlib.sha256(request.body).hexdigest(),
        ]
    )
    text = "\n".join([ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    return hmac.new(key, text.encode(), "sha256").hexdigest()


def _canonical_query(query: str) -> str:
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    return "&".join(f"{name}={value}" for name, _, value in sorted((_encode(n), s, _encode(v)) for n, s, v in pairs))


def _encode(part: str) -> str:
    return quote(part, safe="-_.~%")
