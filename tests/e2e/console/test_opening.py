"""The console opens in a browser: with its key to act, without it to look, and without a complaint either way."""

from __future__ import annotations

import pytest
from console_page import OpenPage
from playwright.async_api import Page

from client.local.state_dir import LocalFacts

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def may_act(page: Page) -> bool:
    return await page.evaluate("async () => (await (await fetch('/api/session')).json()).may_act") is True


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_printed_address_lets_its_browser_act_and_keeps_no_secret(
    console: str, open_page: OpenPage, width: int, height: int, scheme: str
) -> None:
    page = await open_page(console, width=width, height=height, color_scheme=scheme)
    await page.get_by_role("heading").first.wait_for()
    await page.wait_for_function("() => !location.hash.includes('token')")
    assert await may_act(page)
    assert await page.evaluate("document.cookie") == ""
    assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_without_its_key_one_may_look(cloud: LocalFacts, open_page: OpenPage) -> None:
    page = await open_page(cloud.console)
    await page.get_by_role("heading").first.wait_for()
    assert not await may_act(page)
