"""Everything works by keyboard alone, with a visible focus. Tests in this file neither point nor click."""

from __future__ import annotations

import re

import pytest
from console_page import OpenPage
from console_steps import a_second_passes, call, dots, follows, opened, press, served, stopped, tab_to
from playwright.async_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

HEALED_WITHIN_MS = 30_000


async def start_load(page: Page) -> None:
    """Some load runs, so that there is something to change or to lose."""
    await call(page, "POST", "/api/load")
    await page.get_by_label("Load generator").get_by_role("button", name="Stop").wait_for()


async def test_tab_order_of_overview_is_visible(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console)
    skip = page.get_by_role("link", name="Skip to the page")
    await tab_to(page, skip)
    await page.keyboard.press("Tab")
    await tab_to(page, skip)
    await page.keyboard.press("Enter")
    # Past the bar, the first thing of the page itself is next.
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.closest('main') !== null")


async def test_search_and_details_by_keyboard(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console)
    await tab_to(page, page.get_by_role("searchbox", name="Search"))
    await page.keyboard.type("hypervisor")
    await page.keyboard.press("Enter")
    await press(page, page.get_by_role("link", name="details"))
    await expect(page.get_by_role("heading", name="“hypervisor”")).to_be_visible()
    await tab_to(page, page.locator(".waterfall .row a").first)
    await tab_to(page, page.get_by_label("Link"))


async def test_load_is_started_changed_and_stopped(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console)
    source = page.get_by_label("Load generator")
    await press(page, source.get_by_role("button", name="Start load"))
    await follows(page, 20)
    await press(page, page.get_by_role("button", name="More requests a second"), "Space")
    await follows(page, 50)
    await press(page, source.get_by_role("button", name="Stop"))
    await expect(source).to_contain_text("off")


async def test_motion_is_paused_and_slowed_down(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console)
    await start_load(page)
    await tab_to(page, page.get_by_label("1 second on screen"))
    await page.keyboard.press("ArrowUp")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("100 times slower")
    await press(page, page.get_by_role("button", name="Pause"), "Space")
    await stopped(page)
    still = await dots(page)
    await a_second_passes(page)
    assert await dots(page) == still
    await page.keyboard.press("Space")
    await expect(page.get_by_role("button", name="Pause")).to_be_focused()


async def test_an_instance_is_launched_looked_at_and_ended(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console)
    await press(page, page.get_by_role("link", name="Instances", exact=True))
    launch = page.get_by_role("button", name="Launch instances")
    await press(page, launch)
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_label("Image")).to_be_focused()
    # Nothing outside the dialog is reached, and Escape leads back to where one was.
    for _ in range(12):
        await page.keyboard.press("Tab")
        assert await page.evaluate(
            "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )
    await page.keyboard.press("Escape")
    await expect(launch).to_be_focused()
    await page.keyboard.press("Enter")
    await dialog.get_by_role("radio", name="t3.nano").wait_for()
    await tab_to(page, dialog.get_by_role("radio", name="t3.nano"))
    await page.keyboard.press("ArrowDown")
    await expect(dialog.get_by_role("radio", name="t3.micro")).to_be_checked()
    await tab_to(page, dialog.get_by_label("Name tag"))
    await page.keyboard.type("by keys")
    await press(page, dialog.get_by_role("button", name="Launch", exact=True))
    link = page.locator("tbody tr", has_text="by keys").locator("th a")
    await expect(link).to_be_focused()
    await page.keyboard.press("Enter")
    await tab_to(page, page.get_by_role("tab", name="Summary"))
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("tabpanel", name="Console output")).to_be_visible()
    await page.keyboard.press("ArrowLeft")
    terminate = page.get_by_role("button", name="Terminate", exact=True)
    await press(page, terminate, "Enter")
    await expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(terminate).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    await press(page, dialog.get_by_role("button", name="Terminate", exact=True))
    await expect(page.locator(".top .state")).to_contain_text("terminated")
    await expect(terminate).to_be_focused()


async def test_kill_and_verdict_by_keyboard(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console)
    await press(page, page.get_by_role("button", name="Kill one", exact=True))
    verdict = page.get_by_label("Verdict")
    await expect(verdict).to_contain_text(re.compile(r"lost requests\s*\d+"), timeout=HEALED_WITHIN_MS)
    await served(page)


async def test_presenter_by_keyboard(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console)
    present = page.get_by_role("button", name="Present", exact=True)
    await press(page, present)
    await expect(page.get_by_role("main")).to_be_focused()
    title = page.locator(".presenter h1").first
    titles = []
    for scene in range(1, 7):
        await page.keyboard.press(str(scene))
        step = page.get_by_role("button", name=f"Scene {scene}:")
        await expect(step).to_have_attribute("aria-current", "step")
        titles.append(await title.inner_text())
    assert len(set(titles)) == 6
    await page.keyboard.press("2")
    await page.keyboard.press("f")
    await expect(page.get_by_text("frozen at")).to_be_visible()
    before = await page.get_by_label("Front end").inner_text()
    await page.wait_for_function(
        "async () => (await import('/assets/lib/store.js')).current().frozenAt < Date.now() / 1000 - 2"
    )
    assert await page.get_by_label("Front end").inner_text() == before
    await page.keyboard.press("f")
    await expect(page.get_by_text("frozen at")).to_have_count(0)
    await expect(page.get_by_label("Front end")).not_to_have_text(before)
    # What is typed into the search is no key of the presenter's.
    await page.keyboard.press("1")
    await tab_to(page, page.get_by_role("searchbox", name="Search"))
    await page.keyboard.type("5f")
    await expect(page.get_by_role("button", name="Scene 1:")).to_have_attribute("aria-current", "step")
    await page.keyboard.press("Enter")
    await page.get_by_label("Your search").locator(".waterfall").wait_for()
    await tab_to(page, page.get_by_role("button", name="Scene 1:"))
    await page.keyboard.press("Escape")
    await expect(present).to_be_focused()
