"""Which requests are accepted: host name, origin and key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import SimpleCookie

import pytest

from client.console.console_key import ConsoleKey
from client.console.request_guard import POLICY, RequestGuard, cookie_name
from vmhost.base.errors import Denied, InvalidInput, Unauthenticated

KEY = ConsoleKey.create()
GUARD = RequestGuard(KEY)
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, kw_only=True)
class FakeRequest:
    """A request as it came."""

    method: str
    headers: Mapping[str, str]

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "application/octet-stream")

    @property
    def cookies(self) -> Mapping[str, str]:
        return {name: each.value for name, each in SimpleCookie(self.headers.get("Cookie", "")).items()}


def request(headers: Mapping[str, str], method: str = "GET", host: str = "127.0.0.1:8080") -> FakeRequest:
    return FakeRequest(method=method, headers={"Host": host, **headers})


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
