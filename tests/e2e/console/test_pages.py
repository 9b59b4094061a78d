"""Every page, dark and light, on a projector and on a phone: meets WCAG 2.2 AA, is not cut off, runs no foreign text
and needs the key to change anything."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Literal

import pytest
import pytest_asyncio
from console_page import OpenPage, axe, watched
from console_steps import WIDTHS, call, go, opened, served, shared, sideways
from playwright.async_api import Browser, Page, expect

from client.local.state_dir import LocalFacts

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

SCENES = 6
STAGED = (1, 2, 3, 4)
"""Those in which requests travel to the instances."""
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
UNASKED = r"status of 401"
"""The browser itself writes each refusal to its console."""
EVIL = "<img src=x onerror=console.error(1)>"
EVIL_NAME = "<img src onerror=a>"


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def busy(console: str, browser: Browser) -> AsyncIterator[None]:
    """There is something on every page: two runs that are over, one that goes on, a search, a name with markup."""
    async with watched(browser, console) as page:
        await page.wait_for_function("() => !location.hash.includes('token')")
        await served(page)
        for _ in range(2):
            await call(page, "POST", "/api/load", {"rate_per_s": 30})
            await call(page, "DELETE", "/api/load")
        await call(page, "POST", "/api/load", {"rate_per_s": 30})
        _, told = await call(page, "GET", "/api/images")
        wish = {"image_id": told["images"][0]["id"], "type": "t3.nano", "count": 1, "host": "", "name": EVIL}
        await call(page, "POST", "/api/instances", {**wish, "user_data": EVIL})
        await served(page, 5)
        yield


async def instance_of(page: Page, index: int = 0) -> str:
    await go(page, "instances")
    return str(await page.locator("tbody th a").nth(index).get_attribute("title"))


async def request(page: Page) -> None:
    _, result = await call(page, "POST", "/api/search", {"query": "hypervisor"})
    await go(page, f"request/{result['id']}")
    await page.locator(".waterfall .row").nth(2).wait_for()


async def overview(page: Page) -> None:
    await go(page, "")
    await page.get_by_role("searchbox", name="Search").fill("hypervisor")
    await page.get_by_role("button", name="Search", exact=True).click()
    await page.get_by_label("Your search").locator(".waterfall").wait_for()
    await page.get_by_role("button", name="Requests as a table").click()
    await page.locator("#requests-table tbody tr").first.wait_for()


async def instances(page: Page) -> None:
    await go(page, "instances")
    await page.locator("tbody tr").nth(4).wait_for()
    await page.locator("tbody tr").first.get_by_role("button", name=re.compile("Actions on")).click()
    await page.locator(".choices").wait_for()


async def launching(page: Page) -> None:
    await go(page, "instances")
    await page.get_by_role("button", name="Launch instances").click()
    await page.get_by_role("dialog").get_by_role("radio", name="t3.nano").wait_for()


async def hosts(page: Page) -> None:
    await go(page, "hosts")
    await page.get_by_text("larger types do not fit here").click()
    await page.get_by_text("r5.4xlarge").first.wait_for()


async def load(page: Page) -> None:
    await go(page, "load")
    await page.get_by_text("The same figures as a table").click()
    await expect(page.locator(".load canvas")).to_have_count(3)
    await page.locator(".past tbody tr").nth(1).wait_for()


async def comparing(page: Page) -> None:
    await go(page, "load/compare/1/2")
    await page.get_by_label("Why these runs may not be comparable").or_(page.locator("tbody")).first.wait_for()


async def inviting(page: Page) -> None:
    await go(page, "share")
    await page.get_by_role("heading", name="Audience").wait_for()


UNCUT = """(tip) => {
  const box = tip.getBoundingClientRect();
  const corners = [[box.left + 4, box.top + 4], [box.right - 4, box.top + 4], [box.left + 4, box.bottom - 4]];
  return corners.every(([x, y]) => document.elementFromPoint(x, y) === tip);
}"""
CUT_OFF = """(cells) => cells
  .filter((cell) => cell.getBoundingClientRect().right > innerWidth || cell.scrollWidth > cell.clientWidth + 1)
  .map((cell) => cell.textContent)"""
Visit = Callable[[Page], Awaitable[None]]
PLACES: tuple[Visit, ...] = (overview, request, instances, launching, hosts, load, comparing, inviting)


async def breaches(page: Page, where: str) -> list[str]:
    """What is wrong with the page as it stands now: dark and light, at both widths."""
    found = []
    for width, height in WIDTHS:
        await page.set_viewport_size({"width": width, "height": height})
        if (wide := await sideways(page)) > 0:
            found.append(f"{where} at {width}: {wide} px too wide")
        for scheme in SCHEMES:
            await page.emulate_media(color_scheme=scheme)
            found += [f"{where} at {width}, {scheme}: {each}" for each in await axe(page)]
    return found


@pytest.mark.parametrize("visit", PLACES)
async def test_pages_meet_wcag_and_fit_window(console: str, open_page: OpenPage, visit: Visit) -> None:
    page = await opened(open_page, console)
    await visit(page)
    assert await breaches(page, visit.__name__) == []


@pytest.mark.parametrize("visit", [request, load, comparing])
async def test_tables_fit_phone(console: str, open_page: OpenPage, visit: Visit) -> None:
    """Nothing of a table lies outside the window, nor inside a box that must be scrolled sideways."""
    page = await opened(open_page, console)
    await visit(page)
    await page.set_viewport_size({"width": 390, "height": 844})
    assert await page.locator("main table").count() > 0
    assert await page.locator("main td, main tbody th").evaluate_all(CUT_OFF) == []


@pytest.mark.parametrize("scene", range(1, SCENES + 1))
async def test_scenes_meet_wcag_and_fit_window(console: str, open_page: OpenPage, scene: int) -> None:
    page = await opened(open_page, console)
    await page.get_by_role("button", name="Present").click()
    await expect(page.get_by_role("main")).to_be_focused()
    await page.keyboard.press(str(scene))
    await page.get_by_role("button", name=f"Scene {scene}:").and_(page.locator("[aria-current=step]")).wait_for()
    await page.locator(".presenter h1").first.wait_for()
    if scene in STAGED:
        await expect(page.locator(".card.is-running").first).to_be_visible()
    assert await breaches(page, f"scene {scene}") == []


async def test_audience_pages_meet_wcag_and_fit_window(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console)
    async with shared(page) as address:
        await page.get_by_role("button", name="Present").click()
        await page.get_by_role("button", name="Audience").click()
        await page.get_by_role("heading", name="Search with your phone").wait_for()
        assert await breaches(page, "the invitation") == []
        phone = await open_page(address)
        await phone.get_by_label("Search the documents").fill("hypervisor")
        await phone.get_by_role("button", name="Search", exact=True).click()
        await phone.locator(".live .instance").nth(4).wait_for()
        await phone.get_by_text("Your dot:").click()
        await phone.get_by_text("Last requests as a table").click()
        assert await breaches(phone, "the audience's page") == []
        await phone.close()


@pytest.mark.parametrize("size", WIDTHS)
async def test_term_explanations_are_not_cut_off(console: str, open_page: OpenPage, size: tuple[int, int]) -> None:
    page = await opened(open_page, console, width=size[0], height=size[1])
    await overview(page)
    # The answer moves what is below it: no word may lie under the pointer by chance.
    await page.mouse.move(0, 0)
    words = page.locator(".term > button")
    for index in range(await words.count()):
        await words.nth(index).focus()
        meaning = page.get_by_role("tooltip").and_(page.locator(":popover-open"))
        await expect(meaning).to_have_count(1)
        assert await meaning.evaluate(UNCUT), f"{await meaning.inner_text()!r} is cut off"


async def test_unknown_page(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console, "bogus")
    await expect(page.get_by_role("heading", name="There is no page at #/bogus")).to_be_visible()
    await page.get_by_role("link", name="Go to the overview").click()
    await expect(page.get_by_label("Front end")).to_be_visible()


async def test_without_key_nothing_can_be_changed(cloud: LocalFacts, open_page: OpenPage) -> None:
    page = await opened(open_page, cloud.console, allow=UNASKED)
    await expect(page.locator(".bar")).to_contain_text("view only")
    await served(page, 5)
    for name in ("Kill one", "Hog one", "Stop", "More requests a second"):
        await expect(page.get_by_role("button", name=name, exact=True)).to_be_disabled()
    await expect(page.get_by_role("button", name="Kill one", exact=True)).to_have_accessible_description(
        re.compile("glasscloud status")
    )
    each = await instance_of(page)
    await page.get_by_role("button", name=f"Actions on {each}").click()
    for name in ("Stop", "Reboot", "Terminate", "Kill", "CPU hog"):
        await expect(page.locator(".choices").get_by_role("button", name=name, exact=True)).to_be_disabled()
    await go(page, "load")
    await expect(page.get_by_role("button", name="Stop")).to_be_disabled()
    await expect(page.locator(".past tbody tr")).to_have_count(2)
    await go(page, "hosts")
    await expect(page.get_by_role("heading", name="Hosts")).to_be_visible()
    await go(page, "share")
    await expect(page.get_by_role("main")).to_contain_text("glasscloud status")
    for method, path in [
        ("POST", "/api/instances"), ("POST", f"/api/instances/{each}/kill"), ("POST", "/api/experiments/kill"),
        ("POST", "/api/load"), ("PATCH", "/api/load"), ("DELETE", "/api/load"), ("POST", "/api/start-over"),
        ("POST", "/api/share"), ("GET", f"/api/instances/{each}/console-output"),
    ]:  # fmt: skip
        status, told = await call(page, method, path)
        assert status == 401, f"{method} {path}"
        assert "glasscloud status" in told["error"]["message"]


async def test_request_link_needs_and_carries_no_key(console: str, cloud: LocalFacts, open_page: OpenPage) -> None:
    page = await opened(open_page, console)
    await request(page)
    link = await page.get_by_label("Link").input_value()
    assert "token" not in link
    other = await open_page(link)
    await expect(other.get_by_role("heading", name="“hypervisor”")).to_be_visible()
    await expect(other.locator(".bar")).to_contain_text("view only")


async def test_user_text_is_escaped(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console)
    # The tables show the last requests: these are to stay among them.
    await call(page, "DELETE", "/api/load")
    await page.get_by_role("button", name="Requests as a table").click()
    await page.get_by_role("searchbox", name="Search").fill(EVIL)
    await page.get_by_role("button", name="Search", exact=True).click()
    await expect(page.get_by_label("Your search").get_by_role("heading")).to_contain_text(EVIL)
    await expect(page.locator("#requests-table")).to_contain_text(EVIL)
    await page.get_by_role("link", name="details").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(f"“{EVIL}”")
    await go(page, "instances")
    row = page.locator("tbody tr", has_text=EVIL)
    await row.locator("th a").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(EVIL)
    await expect(page.get_by_label("User data")).to_have_text(EVIL)
    assert await page.locator("img").count() == 0
    async with shared(page) as address:
        phone = await open_page(address)
        await phone.get_by_text("Your dot:").click()
        await phone.get_by_label("Your name on the screen").fill(EVIL_NAME)
        await phone.get_by_label("Search the documents").fill(EVIL)
        await phone.get_by_role("button", name="Search", exact=True).click()
        await expect(phone.get_by_text(EVIL).first).to_be_visible()
        await phone.get_by_text("Last requests as a table").click()
        await expect(phone.locator("table")).to_contain_text(EVIL_NAME)
        assert await phone.locator("img").count() == 0
        await go(page, "share")
        await expect(page.get_by_label("Connected")).to_contain_text(EVIL_NAME)
        await go(page, "")
        await page.get_by_role("button", name="Requests as a table").click()
        await expect(page.locator("#requests-table")).to_contain_text(EVIL_NAME)
        assert await page.locator("img").count() == 0
        await phone.close()
