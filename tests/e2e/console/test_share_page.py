"""The audience's page in a browser as narrow as a phone, on a whole cloud, without errors."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from console_page import OpenPage, axe
from playwright.async_api import expect

from client.console.request_guard import ConsoleKey
from client.console.share.sharing_client import sharing_client
from client.local.state_dir import LocalFacts

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(cloud: LocalFacts, console: str) -> AsyncIterator[str]:
    """The audience's address, on loopback; closed again in the end."""
    key = ConsoleKey(token=console.rpartition("token=")[2])
    async with sharing_client(cloud.console, key) as order:
        told = await order.share("POST", {"address": "127.0.0.2", "port": 0})
        yield told["share"]["url"]
        await order.share("DELETE")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_phone_searches_and_reads_document(shared: str, open_page: OpenPage, scheme: str) -> None:
    page = await open_page(shared, width=360, height=740, color_scheme=scheme, has_touch=True)
    await page.get_by_text("Your dot").tap()
    await page.get_by_label("Your name on the screen").fill("Ann")
    await page.get_by_role("radio", name="violet").check(force=True)
    await page.get_by_role("searchbox").fill("hypervisor")
    await page.get_by_role("button", name="Search").click()
    answer = page.get_by_role("region", name="Search results")
    await expect(answer.get_by_role("heading")).to_have_text("Found for “hypervisor”")
    await expect(answer.locator(".took")).to_contain_text("answered")
    await expect(answer.get_by_text("What is a hypervisor?")).to_be_visible()
    await answer.get_by_role("button", name="What is a hypervisor?").tap()
    await expect(answer.locator(".document p").first).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    await page.get_by_text("Last requests as a table").tap()
    await expect(page.get_by_role("cell", name="Ann").first).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    assert await axe(page) == []


async def test_name_and_colour_are_stored(shared: str, open_page: OpenPage) -> None:
    page = await open_page(shared, width=360, height=740)
    await page.get_by_text("Your dot").click()
    await page.get_by_label("Your name on the screen").fill("Bo")
    await page.get_by_role("radio", name="teal").check(force=True)
    await page.reload()
    await expect(page.get_by_text("Your dot")).to_contain_text("Bo, teal")


async def test_reduced_motion_on_phone(shared: str, open_page: OpenPage) -> None:
    page = await open_page(shared, width=360, height=740, reduced_motion="reduce")
    await expect(page.get_by_text("Dots are off; the numbers are live.")).to_be_visible()
    await expect(page.get_by_role("table")).to_be_visible()
    await page.get_by_role("button", name="Show moving dots").click()
    await expect(page.get_by_role("button", name="Pause dots")).to_be_visible()
