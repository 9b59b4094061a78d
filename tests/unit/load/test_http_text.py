"""Requests and responses as reports show them: bodies cut, secrets replaced."""

from __future__ import annotations

import gzip
import json
import time

import pytest

from client.load.http_text import raw_request_text, request_text, response_text, without_secrets


def test_a_request_is_shown_as_it_was_sent() -> None:
    raw = b"POST /notes?a=1 HTTP/1.1\r\nHost: shop.test\r\nContent-Type: text/plain\r\n\r\ntitle=glass\r\nmore"
    assert raw_request_text(raw).split("\n") == [
        "POST /notes?a=1 HTTP/1.1", "Host: shop.test", "Content-Type: text/plain", "", "title=glass", "more",
    ]  # fmt: skip


def test_header_values_of_a_request_are_hidden_unless_they_are_known_to_be_harmless() -> None:
    headers = [
        ("Host", "h"),
        ("Authorization", "Bearer hunter2"),
        ("X-Shop", "hunter2"),
        ("Cookie", "sid=hunter2; b=hunter2"),
    ]
    text = request_text("GET", "/", headers, b"")
    assert "hunter2" not in text
    assert "Cookie: sid=(hidden); b=(hidden)" in text
    assert "Authorization: (hidden)" in text
    assert "Host: h" in text


def test_of_a_response_the_telling_headers_are_hidden() -> None:
    headers = [("Set-Cookie", "sid=hunter2; Path=/; HttpOnly"), ("X-Auth-Token", "hunter2"), ("X-Cache", "miss")]
    text = response_text(302, headers, b"")
    assert text.startswith("HTTP/1.1 302 Found\n")
    assert "Set-Cookie: sid=(hidden); Path=/; HttpOnly" in text
    assert "X-Auth-Token: (hidden)" in text
    assert "X-Cache: miss" in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("name=ada&password=hunter2&go=1", "name=ada&password=(hidden)&go=1"),
        ('{"user": {"name": "ada", "accessToken": "hun\\"ter2"}, "n": 1}', '"name": "ada", "accessToken": (hidden)}'),
        ("/login?csrf_token=hunter2&next=/", "/login?csrf_token=(hidden)&next=/"),
        ('{"api_key":12345}', '{"api_key":(hidden)}'),
        ("the weather is fine: 12 degrees", "the weather is fine: 12 degrees"),
    ],
)  # fmt: skip
def test_fields_with_a_telling_name_are_hidden_in_bodies_and_urls(text: str, shown: str) -> None:
    assert shown in without_secrets(text)
    assert "hunter2" not in without_secrets(text)


def test_a_server_cannot_make_the_search_for_secrets_slow() -> None:
    began = time.process_time()
    for body in ("token" * 2000, '"' * 10_000, "a-" * 5000, "password=" * 1000, 'auth="' + "\\" * 9000):
        response_text(500, [], body.encode())
    assert time.process_time() - began < 0.5


def test_long_bodies_are_cut_and_others_described() -> None:
    text = response_text(500, [], b"x" * 5000)
    assert len(text) < 1200
    assert "5,000 bytes" in text
    assert response_text(200, [], bytes(range(256))).endswith("(256 bytes that are not text)")
    assert response_text(200, [], "Zoë 日本".encode()).endswith("Zoë 日本")


def test_a_compressed_body_is_shown_as_text() -> None:
    body = gzip.compress(json.dumps({"results": 1}).encode())
    assert response_text(200, [("Content-Encoding", "gzip")], body).endswith('{"results": 1}')
    bomb = gzip.compress(b"y" * 50_000_000)
    assert len(response_text(200, [("Content-Encoding", "gzip")], bomb)) < 1300
    assert "not text" in response_text(200, [("Content-Encoding", "gzip")], b"\x00\x01\x02\x03\xff\xfe")
