"""Screenshots of pages, at the width of a projector and of a phone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urljoin

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

SIZES = ((1280, 720), (390, 844))
"""Width and height in CSS pixels."""
BYTES_MAX = 150_000
QUALITY = 85
"""At this quality text shows no compression artifacts, and a picture is half the size of a PNG."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One screenshot: its page, and what to do there before it is taken."""

    name: str
    path: str
    """Relative to the start page; may be only a fragment, such as `#/hosts`."""
    act: Callable[[Page], Awaitable[None]] | None = None
    """Brings the page to the wanted state and waits for it."""
    scheme: Literal["light", "dark"] = "light"


async def take(
    browser: Browser, start: str, shots: Sequence[Shot], folder: Path, *, ready: str = "() => true"
) -> AsyncIterator[Path]:
    """Write `NAME-WIDTH.webp` for every shot and size; yields each path once it is written.

    Each screenshot is a separate visit that begins at `start`, so that the token in its fragment is exchanged first;
    `ready` is a JavaScript function that returns true once that is done. Raises ValueError for a picture larger than
    BYTES_MAX, which would make every clone of the repository larger."""
    folder.mkdir(parents=True, exist_ok=True)
    for shot in shots:
        for width, height in SIZES:
            path = folder / f"{shot.name}-{width}.webp"
            content = await _picture(browser, start, shot, width, height, ready)
            if len(content) > BYTES_MAX:
                raise ValueError(f"{path.name} has {len(content)} bytes; the maximum is {BYTES_MAX}")
            path.write_bytes(content)
            yield path


async def _picture(browser: Browser, start: str, shot: Shot, width: int, height: int, ready: str) -> bytes:
    async with await browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=shot.scheme, has_touch=width < SIZES[0][0]
    ) as context:
        page = await context.new_page()
        await page.goto(start)
        await page.wait_for_function(ready)
        await page.goto(urljoin(start, shot.path))
        if shot.act is not None:
            await shot.act(page)
        return await page.screenshot(type="webp", quality=QUALITY, scale="css", caret="hide")
