"""Our SigV4 against botocore's, and against requests that were changed on the way."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given
from hypothesis import strategies as st

from vmhost.base.errors import Unauthenticated
from vmhost.base.sigv4 import Credentials, Unsigned, sign, verify

KEY = Credentials(access_key_id="AKIDEXAMPLE", secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()


def secret_of(key_id: str) -> str | None:
    return KEY.secret_access_key if key_id == KEY.access_key_id else None


def signed(url: str = "/?a=1&B=2", body: bytes = b"Action=DescribeInstances") -> Unsigned:
    plain = Unsigned(method="POST", url=url, headers={"Host": "127.0.0.1:4566", "X-Thing": "a  b"}, body=body)
    extra = sign(plain, KEY, region="us-east-1", service="ec2", now=NOW)
    return Unsigned(method="POST", url=url, headers={**plain.headers, **extra}, body=body)


@given(body=st.binary(max_size=200), query=st.dictionaries(st.text(max_size=5), st.text(max_size=8), max_size=4))
def test_own_signature_verifies(body: bytes, query: dict[str, str]) -> None:
    from urllib.parse import urlencode

    assert verify(signed("/path?" + urlencode(query).replace("+", "%20"), body), secret_of, now=NOW) == "AKIDEXAMPLE"


def test_botocore_signature_verifies() -> None:
    request = AWSRequest("POST", "http://127.0.0.1:4566/", data=b"Action=RunInstances&Version=2016-11-15")
    request.headers["Host"] = "127.0.0.1:4566"
    auth = SigV4Auth(BotoCredentials(KEY.access_key_id, KEY.secret_access_key), "ec2", "us-east-1")
    auth.add_auth(request)
    stamp = datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    arrived = Unsigned(method="POST", url="/", headers=dict(request.headers.items()), body=request.data)
    assert verify(arrived, secret_of, now=stamp) == KEY.access_key_id


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"body": b"Action=TerminateInstances"}, "SignatureDoesNotMatch"),
        ({"url": "/?a=1&B=3"}, "SignatureDoesNotMatch"),
        ({"method": "GET"}, "SignatureDoesNotMatch"),
        ({"headers": {}}, "MissingAuthenticationToken"),
        ({"headers": {"Authorization": "AWS4-HMAC-SHA256 nonsense", "X-Amz-Date": "x"}}, "IncompleteSignature"),
    ],
)
def test_changed_request_is_refused(change: dict[str, object], code: str) -> None:
    from dataclasses import replace

    with pytest.raises(Unauthenticated) as caught:
        verify(replace(signed(), **change), secret_of, now=NOW)  # type: ignore[arg-type]
    assert caught.value.code == code


def test_old_signature_has_expired() -> None:
    with pytest.raises(Unauthenticated) as caught:
        verify(signed(), secret_of, now=NOW + 16 * 60)
    assert caught.value.code == "RequestExpired"


def test_unknown_key_is_refused_without_secrets() -> None:
    with pytest.raises(Unauthenticated) as caught:
        verify(signed(), lambda _: None, now=NOW)
    assert caught.value.code == "AuthFailure"
    assert KEY.secret_access_key not in repr(KEY)
