"""The system's Chromium, driven by Playwright: for tests, benchmarks and screenshots of the console.

A browser is never downloaded; the one that is installed on this computer is used.
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
"""Environment variable with the name or path of the browser to use."""
NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
HOW_TO_GET = f"install Chromium (Debian: apt install chromium), or name one in {VARIABLE}"
# In addition to Playwright's own flags, which already turn off updates and first-run pages.
FLAGS = ("--disable-gpu", "--disable-quic", "--disable-sync", "--no-first-run")
_START_DEADLINE_MS = 30_000


def program(environ: Mapping[str, str] = os.environ, which: Callable[[str], str | None] = shutil.which) -> str | None:
    """The path of the Chromium to use: the one in the environment variable, else the first known one, or None."""
    if named := environ.get(VARIABLE):
        return which(named)
    return next((path for name in NAMES if (path := which(name))), None)


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run a browser without a window and with an empty profile. Raises RuntimeError without a Chromium.

    It has a sandbox unless this user is root, for whom Chromium has none."""
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
