"""Opens pages of the console in a real browser and fails the test if they report errors or break their policy."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, WebError

AXE = next(Path(__file__).parents[2].glob("vendor/axe-core-*/axe.min.js"))
# Level AA up to WCAG 2.2, whose one rule axe leaves out unless asked.
_AXE_OPTIONS = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "rules": {"target-size": {"enabled": True}},
    "resultTypes": ["violations"],
    # To read imported style sheets it would copy them into elements that the page's policy forbids. One rule would need
    # them, on a layout locked to one orientation.
    "preload": False,
}
_TELL_OF_POLICY = """
addEventListener("securitypolicyviolation", event => console.error(
    `policy violated: ${event.effectiveDirective} forbids ${event.blockedURI} (${event.sourceFile}:${event.lineNumber})`
))
"""
_DEADLINE_MS = 10_000
_HARMLESS_SCHEMES = ("data", "blob", "about")
# Chromium breaks off all requests when a network interface appears or goes, and an engine adds one for each container.
# It is the computer's doing, not the page's: the page loads or asks again (lib/again.js, lib/api.js, lib/stream.js).
_NETWORK_CHANGED = "net::ERR_NETWORK_CHANGED"


class OpenPage(Protocol):
    """Opens a page that is held to its promises until the test ends; see `watched` for what may be set."""

    async def __call__(self, url: str, **settings: Any) -> Page: ...


class Problems:
    """What the pages of one browsing context did that a page of the console must not."""

    def __init__(self, host: str, *, allow: str) -> None:
        """`host` is whom they may talk to; a problem in which the pattern `allow` is found does not count."""
        self.found: list[str] = []
        self._host = host
        self._allow = re.compile(allow) if allow else None

    async def watch(self, context: BrowserContext) -> None:
        """Notes from now on what any page of the context does."""
        await context.add_init_script(_TELL_OF_POLICY)
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("request", self._request)

    def __str__(self) -> str:
        return "\n".join(f"  {problem}" for problem in self.found)

    def _note(self, text: str) -> None:
        if self._allow is None or not self._allow.search(text):
            self.found.append(text)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "assert") and _NETWORK_CHANGED not in message.text:
            where = f" (at {url})" if (url := message.location["url"]) else ""
            self._note(f"console {message.type}: {message.text}{where}")

    def _error(self, error: WebError) -> None:
        self._note(f"uncaught: {error.error.stack or error.error.message}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in _HARMLESS_SCHEMES and parts.netloc != self._host:
            self._note(f"request to another host: {request.method} {request.url}")


@contextlib.asynccontextmanager
async def watched(
    browser: Browser, url: str, *, width: int = 1280, height: int = 720, allow: str = "", **settings: Any
) -> AsyncIterator[Page]:
    """A page at that address, in a browsing context of its own (no cookies, no cache).

    Leaving the block raises AssertionError naming all that its pages did wrong: errors on the console, uncaught
    errors, violations of the content security policy, requests to another host. What else may be set is what
    Playwright's `new_context` takes, such as `reduced_motion="reduce"` or `color_scheme="dark"`."""
    context = await browser.new_context(viewport={"width": width, "height": height}, **settings)
    context.set_default_timeout(_DEADLINE_MS)
    problems = Problems(urlsplit(url).netloc, allow=allow)
    try:
        await problems.watch(context)
        page = await context.new_page()
        await page.goto(url)
        yield page
        for each in context.pages:
            # A turn of each page's event loop, so that its pending reports arrive.
            await each.evaluate("() => new Promise(done => setTimeout(done))")
    except Exception as error:
        if problems.found:
            error.add_note(f"the page meanwhile:\n{problems}")
        raise
    else:
        assert not problems.found, f"the page did what it must not:\n{problems}"
    finally:
        await context.close()


async def axe(page: Page, *, within: str | None = None) -> list[str]:
    """The breaches of WCAG 2.2 AA that axe-core sees in the page, or in what the selector names; one line for each.

    It comes in beside the page's own scripts, so the page's policy neither forbids it nor is loosened."""
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(AXE.read_text())
    result = await page.evaluate("([where, options]) => axe.run(where ?? document, options)", [within, _AXE_OPTIONS])
    return [
        f"{violation['id']} ({violation['impact']}) at {' '.join(map(str, node['target']))}: {_why(node)}"
        for violation in result["violations"]
        for node in violation["nodes"]
    ]


def _why(node: dict[str, Any]) -> str:
    checks = [*node["any"], *node["all"], *node["none"]]
    return "; ".join(check["message"] for check in checks)
