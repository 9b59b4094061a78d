"""The page shows what happens in the cloud: launches, requests, load and deaths, with the cloud's own numbers."""

from __future__ import annotations

import asyncio
import contextlib
import re

import aiohttp
import pytest
from console_page import OpenPage
from console_steps import (
    a_second_passes,
    dots,
    follows,
    go,
    of_front_end,
    opened,
    own_dot,
    second_page,
    served,
    stopped,
    until_dots,
)
from playwright.async_api import Page, expect
from playwright.async_api import TimeoutError as PlaywrightTimeout

from client.local.state_dir import LocalFacts

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize(
        "cloud", ["process", pytest.param("container", marks=pytest.mark.engine)], indirect=True, scope="module"
    ),
]

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SEEN_WITHIN_MS = 5000
LAUNCH_DIALOG_MS = 4000
HEALED_WITHIN_MS = 30_000
"""A container takes longer than a process to be there again, and this machine is not alone."""


async def start_load(page: Page) -> None:
    """Start the load unless it is running."""
    source = page.get_by_label("Load generator")
    await source.get_by_role("button").first.wait_for()
    if await source.get_by_role("button", name="Start load").count():
        await source.get_by_role("button", name="Start load").click()
    await source.get_by_role("button", name="Stop").wait_for()


async def test_instance_launched_from_dialog(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console, "instances")
    dialog = page.get_by_role("dialog")
    with contextlib.suppress(PlaywrightTimeout):
        await page.get_by_role("button", name="Launch instances").click()
        await dialog.wait_for(timeout=LAUNCH_DIALOG_MS)
    if not await dialog.is_visible():
        # The network changed as a container started: the page has loaded itself again, and the click is lost.
        await page.get_by_role("button", name="Launch instances").click()
    await dialog.get_by_label("Name tag").fill("one more")
    await dialog.get_by_role("button", name="Launch", exact=True).click()
    made = page.locator("tbody tr", has_text="one more")
    await expect(made.locator(".state")).to_contain_text("running", timeout=HEALED_WITHIN_MS)
    await go(page, "")
    await served(page, 5)
    url = await page.locator(".card", has_text="one more").get_by_role("link", name="Open").get_attribute("href")
    assert url is not None
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout) as browser, browser.get(url) as response:
        assert response.status == 200


async def test_search_becomes_dot_with_details(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console)
    # What stands still can be pointed at; one's own dot appears nevertheless.
    await page.get_by_role("button", name="Pause").click()
    await page.get_by_role("searchbox", name="Search").fill("hypervisor")
    async with page.expect_response("**/api/search") as answering:
        await page.get_by_role("button", name="Search", exact=True).click()
    trace = (await (await answering.value).json())["id"]
    # The front end and an attempt for each of the two shards; on a busy computer one of them is hedged.
    await expect(page.get_by_label("Your search").locator(".waterfall .row").nth(2)).to_be_visible()
    x, y = await own_dot(page)
    await page.mouse.move(x, y)
    await expect(page.locator(".hover-card")).to_contain_text("“hypervisor”")
    await page.mouse.click(x, y)
    await expect(page).to_have_url(re.compile(f"#/request/{trace}$"))
    told = page.locator("pre")
    await expect(told).to_contain_text(re.compile(rf"traceparent: 00-{trace}-", re.IGNORECASE))
    await expect(told).to_contain_text("attempt;dur=")
    assert await page.locator(".waterfall .row").count() >= 3


async def test_request_of_other_client_shown(cloud: LocalFacts, console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console)
    await page.get_by_role("button", name="Requests as a table").click()
    headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "User-Agent": "curl/8.5.0"}
    async with (
        aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=10)) as curl,
        curl.get(f"{cloud.search}/search", params={"q": "from afar"}) as answer,
    ):
        assert answer.headers["traceparent"].split("-")[1] == TRACE
        told = answer.headers["Server-Timing"]
    row = page.locator("#requests-table tr", has_text="from afar")
    await expect(row).to_contain_text("curl")
    await expect(page.get_by_label("Others")).to_contain_text("curl")
    await row.get_by_role("link").click()
    await expect(page.get_by_text(f"Trace {TRACE}")).to_be_visible()
    shown = (await page.locator("pre").inner_text()).removeprefix("server-timing: ")
    assert re.sub(r"\s+", " ", shown).strip() == re.sub(r"\s+", " ", told)


