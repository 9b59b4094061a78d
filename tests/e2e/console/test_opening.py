"""The console opens in a browser without errors, with its key to act and without it to look."""

from __future__ import annotations

import pytest
from console_page import OpenPage
from playwright.async_api import Page, expect

from client.local.state_dir import LocalFacts

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def can_act(page: Page) -> bool:
    return await page.evaluate("async () => (await (await fetch('/api/session')).json()).can_act") is True


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_printed_link_lets_browser_act(
    console: str, open_page: OpenPage, width: int, height: int, scheme: str
) -> None:
    page = await open_page(console, width=width, height=height, color_scheme=scheme)
    await page.get_by_role("heading").first.wait_for()
    await page.wait_for_function("() => !location.hash.includes('token')")
    assert await can_act(page)
    assert await page.evaluate("document.cookie") == ""
    assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_page_without_its_script_says_what_to_do(console: str, open_page: OpenPage) -> None:
    """Neither a script nor the console is needed for it: the style sheet shows the text after ten seconds."""
    page = await open_page(console, allow="ERR_FAILED")
    await page.route("**/start.js", lambda route: route.abort())
    await page.reload()
    late = page.get_by_text("Load this page again")
    await expect(late).to_be_attached()
    await expect(late).to_be_hidden()
    await expect(late).to_be_visible(timeout=20_000)


async def test_without_key_view_only(cloud: LocalFacts, open_page: OpenPage) -> None:
    page = await open_page(cloud.console)
    await page.get_by_role("heading").first.wait_for()
    assert not await can_act(page)
