"""The Instances and Hosts pages in a browser: launch, sort, view and terminate, partly by keyboard alone."""

from __future__ import annotations

import re

import pytest
from console_page import OpenPage, axe
from playwright.async_api import Locator, Page, expect

from client.local.state_dir import LocalFacts

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

REFUSED = r"status of 503"
"""The browser itself writes each refusal to its console."""


async def opened(open_page: OpenPage, console: str, place: str, **settings: object) -> Page:
    """The page there, with the right to act."""
    page = await open_page(console, **settings)
    await page.wait_for_function("() => !location.hash.includes('token')")
    await go(page, place)
    return page


async def go(page: Page, place: str) -> None:
    await page.evaluate("place => { location.hash = place }", f"#/{place}")


def row(page: Page, name: str) -> Locator:
    return page.locator("tbody tr", has_text=name)


async def launch(page: Page, name: str) -> str:
    """One instance of that name, by the keyboard alone; its id."""
    await page.get_by_role("button", name="Launch instances").focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Launch instances")
    await expect(dialog.get_by_label("Image")).to_be_focused()
    await expect(dialog.get_by_role("radio", name="t3.nano")).to_be_checked()
    await dialog.get_by_label("Name tag").focus()
    await page.keyboard.type(name)
    await page.keyboard.press("Enter")
    await expect(dialog).to_have_count(0)
    link = row(page, name).get_by_role("link")
    await expect(link).to_be_focused()
    return str(await link.get_attribute("title"))


async def test_instance_launched_from_dialog(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console, "instances")
    instance_id = await launch(page, "by hand")
    made = row(page, "by hand")
    await expect(made).to_contain_text("running")
    await expect(made).to_contain_text("new")
    task = page.get_by_label("Tasks and events").locator("li", has_text="launch").first
    await expect(task).to_contain_text(re.compile("by you, done"))
    await expect(task.get_by_role("link")).to_have_attribute("href", f"#/instances/{instance_id}")


async def test_refused_launch_keeps_form(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console, "instances", allow=REFUSED)
    await page.get_by_role("button", name="Launch instances").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("How many").fill("99")
    await dialog.get_by_label("User data").fill("é")
    await expect(dialog).to_contain_text("2 of 16,384 bytes")
    await dialog.get_by_role("button", name="Launch").click()
    await expect(dialog.get_by_role("alert")).to_have_text(
        re.compile(r"99 do not fit: \d+ do \(\d+ on host-a, \d+ on host-b\)")
    )
    assert await axe(page) == []
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(page.get_by_role("button", name="Launch instances")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_label("How many")).to_have_value("99")
    await expect(dialog.get_by_label("User data")).to_have_value("é")


@pytest.mark.parametrize("place", ["instances", "hosts"])
async def test_types_without_room_in_one_line(console: str, open_page: OpenPage, place: str) -> None:
    page = await opened(open_page, console, place)
    if place == "instances":
        await page.get_by_role("button", name="Launch instances").click()
        await expect(page.get_by_role("radio", name="t3.nano")).to_be_in_viewport()
        await expect(page.get_by_role("radio", name="r5.4xlarge")).to_have_count(0)
    await expect(page.get_by_text("r5.4xlarge")).to_be_hidden()
    await page.get_by_text(re.compile(r"\d+ larger types do not fit here")).click()
    await expect(page.locator(".larger li", has_text="r5.4xlarge")).to_contain_text("needs")
    await expect(page.get_by_text(re.compile(r"Free: host-a [\d.]+\scores, .*; host-b"))).to_be_visible()


async def test_terminate_confirms_first(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console, "instances")
    instance_id = await launch(page, "to be ended")
    await page.get_by_role("button", name=f"Actions on {instance_id}").focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Terminate", exact=True).focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name=f"Terminate {instance_id}")
    await expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(row(page, "to be ended")).to_contain_text("running")
    await page.keyboard.press("Enter")
    await dialog.get_by_role("button", name="Terminate", exact=True).click()
    await expect(row(page, "to be ended")).to_have_count(0)
    await page.get_by_role("button", name="Show terminated").click()
    await expect(row(page, "to be ended")).to_contain_text("terminated")


