"""The token traded for a cookie."""

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
