"""Access rules: host names, web pages and signatures."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from tests.fakes import ManualClock
from vmhost.base.errors import Denied, Unauthenticated
from vmhost.base.sigv4 import Credentials, Unsigned, sign
from vmhost.ec2.auth import Auth, is_loopback

KEY = Credentials(access_key_id="AKIDEXAMPLE", secret_access_key="a-secret")
CLOCK = ManualClock()
SIGNED = Auth(credentials=KEY, allowed_hosts=frozenset({"vmhost"}), clock=CLOCK)
OPEN = Auth(credentials=KEY, open=True, clock=CLOCK)
HEADER = {"authorization": "AWS4-HMAC-SHA256 Credential=anything"}


@pytest.mark.parametrize("host", ["localhost", "localhost:4566", "127.0.0.1:4566", "[::1]:4566", "VMHOST:80", "vmhost"])
def test_loopback_and_configured_names_are_served(host: str) -> None:
    SIGNED.check_caller("POST", CIMultiDict({"host": host}))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": ""},
        {"host": "evil.example"},
        {"host": "localhost.evil.example"},
        {"host": "localhost@evil.example"},
        {"host": "localhost,evil.example"},
        {"host": "127.0.0.2"},
        {"host": "localhost", "origin": "http://evil.example"},
        {"host": "localhost:4566", "origin": "http://localhost:8000"},
        {"host": "localhost", "origin": "null"},
        {"host": "localhost", "origin": ""},
        {"host": "localhost", "origin": "http://["},
        {"host": "localhost", "sec-fetch-site": "cross-site"},
        {"host": "localhost", "sec-fetch-site": "same-site"},
    ],
)
def test_foreign_names_and_pages_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Denied):
        SIGNED.check_caller("GET", CIMultiDict(headers))


def test_own_page_is_accepted() -> None:
    headers = {"host": "localhost:4566", "origin": "http://localhost:4566", "sec-fetch-site": "same-origin"}
    SIGNED.check_caller("POST", CIMultiDict(headers))


def request(headers: dict[str, str]) -> Unsigned:
    return Unsigned(method="POST", url="/", headers=headers, body=b"Action=DescribeInstances")


def test_only_valid_signatures_are_accepted() -> None:
    plain = request({"host": "localhost"})
    for key, code in (
        (KEY, ""),
        (Credentials(access_key_id=KEY.access_key_id, secret_access_key="x"), "SignatureDoesNotMatch"),
    ):
        headers = sign(plain, key, region="us-east-1", service="ec2", now=CLOCK.now())
        signed = request({"host": "localhost"} | {name.lower(): value for name, value in headers.items()})
        if not code:
            assert SIGNED.check_signature(signed, "127.0.0.1") == KEY.access_key_id
            continue
        with pytest.raises(Unauthenticated) as caught:
            SIGNED.check_signature(signed, "127.0.0.1")
        assert caught.value.code == code
    with pytest.raises(Unauthenticated):
        SIGNED.check_signature(request(HEADER), "127.0.0.1")


def test_open_endpoint_accepts_any_local_signature() -> None:
    assert OPEN.check_signature(request(HEADER), "127.0.0.1")
    assert OPEN.check_signature(request(HEADER), "::1")
    for headers, peer in (
        ({}, "127.0.0.1"),
        ({"authorization": "Basic x"}, "::1"),
        (HEADER, "192.0.2.7"),
        (HEADER, None),
    ):
        with pytest.raises(Unauthenticated):
            OPEN.check_signature(request(headers), peer)


@pytest.mark.parametrize(("peer", "local"), [("127.8.9.1", True), ("::1", True), ("198.18.0.2", False), ("", False)])
def test_loopback_addresses(peer: str, local: bool) -> None:
    assert is_loopback(peer) is local
