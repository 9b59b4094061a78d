"""Presenter mode: each scene fills the screen and shows its own result; a printed page shows whole charts."""

from __future__ import annotations

import pytest
from console_page import OpenPage
from console_steps import call, follows, go, opened, served
from playwright.async_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

SCREENS = [(1280, 720), (1920, 1080)]
MEASURED_WITHIN_MS = 30_000
REFUSED = r"status of 409"
"""The browser itself writes each refusal to its console: a load may run already."""
A4_PX = 794
_SIZES = """() => {
  const stage = document.querySelector(".stage").getBoundingClientRect();
  const field = document.querySelector("#search");
  return {
    type: parseFloat(getComputedStyle(document.documentElement).fontSize),
    below: innerHeight - document.querySelector(".presenter").lastElementChild.getBoundingClientRect().bottom,
    stage: stage.height / innerHeight,
    field: field.clientWidth / parseFloat(getComputedStyle(field).fontSize),
  };
}"""

_SCROLLS = "document.documentElement.scrollHeight > innerHeight"
_BOXES = """(all) => all.map((each) => {
  const box = each.getBoundingClientRect();
  return [box.left, box.right, box.height];
})"""


async def presented(open_page: OpenPage, console: str, width: int, height: int) -> Page:
    page = await opened(open_page, console, width=width, height=height)
    await served(page)
    await page.get_by_role("button", name="Present", exact=True).click()
    await expect(page.get_by_role("main")).to_be_focused()
    return page


@pytest.mark.parametrize(("width", "height"), SCREENS)
async def test_scene_fills_screen(console: str, open_page: OpenPage, width: int, height: int) -> None:
    page = await presented(open_page, console, width, height)
    for scene in (1, 2, 3, 4):
        await page.keyboard.press(str(scene))
        await page.get_by_role("button", name=f"Scene {scene}:").and_(page.locator("[aria-current=step]")).wait_for()
        await served(page)
        assert await page.evaluate(_SCROLLS) is False, f"scene {scene} scrolls"
        sizes = await page.evaluate(_SIZES)
        assert sizes["type"] > height * 0.025
        assert sizes["stage"] > 0.5
        assert 0 <= sizes["below"] < height * 0.05, f"scene {scene} leaves {sizes['below']} px below"
        assert sizes["field"] > 7, "the search field is too narrow for its example"
    await page.keyboard.press("5")
    await page.locator(".presenter .host-box").nth(1).wait_for()
    assert await page.evaluate(_SCROLLS) is False, "scene 5 scrolls"


@pytest.mark.parametrize(("width", "height"), SCREENS)
async def test_search_result_visible_in_scene(console: str, open_page: OpenPage, width: int, height: int) -> None:
    page = await presented(open_page, console, width, height)
    await page.keyboard.press("1")
    await page.get_by_role("searchbox", name="Search").fill("hypervisor")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Your search").locator(".waterfall .row").last).to_be_in_viewport(ratio=1)
    await expect(page.get_by_role("heading", level=1)).to_be_in_viewport(ratio=1)


async def test_scene_shows_only_its_experiment(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console, allow=REFUSED)
    await served(page)
    await call(page, "POST", "/api/load")
    await follows(page, 20)
    verdict = page.get_by_label("Verdict")
    await page.get_by_role("button", name="Kill one", exact=True).click()
    await expect(verdict).to_contain_text("killed i-", timeout=MEASURED_WITHIN_MS)
    await page.get_by_role("button", name="Present", exact=True).click()
    await expect(page.get_by_role("main")).to_be_focused()
    for scene, kind in (("3", "kill"), ("4", "CPU hog")):
        await page.keyboard.press(scene)
        await expect(verdict).to_have_text(f"The result of your next {kind} appears here.")
    await page.keyboard.press("3")
    await page.get_by_role("button", name="Kill one", exact=True).click()
    await expect(verdict).to_contain_text("killed i-", timeout=MEASURED_WITHIN_MS)
    await page.keyboard.press("4")
    await expect(verdict).to_have_text("The result of your next CPU hog appears here.")


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
async def test_answer_and_verdict_are_in_sight(console: str, open_page: OpenPage, width: int, height: int) -> None:
    page = await opened(open_page, console, width=width, height=height)
    await served(page)
    await page.get_by_role("searchbox", name="Search").fill("hypervisor")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Your search").locator(".waterfall .row").last).to_be_in_viewport(ratio=1)
    await page.evaluate("scrollTo(0, 0)")
    await expect(page.get_by_label("Verdict")).to_be_in_viewport(ratio=1)
    await expect(page.get_by_role("button", name="Kill one", exact=True)).to_be_in_viewport(ratio=1)


async def test_layout_stays_when_experiment_starts(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console, allow=REFUSED)
    await served(page)
    await call(page, "POST", "/api/load", {"rate_per_s": 20})
    await follows(page, 20)
    button = page.get_by_role("button", name="Kill one", exact=True)
    before = await button.bounding_box()
    await call(page, "PATCH", "/api/load", {"rate_per_s": 100})
    await expect(page.locator(".sampled")).to_contain_text("are drawn")
    assert await button.bounding_box() == before
    await button.click()
    await expect(page.locator("#disabled-reason")).to_contain_text("still being measured")
    assert (await button.bounding_box() or {})["y"] == (before or {})["y"]
    await call(page, "DELETE", "/api/load")


async def test_printed_chart_fits_sheet(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console, allow=REFUSED)
    await call(page, "POST", "/api/load", {"rate_per_s": 20})
    await go(page, "load")
    await page.locator(".chart .u-over").nth(1).wait_for()
    await page.emulate_media(media="print")
    await page.set_viewport_size({"width": A4_PX, "height": 1000})
    charts = await page.locator(".chart canvas").evaluate_all(_BOXES)
    assert len(charts) == 3
    for left, right, height in charts:
        assert (left >= 0, right <= A4_PX, right - left > A4_PX * 0.8, height > 100) == (True,) * 4, charts
    assert (await page.pdf(format="A4")).startswith(b"%PDF")
    await call(page, "DELETE", "/api/load")


async def test_instance_without_fleet_named_and_killed(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console, allow=REFUSED)
    _, told = await call(page, "GET", "/api/images")
    wish = {"image_id": told["images"][0]["id"], "type": "t3.nano", "count": 1, "host": "", "name": "my web"}
    status, made = await call(page, "POST", "/api/instances", {**wish, "user_data": ""})
    assert status == 201
    card = page.locator(".card", has_text="my web")
    await expect(card).to_contain_text("running")
    await card.get_by_role("link").first.click()
    await page.get_by_role("button", name="Kill", exact=True).click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("nothing replaces it")
    await dialog.get_by_role("button", name="Kill", exact=True).click()
    await expect(page.locator(".top .state")).to_contain_text("stopped")
    await go(page, "")
    await expect(page.get_by_label("Verdict")).to_contain_text("killed i-", timeout=MEASURED_WITHIN_MS)
    await expect(page.get_by_label("Verdict")).to_contain_text("so nothing replaces it")
    await expect(page.get_by_role("button", name="Kill one", exact=True)).to_be_enabled()
    await call(page, "POST", f"/api/instances/{made['instances'][0]}/terminate")
