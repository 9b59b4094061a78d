"""The system's own Chromium, driven by Playwright: for tests, measurements and pictures of the console.

Law: no browser is ever downloaded; what runs is what this machine has.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import Browser

VARIABLE = "CHROMIUM"
"""Environment variable: the program to use, by name or path."""
NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
HOW_TO_GET = f"install Chromium (Debian: apt install chromium), or name one in {VARIABLE}"
# Beside Playwright's own, which already keep it from updating, syncing and asking about itself.
FLAGS = ("--disable-gpu", "--disable-quic", "--disable-sync", "--no-first-run")
_START_DEADLINE_MS = 30_000


def program(environ: Mapping[str, str] = os.environ, which: Callable[[str], str | None] = shutil.which) -> str | None:
    """The path of the Chromium to use: the one that is named, else the first that is known; None where none is."""
    if named := environ.get(VARIABLE):
        return which(named)
    return next((path for name in NAMES if (path := which(name))), None)


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser without a window and with nobody's profile; gone with the block. Raises RuntimeError where none is.

    Its sandbox is left out for the superuser alone, who cannot have it."""
    from playwright.async_api import async_playwright

    if (path := program()) is None:
        raise RuntimeError(f"no Chromium was found; {HOW_TO_GET}")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, args=list(FLAGS), chromium_sandbox=os.geteuid() != 0, timeout=_START_DEADLINE_MS
        )
        try:
            yield browser
        finally:
            await browser.close()
