"""Paths, listings and tokens of the metadata service."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from vmhost.metadata.instance_facts import InstanceFacts, is_user_data, look_up
from vmhost.metadata.metadata_server import is_valid, issue_token, parse_ttl

FACTS = InstanceFacts(
    instance_id="i-0a12",
    instance_type="t3.nano",
    image_id="ami-01",
    zone="us-east-1a",
    region="us-east-1",
    address="127.20.1.1",
    architecture="x86_64",
    reservation_id="r-01",
    launch_index=3,
    launched_at=1_700_000_000.0,
    account_id="000000000000",
    user_data=b"\x00\xffraw",
    tags={"Name": "one", "a/b c": "two"},
)
SECRET = b"s" * 32


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/latest/meta-data/instance-id", b"i-0a12"),
        ("/2021-03-23/meta-data/instance-id", b"i-0a12"),
        ("/latest/meta-data/ami-launch-index", b"3"),
        ("/latest/meta-data/placement/availability-zone", b"us-east-1a"),
        ("/latest/meta-data/placement/availability-zone/", b"us-east-1a"),
        ("/latest/meta-data/local-ipv4", b"127.20.1.1"),
        ("/latest/meta-data/tags/instance/Name", b"one"),
        ("/latest/meta-data/tags/instance/a%2Fb%20c", b"two"),
        ("/latest/user-data", b"\x00\xffraw"),
        ("/latest/", b"dynamic/\nmeta-data/\nuser-data"),
        ("/latest/meta-data/placement/", b"availability-zone\nregion"),
        ("/latest/meta-data/placement", b"availability-zone\nregion"),
        ("/latest/meta-data/tags/instance/", b"Name\na/b c"),
    ],
)
def test_path_returns_value_or_listing(path: str, value: bytes) -> None:
    assert look_up(FACTS, path) == value


def test_public_key_is_listed_with_its_name() -> None:
    facts = replace(FACTS, key_name="mine", public_key="ssh-ed25519 AAAA")
    assert look_up(facts, "/latest/meta-data/public-keys/") == b"0=mine"
    assert look_up(facts, "/latest/meta-data/public-keys/0/") == b"openssh-key"
    assert look_up(facts, "/latest/meta-data/public-keys/0/openssh-key") == b"ssh-ed25519 AAAA mine"
    assert b"public-keys/" in (look_up(facts, "/latest/meta-data/") or b"").splitlines()
    assert look_up(FACTS, "/latest/meta-data/public-keys/") is None


@pytest.mark.parametrize(
    "path",
    [
        "/latest/meta-data/public-hostname",
        "/latest/meta-data/instance-id/more",
        "/latest/meta-data/inst",
        "/1999-01-01/meta-data/instance-id",
        "/latest/../latest/user-data",
    ],
)
def test_other_paths_are_empty(path: str) -> None:
    assert look_up(FACTS, path) is None


def test_tag_with_empty_value_is_listed_and_empty() -> None:
    facts = replace(FACTS, tags={"flag": ""})
    assert look_up(facts, "/latest/meta-data/tags/instance/") == b"flag"
    assert look_up(facts, "/latest/meta-data/tags/instance/flag") == b""


def test_identity_document_has_the_address() -> None:
    document = json.loads(look_up(FACTS, "/latest/dynamic/instance-identity/document") or b"")
    assert (document["instanceId"], document["region"], document["privateIp"]) == ("i-0a12", "us-east-1", "127.20.1.1")
    assert document["pendingTime"] == "2023-11-14T22:13:20Z"


def test_only_user_data_is_binary() -> None:
    assert is_user_data("/latest/user-data")
    assert not is_user_data("/latest/meta-data/tags/instance/user-data")


def test_token_is_valid_for_its_instance_until_expiry() -> None:
    token = issue_token(SECRET, "i-1", expires_at=100.0)
    assert is_valid(SECRET, "i-1", token, now=99.9)
    assert not is_valid(SECRET, "i-1", token, now=100.0)
    assert not is_valid(SECRET, "i-2", token, now=1.0)
    assert not is_valid(b"other", "i-1", token, now=1.0)


@pytest.mark.parametrize("token", ["", "x", "é", "AAAA" * 20, "=" * 8])
def test_foreign_token_is_invalid(token: str) -> None:
    assert not is_valid(SECRET, "i-1", token, now=0.0)


@pytest.mark.parametrize(
    ("text", "ttl"), [("1", 1), ("21600", 21600), ("0", None), ("21601", None), ("-1", None), ("x", None), (None, None)]
)
def test_token_lifetime_limits(text: str | None, ttl: int | None) -> None:
    assert parse_ttl(text) == ttl
