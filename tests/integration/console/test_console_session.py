"""Who comes to a console: one with the token, and one who was there before it began anew."""

from __future__ import annotations

import json

from tests.integration.console.asked_console import Console


async def test_the_cookie_goes_with_the_browser_and_no_script_can_read_it(locked: Console) -> None:
    body, kind = json.dumps({"token": locked.key.token}), {"Content-Type": "application/json"}
    async with locked.browser.post(f"{locked.url}/api/session", data=body, headers=kind) as answer:
        (cookie,) = answer.cookies.values()
    assert cookie.value == locked.key.cookie
    assert (cookie["max-age"], cookie["expires"]) == ("", "")
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")


async def test_a_console_in_the_place_of_one_that_ended_says_what_is_gone(
    begun_again: Console,
) -> None:
    said = [row["text"] for row in (await begun_again.board())["log"]]
    assert "the console restarted: past runs and sharing are gone" in said


async def test_a_console_that_nobody_was_before_says_no_such_thing(locked: Console) -> None:
    assert not [row for row in (await locked.board())["log"] if "anew" in row["text"]]
