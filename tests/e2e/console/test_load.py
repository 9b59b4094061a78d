"""The Load page in a browser: a load is started, changed and stopped by keyboard, and its results stay."""

from __future__ import annotations

import pytest
from console_page import OpenPage, axe
from playwright.async_api import Locator, Page, expect

from client.local.state_dir import LocalFacts

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def load_page(open_page: OpenPage, address: str, **settings: object) -> Page:
    page = await open_page(address, **settings)
    await page.get_by_role("link", name="Load", exact=True).click()
    await page.get_by_role("heading", name="Load", exact=True).wait_for()
    return page


def tile(page: Page, name: str) -> Locator:
    """The figure below that word."""
    return page.locator(".tiles > div", has=page.get_by_text(name, exact=True)).locator("dd")


async def scene(page: Page) -> None:
    await page.get_by_role("button", name="Present").click()
    await page.get_by_role("button", name="Scene 6").click()


async def test_load_scene_offers_to_start_load(console: str, open_page: OpenPage) -> None:
    page = await load_page(open_page, console)
    await scene(page)
    await expect(page.get_by_role("button", name="Start load")).to_be_visible()


async def test_load_by_keyboard(console: str, open_page: OpenPage) -> None:
    page = await load_page(open_page, console)
    await page.get_by_label("Requests/s").focus()
    await page.keyboard.press("ControlOrMeta+A")
    await page.keyboard.type("30")
    await page.keyboard.press("Enter")
    await expect(tile(page, "rate")).to_contain_text("30")
    await expect(tile(page, "completed")).to_contain_text("30")
    await page.get_by_label("Rate, requests/s").focus()
    await page.keyboard.type("60")
    await page.keyboard.press("Enter")
    await expect(tile(page, "rate")).to_contain_text("60")
    await page.get_by_role("button", name="More requests a second").focus()
    await page.keyboard.press("Enter")
    await expect(tile(page, "rate")).to_contain_text("100")
    # Both charts and the heat map are drawn, and say in words what the drawings say.
    await expect(page.locator(".load canvas")).to_have_count(3)
    await page.get_by_text("The same figures as a table").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(".marks")).to_contain_text("60/s")
    assert await axe(page) == []
    await page.get_by_role("button", name="Stop").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Verdict of the last run")).to_contain_text("Run 1 was")
    await expect(page.locator(".past tbody tr")).to_have_count(1)
    assert await axe(page) == []


async def test_report_opens_with_own_policy(console: str, open_page: OpenPage) -> None:
    page = await load_page(open_page, console)
    async with page.expect_popup() as opened:
        await page.get_by_role("link", name="Report of run 1").click()
    report = await opened.value
    await expect(report.get_by_role("heading", name="Load report")).to_be_visible()
    await expect(report.locator(".plot canvas").first).to_be_visible()


async def test_load_scene_fits_projector(console: str, open_page: OpenPage) -> None:
    page = await load_page(open_page, console)
    await scene(page)
    await expect(page.locator(".load canvas:visible")).to_have_count(2)
    await expect(page.get_by_role("button", name="Start load")).to_be_hidden()
    assert await page.evaluate("document.documentElement.scrollHeight <= innerHeight")


async def test_closed_loop_and_comparison(console: str, open_page: OpenPage) -> None:
    page = await load_page(open_page, console, color_scheme="dark")
    await page.get_by_label("users who wait for each response").check()
    await page.get_by_label("Duration, s").fill("1")
    await page.get_by_role("button", name="Start load").click()
    await expect(page.locator(".past tbody tr")).to_have_count(2)
    for run in ("1", "2"):
        await page.get_by_label(f"Compare run {run}").check()
    await page.get_by_role("button", name="Compare run 1 with run 2").click()
    await expect(page.get_by_role("heading", name="Run 1 and run 2")).to_be_visible()
    await expect(page.get_by_label("Why these runs may not be comparable")).to_contain_text("different plans")
    assert await axe(page) == []


async def test_load_page_on_phone_without_key(cloud: LocalFacts, open_page: OpenPage) -> None:
    page = await load_page(open_page, cloud.console, width=390, height=844)
    await expect(page.locator(".load canvas")).to_have_count(3)
    await expect(page.get_by_role("button", name="Start load")).to_be_disabled()
    await expect(page.get_by_text("This page is view-only")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    assert await axe(page) == []