async def test_menu_of_actions_is_whole_on_a_phone(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console, "instances", width=390, height=844)
    await page.get_by_role("button", name=re.compile("Actions on")).first.click()
    await expect(page.locator(".choices").get_by_role("button", name="Stop", exact=True)).to_be_in_viewport(ratio=1)


async def test_stop_in_fleet_confirms_first(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console, "instances")
    await page.locator("tbody tr", has_text="fleet-").first.get_by_role("button", name=re.compile("Actions on")).click()
    await page.get_by_role("button", name="Stop", exact=True).click()
    dialog = page.get_by_role("dialog", name=re.compile("Stop i-"))
    await expect(dialog).to_contain_text("launches replacements")
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(dialog).to_have_count(0)


async def test_long_name_keeps_table_layout(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console, "instances")
    await launch(page, "long" * 60)
    for width in (1280, 768):
        await page.set_viewport_size({"width": width, "height": 800})
        assert await page.evaluate("() => document.documentElement.scrollWidth") <= width
        heights = await page.locator("tbody tr").evaluate_all("rows => rows.map((row) => row.offsetHeight)")
        assert max(heights) <= min(heights) + 30, f"rows at {width}: {heights}"


async def test_table_sorted_and_filtered(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console, "instances")
    host = page.get_by_role("columnheader", name="Host")
    for order in ("ascending", "descending"):
        await host.get_by_role("button").click()
        await expect(host).to_have_attribute("aria-sort", order)
        hosts = [(await cell.inner_text()).strip() for cell in await page.locator("tbody td[data-label=Host]").all()]
        assert hosts == sorted(hosts, reverse=order == "descending")
        assert set(hosts) == {"host-a", "host-b"}
    await page.get_by_label("Filter").fill("shard=1 host-b")
    await expect(page.locator("tbody tr")).to_have_count(1)
    await page.get_by_label("Filter").fill("host-b")
    await page.get_by_role("button", name="running").click()
    await expect(page.locator("tbody tr")).to_have_count(0)
    await page.get_by_role("button", name="running").click()
    await page.get_by_label("Filter").fill("nothing like it")
    await expect(page.get_by_text("No instance matches")).to_be_visible()


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_instance_tabs_by_arrow_keys(
    console: str, open_page: OpenPage, width: int, height: int, scheme: str
) -> None:
    page = await opened(open_page, console, "instances", width=width, height=height, color_scheme=scheme)
    await page.locator("tbody a").first.click()
    await page.get_by_role("tab", name="Summary").focus()
    for name in ("Console output", "Resources", "Faults", "Events", "Summary"):
        await page.keyboard.press("ArrowRight")
        tab = page.get_by_role("tab", name=name)
        await expect(tab).to_be_focused()
        await expect(tab).to_have_attribute("aria-selected", "true")
        await expect(page.get_by_role("tabpanel", name=name)).to_be_visible()
        assert await axe(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
    await expect(page.get_by_role("tabpanel")).to_contain_text("search service")


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
@pytest.mark.parametrize(
    ("place", "shown"), [("instances", "search shard 1"), ("hosts", "larger types do not fit here")]
)
async def test_pages_accessible_at_both_widths(
    console: str, open_page: OpenPage, place: str, shown: str, width: int, height: int
) -> None:
    page = await opened(open_page, console, place, width=width, height=height)
    await page.get_by_text(shown).first.wait_for()
    assert await axe(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_view_only_page_says_how_to_act(cloud: LocalFacts, open_page: OpenPage) -> None:
    page = await open_page(f"{cloud.console}#/instances")
    button = page.get_by_role("button", name="Launch instances")
    await expect(button).to_be_disabled()
    await button.focus()
    await expect(button).to_have_accessible_description(re.compile("glasscloud status"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.locator("tbody a").first.click()
    await expect(page.get_by_role("button", name="Kill")).to_be_disabled()
    await page.get_by_role("tab", name="Console output").click()
    await expect(page.get_by_role("tabpanel")).to_contain_text("may hold secrets")