async def test_pause_stops_the_motion_and_not_the_numbers(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console)
    await start_load(page)
    await until_dots(page)
    moving = await dots(page)
    await a_second_passes(page)
    assert await dots(page) != moving
    await page.get_by_role("button", name="Pause").click()
    await stopped(page)
    still = await dots(page)
    await a_second_passes(page)
    assert await dots(page) == still
    await page.get_by_role("button", name="Continue").click()
    await page.wait_for_function(
        "before => document.querySelector('.stage > canvas:not(.under)').toDataURL() !== before", arg=still
    )


async def test_reduced_motion_shows_table_first(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console, reduced_motion="reduce")
    await start_load(page)
    await expect(page.get_by_role("button", name="Continue")).to_have_attribute("aria-pressed", "true")
    await expect(page.locator("#requests-table tbody tr")).to_have_count(12)
    empty = await dots(page)
    await a_second_passes(page)
    assert await dots(page) == empty


async def test_rate_changed_on_either_page(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console)
    await start_load(page)
    await follows(page, 20)
    await page.get_by_role("button", name="More requests a second").click()
    await follows(page, 50)
    steering = await second_page(page, "load")
    await steering.get_by_label("Rate, requests/s").fill("12")
    await steering.get_by_role("button", name="Set").click()
    await follows(page, 12)
    await steering.get_by_role("button", name="Stop").click()
    await expect(steering.get_by_label("Verdict of the last run")).to_be_visible()
    await expect(of_front_end(page, "req/s")).to_have_text("0")
    async with steering.expect_popup() as opening:
        await steering.get_by_role("link", name="Report of run 1").click()
    report = await opening.value
    await expect(report.get_by_role("heading", name="Load report")).to_be_visible()
    await expect(report.locator(".plot canvas").first).to_be_visible()


async def test_kill_shows_death_marks_and_replacement(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console)
    await start_load(page)
    await follows(page, 20)
    load = await second_page(page, "load")
    await load.get_by_text("The same figures as a table").click()
    button, verdict, strip = (
        page.get_by_role("button", name="Kill one", exact=True),
        page.get_by_label("Verdict"),
        page.get_by_label("Tasks and events"),
    )
    await expect(button).to_be_enabled()
    before = set(await page.locator(".card h3 a").all_inner_texts())
    await button.click()
    await asyncio.gather(
        expect(strip.locator("li", has_text="its program was killed").first).to_be_visible(timeout=SEEN_WITHIN_MS),
        expect(load.locator(".marks li", has_text="kill i-").first).to_be_visible(timeout=SEEN_WITHIN_MS),
        expect(verdict).to_contain_text(re.compile(r"noticed after\s*\d"), timeout=SEEN_WITHIN_MS),
    )
    await expect(button).to_be_disabled()
    ghost = page.locator(".card.dead")
    await expect(ghost).to_contain_text(re.compile(r"killed \d\d:\d\d:\d\d"))
    assert await ghost.locator("a").inner_text() in before
    await expect(verdict).to_contain_text(re.compile(r"replaced after\s*\d"), timeout=HEALED_WITHIN_MS)
    await expect(verdict).to_contain_text(re.compile(r"lost requests\s*\d+"), timeout=HEALED_WITHIN_MS)
    await expect(verdict).to_contain_text(re.compile("before.*during"))
    await expect(load.locator(".marks li", has_text="replaced").first).to_be_visible()
    await expect(ghost).to_have_count(0)
    await served(page, len(before))
    after = set(await page.locator(".card h3 a").all_inner_texts())
    assert len(before - after) == len(after - before) == 1


async def test_kill_on_instance_page(console: str, open_page: OpenPage) -> None:
    page = await opened(open_page, console, "instances")
    await page.get_by_label("Filter").fill("shard=0 running")
    await page.locator("tbody a").first.click()
    state = page.locator(".top .state")
    await expect(state).to_contain_text("running")
    await page.get_by_role("button", name="Kill", exact=True).click()
    await page.get_by_role("dialog").get_by_role("button", name="Kill", exact=True).click()
    await expect(state).to_contain_text(re.compile("stopped|terminated"), timeout=SEEN_WITHIN_MS)
    await page.get_by_role("tab", name="Events").click()
    await expect(page.get_by_role("tabpanel")).to_contain_text("its program was killed")
    await expect(page.get_by_role("button", name="Kill", exact=True)).to_be_disabled()
    await page.get_by_role("tab", name="Faults").click()
    await expect(page.get_by_role("tabpanel")).to_contain_text("Last result", timeout=HEALED_WITHIN_MS)
