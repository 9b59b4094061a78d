"""The report's page in a browser: its charts are drawn from disk under its own policy, on screens and on paper."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from console_page import OpenPage, axe
from playwright.async_api import expect

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "load"))

from load_runs import run

from client.load.plan.model import constant
from client.load.report.page.page import report_page, sweep_page
from client.load.sweep import RateRange, Sweep, step_of

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

CHARTS = 4
DRAWN = """() => [...document.querySelectorAll(".plot canvas")].map((canvas) => {
    return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some(value => value);
})"""


@pytest.fixture
def page_url(tmp_path: Path) -> str:
    path = tmp_path / "run.html"
    path.write_text(report_page([run((2000, 3000, 9000, 40_000, 2000), errors=(0, 0, 7))]), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("settings", [{}, {"color_scheme": "dark"}, {"width": 390, "height": 844}])
async def test_charts_are_drawn_and_fit(page_url: str, open_page: OpenPage, settings: dict[str, object]) -> None:
    page = await open_page(page_url, **settings)
    await expect(page.locator(".plot canvas")).to_have_count(CHARTS)
    assert await page.evaluate(DRAWN) == [True] * CHARTS
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await axe(page) == []


async def test_pointer_shows_the_values_of_a_column(page_url: str, open_page: OpenPage) -> None:
    page = await open_page(page_url)
    await page.locator(".u-over").first.hover()
    await expect(page.locator(".u-legend").first).to_contain_text("1,000/s")


async def test_printing_uses_light_colors_and_the_width_of_the_paper(page_url: str, open_page: OpenPage) -> None:
    page = await open_page(page_url, color_scheme="dark", width=390, height=844)
    await page.evaluate("dispatchEvent(new Event('beforeprint'))")
    await expect(page.locator(".plot canvas").first).to_have_attribute("width", "1000")
    assert await page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--paper')") == "#ffffff"
    await page.evaluate("dispatchEvent(new Event('afterprint'))")
    await expect(page.locator(".plot canvas").first).not_to_have_attribute("width", "1000")


async def test_sweep_is_drawn(tmp_path: Path, open_page: OpenPage) -> None:
    rates = RateRange(from_per_s=100, to_per_s=1000, steps=3)
    steps = tuple(step_of(rate, run((took_us,) * 5, per_s=rate)) for rate, took_us in ((100, 900), (1000, 30_000)))
    path = tmp_path / "sweep.html"
    plan = constant("http://127.0.0.1:8000/", 100, duration_s=5)
    path.write_text(sweep_page(Sweep(range=rates, steps=steps), plan), encoding="utf-8")
    page = await open_page(path.as_uri())
    assert await page.evaluate(DRAWN) == [True]
    await expect(page.get_by_role("region", name="Steps by rate")).to_be_visible()
    assert await axe(page) == []
