"""Screenshots are taken of each page at both widths, and are small."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from bench import pictures
from bench.pictures import Shot, take
from client.local.state_dir import LocalFacts

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def size_of(path: Path, page: Page) -> tuple[int, int]:
    """Width and height as the browser decodes it."""
    await page.goto(path.as_uri())
    width, height = await page.evaluate("() => [document.images[0].naturalWidth, document.images[0].naturalHeight]")
    return width, height


async def test_pictures_of_each_page_and_width(cloud: LocalFacts, browser: Browser, tmp_path: Path) -> None:
    seen = []

    async def act(page: Page) -> None:
        seen.append(await page.evaluate("() => [location.hash, innerWidth, document.title]"))

    shots = [Shot(name="results", path="/search?q=kernel"), Shot(name="part", path="#/part", act=act)]
    paths = [path async for path in take(browser, f"{cloud.search}/#token=1", shots, tmp_path / "new")]
    assert [path.name for path in paths] == [
        "results-1280.webp", "results-390.webp", "part-1280.webp", "part-390.webp",
    ]  # fmt: skip
    assert [each[:2] for each in seen] == [["#/part", 1280], ["#/part", 390]]
    page = await browser.new_page()
    assert [await size_of(path, page) for path in paths[:2]] == [(1280, 720), (390, 844)]
    await page.close()


async def test_large_picture_refused(
    cloud: LocalFacts, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "BYTES_MAX", 1000)
    taken = take(browser, cloud.search, [Shot(name="home", path="/")], tmp_path)
    with pytest.raises(ValueError, match=r"home-1280.webp has \d+ bytes; the maximum is 1000"):
        await anext(taken)
    assert list(tmp_path.iterdir()) == []
