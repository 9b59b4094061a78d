"""A file or a response that the browser lost once comes again by itself, as when a container's network appears."""

from __future__ import annotations

import pytest
from console_page import OpenPage
from console_steps import go, opened
from playwright.async_api import Page, Route, expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

LOST = "net::ERR_CONNECTION_RESET"
"""What the browser writes to its console about a request that a test breaks off."""
RELOADED_WITHIN_MS = 20_000


async def lose_once(page: Page, path: str) -> list[str]:
    """Breaks off the first request for that path; the list receives its address then."""
    lost: list[str] = []

    async def handle(route: Route) -> None:
        if lost:
            await route.continue_()
        else:
            lost.append(route.request.url)
            await route.abort("connectionreset")

    await page.route(path, handle)
    return lost


async def test_lost_page_module_is_reloaded(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console, allow=LOST)
    lost = await lose_once(page, "**/assets/instances/instance_list.js")
    await go(page, "instances")
    await expect(page.get_by_role("heading", name="Instances")).to_be_visible(timeout=RELOADED_WITHIN_MS)
    assert lost
    assert await page.evaluate("location.hash") == "#/instances"


@pytest.mark.parametrize("sheet", ["base", "overview"])
async def test_lost_style_sheet_is_reloaded(console: str, open_page: OpenPage, sheet: str) -> None:
    page = await opened(open_page, console, allow=LOST)
    lost = await lose_once(page, f"**/assets/style/{sheet}.css")
    await page.reload()
    await expect(page.locator(".stage")).to_have_css("display", "grid", timeout=RELOADED_WITHIN_MS)
    assert lost


async def test_lost_chart_library_is_reloaded(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console, allow=LOST)
    lost = await lose_once(page, "**/uPlot.min.css")
    await go(page, "load")
    start = page.get_by_role("button", name="Start load")
    if await start.is_enabled():
        await start.click()
    await expect(page.locator(".chart .u-over").first).to_be_visible(timeout=RELOADED_WITHIN_MS)
    assert lost


async def test_lost_response_to_get_is_retried(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console, "instances", allow=LOST)
    lost = await lose_once(page, "**/api/images")
    await page.get_by_role("button", name="Launch instances").click()
    await expect(page.get_by_label("Image").locator("option").first).to_be_attached()
    assert lost
