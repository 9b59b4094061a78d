"""The page survives a restart of its console; Start over resets the cloud."""

from __future__ import annotations

import os
import re
import signal

import pytest
from console_page import OpenPage
from console_steps import call, follows, go, opened, second_page, served
from playwright.async_api import expect

from client.local.state_dir import LocalFacts

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

AWAY = r"ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE"
"""The browser itself writes to its console whom it could not reach."""
BACK_WITHIN_MS = 30_000
HANGS_WITHIN_MS = 10_000
"""Six seconds of silence, and what the page waits before it says so."""


async def test_start_over_restores_initial_fleets(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console)
    await served(page)
    # What the console met is what it goes back to.
    _, told = await call(page, "GET", "/api/images")
    wish = {"image_id": told["images"][0]["id"], "type": "t3.nano", "count": 1, "host": "", "name": "extra"}
    status, _ = await call(page, "POST", "/api/instances", {**wish, "user_data": ""})
    assert status == 201
    await served(page, 5)
    one = await page.locator(".card h3 a").first.get_attribute("href")
    assert one is not None
    status, _ = await call(page, "POST", f"/api/instances/{one.rpartition('/')[2]}/kill")
    assert status == 200
    await page.get_by_role("button", name="Present").click()
    await page.get_by_role("button", name="Start over").click()
    dialog = page.get_by_role("dialog", name="Start over")
    await expect(dialog).to_contain_text("1 instance that is not part of the search service")
    await expect(dialog).to_contain_text("“extra”")
    await dialog.get_by_role("button", name="Start over").click()
    done = page.locator(".presenting [role=status]")
    await expect(done).to_contain_text(re.compile(r"started over in \d"), timeout=BACK_WITHIN_MS)
    await page.keyboard.press("3")
    await served(page)
    await expect(page.locator(".card")).to_have_count(4)
    await expect(page.get_by_label("Verdict")).to_contain_text("appears here")
    await follows(page, 20)
    await page.keyboard.press("Escape")
    await go(page, "instances")
    await expect(page.locator("tbody tr", has_text="extra")).to_have_count(0)


async def test_hanging_console_is_noticed(cloud: LocalFacts, console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console, allow=AWAY)
    await served(page)
    banner = page.locator(".banner")
    os.kill(cloud.pids[-1], signal.SIGSTOP)
    try:
        await expect(banner).to_contain_text("Connection lost", timeout=HANGS_WITHIN_MS)
    finally:
        os.kill(cloud.pids[-1], signal.SIGCONT)
    await expect(banner).to_be_hidden(timeout=BACK_WITHIN_MS)
    await served(page)


async def test_page_survives_console_restart(cloud: LocalFacts, console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console, allow=AWAY)
    await served(page)
    banner = page.locator(".banner")
    await expect(banner).to_be_hidden()
    # Held, its supervisor cannot start it again before a page would call it away.
    os.kill(cloud.supervisor, signal.SIGSTOP)
    try:
        os.kill(cloud.pids[-1], signal.SIGKILL)
        await expect(banner).to_contain_text("Connection lost")
        await expect(page.locator(".card.is-running")).to_have_count(4)
        await expect(page.get_by_role("button", name="Kill one", exact=True)).to_be_disabled()
    finally:
        os.kill(cloud.supervisor, signal.SIGCONT)
    await expect(banner).to_be_hidden(timeout=BACK_WITHIN_MS)
    await served(page)
    # The page can still act, without a token, and sees the results of its actions.
    status, told = await call(page, "GET", "/api/session")
    assert (status, told["can_act"]) == (200, True)
    source = page.get_by_label("Load generator")
    await source.get_by_role("button", name="Start load").click()
    await follows(page, 20)
    again = await second_page(page, "load")
    await expect(again.get_by_role("button", name="Stop")).to_be_enabled()
