"""Which requests are accepted: host name, origin and key. The key's file is private, and it is never shown."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from client.console.request_guard import POLICY, ConsoleKey, RequestGuard, cookie_name, same_secret
from vmhost.base.errors import Denied, InvalidInput, Unauthenticated

KEY = ConsoleKey.create()
GUARD = RequestGuard(KEY)
JSON = {"Content-Type": "application/json"}


def request(headers: Mapping[str, str], method: str = "GET", host: str = "127.0.0.1:8080") -> web.Request:
    return make_mocked_request(method, "/", headers={"Host": host, **headers})


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "localhost", "LOCALHOST:1", "127.0.0.1."]
)
def test_own_host_names_accepted_with_any_port(host: str) -> None:
    GUARD.check(request({}, host=host))


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example:8080",
        "",
        "192.168.1.7:8080",
        "[::1",
        "a@127.0.0.1@b",
        "evil@localhost",
        "localhost/x",
    ],
)
def test_foreign_host_names_refused(host: str) -> None:
    with pytest.raises(Denied, match="host"):
        GUARD.check(request({}, host=host))


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:8000", "http://localhost:8080"])
def test_another_origin_is_refused_for_reading_and_acting(origin: str) -> None:
    for method in ("GET", "POST"):
        with pytest.raises(Denied, match="another site"):
            GUARD.check(request({"Origin": origin, **JSON}, method))


def test_our_own_page_is_let_in() -> None:
    GUARD.check(request({"Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "same-origin", **JSON}, "POST"))


def test_cross_site_refused_except_followed_links() -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}
    GUARD.check(request({**foreign, "Sec-Fetch-Mode": "navigate"}))
    for headers, method in ((foreign, "GET"), ({**foreign, "Sec-Fetch-Mode": "navigate", **JSON}, "POST")):
        with pytest.raises(Denied):
            GUARD.check(request(headers, method))


def test_form_content_types_refused() -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        with pytest.raises(InvalidInput, match="send application/json"):
            GUARD.check(request({"Content-Type": kind}, "POST"))


def test_only_the_cookie_of_this_port_lets_act() -> None:
    own = request({"Cookie": f"glasscloud-8080={KEY.cookie}"})
    GUARD.require_key(own)
    assert cookie_name(own) == "glasscloud-8080"
    for cookie in (f"glasscloud-8081={KEY.cookie}", f"glasscloud-8080={KEY.token}", "glasscloud-8080="):
        with pytest.raises(Unauthenticated, match="glasscloud status"):
            GUARD.require_key(request({"Cookie": cookie}))


def test_policy_has_no_inline_or_foreign_source() -> None:
    assert "unsafe" not in POLICY
    assert "http" not in POLICY
    assert POLICY.startswith("default-src 'none'")


def test_key_file_persists_and_is_private(tmp_path: Path) -> None:
    file = tmp_path / "key"
    first, again = ConsoleKey.read_or_create(file), ConsoleKey.read_or_create(file)
    assert (again.token, again.cookie) == (first.token, first.cookie)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_invalid_key_file_replaced(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"\xff\xfe")
    assert ConsoleKey.read(file) is None
    assert ConsoleKey.read_or_create(file).token == file.read_text().strip()
    assert ConsoleKey.read(tmp_path / "absent") is None


def test_another_token_and_another_cookie_open_nothing() -> None:
    key, other = ConsoleKey.create(), ConsoleKey.create()
    assert same_secret(key.token, key.token)
    for given, own in (
        (other.token, key.token), (other.cookie, key.cookie), (key.token, key.cookie), ("ä", key.token),
        ("\ud800", key.token),
    ):  # fmt: skip
        assert not same_secret(given, own)


def test_token_only_in_link_fragment() -> None:
    key = ConsoleKey.create()
    assert key.token not in repr(key)
    assert key.link("http://127.0.0.1:8080") == f"http://127.0.0.1:8080/#token={key.token}"
