"""The door: by which name we were reached, from which page, and with which key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import SimpleCookie

import pytest

from client.console.guard import POLICY, Door, cookie_name
from client.console.keys import Key
from vmhost.base.errors import Denied, InvalidInput, Unauthenticated

KEY = Key.fresh()
DOOR = Door(KEY)
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A request as it came."""

    method: str
    headers: Mapping[str, str]

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "application/octet-stream")

    @property
    def cookies(self) -> Mapping[str, str]:
        return {name: each.value for name, each in SimpleCookie(self.headers.get("Cookie", "")).items()}


def asked(headers: Mapping[str, str], method: str = "GET", host: str = "127.0.0.1:8080") -> Sent:
    return Sent(method=method, headers={"Host": host, **headers})


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "localhost", "LOCALHOST:1", "127.0.0.1."]
)
def test_our_own_names_are_let_in_with_any_port(host: str) -> None:
    DOOR.admit(asked({}, host=host))


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
def test_a_name_that_was_bent_to_our_address_is_refused(host: str) -> None:
    with pytest.raises(Denied, match="host"):
        DOOR.admit(asked({}, host=host))


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:8000", "http://localhost:8080"])
def test_another_origin_is_refused_for_reading_and_acting(origin: str) -> None:
    for method in ("GET", "POST"):
        with pytest.raises(Denied, match="another site"):
            DOOR.admit(asked({"Origin": origin, **JSON}, method))


def test_our_own_page_is_let_in() -> None:
    DOOR.admit(asked({"Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "same-origin", **JSON}, "POST"))


def test_what_a_browser_calls_foreign_is_refused_unless_somebody_followed_a_link() -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}
    DOOR.admit(asked({**foreign, "Sec-Fetch-Mode": "navigate"}))
    for headers, method in ((foreign, "GET"), ({**foreign, "Sec-Fetch-Mode": "navigate", **JSON}, "POST")):
        with pytest.raises(Denied):
            DOOR.admit(asked(headers, method))


def test_only_json_changes_anything_for_forms_need_no_leave_to_be_sent_anywhere() -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        with pytest.raises(InvalidInput, match="send application/json"):
            DOOR.admit(asked({"Content-Type": kind}, "POST"))


def test_only_the_cookie_of_this_port_lets_act() -> None:
    own = asked({"Cookie": f"glasscloud-8080={KEY.cookie}"})
    DOOR.must_act(own)
    assert cookie_name(own) == "glasscloud-8080"
    for cookie in (f"glasscloud-8081={KEY.cookie}", f"glasscloud-8080={KEY.token}", "glasscloud-8080="):
        with pytest.raises(Unauthenticated, match="glasscloud status"):
            DOOR.must_act(asked({"Cookie": cookie}))


def test_the_policy_allows_no_inline_and_no_foreign_source() -> None:
    assert "unsafe" not in POLICY
    assert "http" not in POLICY
    assert POLICY.startswith("default-src 'none'")
