"""The console's session cookie, and the log after a restart."""

from __future__ import annotations

import json

from tests.integration.console.console_client import Console


async def test_session_cookie_is_http_only(locked: Console) -> None:
    body, kind = json.dumps({"token": locked.key.token}), {"Content-Type": "application/json"}
    async with locked.browser.post(f"{locked.url}/api/session", data=body, headers=kind) as answer:
        (cookie,) = answer.cookies.values()
    assert cookie.value == locked.key.cookie
    assert (cookie["max-age"], cookie["expires"]) == ("", "")
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")


async def test_restarted_console_says_what_is_gone(
    restarted: Console,
) -> None:
    said = [row["text"] for row in (await restarted.state())["log"]]
    assert "the console restarted: past runs and sharing are gone" in said


async def test_first_console_does_not_mention_restart(locked: Console) -> None:
    assert not [row for row in (await locked.state())["log"] if "anew" in row["text"]]
