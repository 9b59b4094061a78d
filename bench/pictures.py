"""Pictures of pages as people meet them, at a projector's width and a phone's."""

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
"""At which text shows no traces of the compression, and half of PNG's bytes are saved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One page to take: where it is and what is done there before the picture."""

    name: str
    path: str
    """Relative to where the visit starts; may be a fragment alone, such as `#/hosts`."""
    act: Callable[[Page], Awaitable[None]] | None = None
    """Brings the page to what the picture shall show, and waits until it shows."""
    scheme: Literal["light", "dark"] = "light"


async def take(
    browser: Browser, start: str, shots: Sequence[Shot], folder: Path, *, ready: str = "() => true"
) -> AsyncIterator[Path]:
    """Writes `NAME-WIDTH.webp` for every shot and size, and gives each path when it is there.

    Every picture is a visit of its own that begins at `start`, so that a token in its fragment is traded first;
    `ready` is a function of the page that is true once it was. Raises
    ValueError for a picture of more than BYTES_MAX, which would weigh on everyone who clones."""
    folder.mkdir(parents=True, exist_ok=True)
    for shot in shots:
        for width, height in SIZES:
            path = folder / f"{shot.name}-{width}.webp"
            content = await _picture(browser, start, shot, width, height, ready)
            if len(content) > BYTES_MAX:
                raise ValueError(f"{path.name} has {len(content)} bytes; expected at most {BYTES_MAX}")
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
