"""Steps that tests of the console share: opening it, acting on it, moving through it with the keyboard."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from console_page import OpenPage
from playwright.async_api import Locator, Page, expect

WIDTHS = ((1280, 720), (390, 844))
_STOPS_MAX = 150
_DOTS = ".stage > canvas:not(.under)"
_FOCUSED = "element => element === document.activeElement"
_SEEN = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return "nothing has the focus";
  const box = one.getBoundingClientRect();
  const { outlineStyle, outlineWidth } = getComputedStyle(one);
  if (!box.width || !box.height) return `${one.outerHTML.slice(0, 120)} has the focus and no size`;
  const shown = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  return shown ? "" : `${one.outerHTML.slice(0, 120)} has the focus and does not show it`;
}"""
# The middle of all that is drawn in the colour of the person's own dots, in the window's pixels; null where nothing is.
_OWN_DOT = """selector => {
  const canvas = document.querySelector(selector);
  const wanted = getComputedStyle(canvas).getPropertyValue("--dot-mine").trim();
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(wanted.slice(at, at + 2), 16));
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let [x, y, found] = [0, 0, 0];
  for (let at = 0; at < data.length; at += 4)
    if (data[at] === red && data[at + 1] === green && data[at + 2] === blue && data[at + 3] === 255) {
      x += (at / 4) % canvas.width;
      y += Math.floor(at / 4 / canvas.width);
      found += 1;
    }
  const box = canvas.getBoundingClientRect();
  return found ? { x: box.left + x / found, y: box.top + y / found } : null;
}"""
_CALL = """async ([method, path, body]) => {
  const sent = { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(path, { method, ...(method === "GET" ? {} : sent) });
  return [answer.status, await answer.json()];
}"""
_ANY_DOT = """selector => {
  const canvas = document.querySelector(selector);
  return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value);
}"""


async def go(page: Page, place: str) -> None:
    """To another of the console's pages, as a link would."""
    await page.evaluate("place => { location.hash = place }", f"#/{place}")


async def opened(open_page: OpenPage, address: str, place: str = "", **settings: Any) -> Page:
    """The page there, live, with the right that the address gives."""
    page = await open_page(address, **settings)
    await page.wait_for_function("() => !location.hash.includes('token')")
    await page.get_by_label("Tasks and events").wait_for()
    await go(page, place)
    return page


async def second_page(page: Page, place: str) -> Page:
    """Another page of the same person, beside the first."""
    other = await page.context.new_page()
    await other.goto(f"{page.url.partition('#')[0]}#/{place}")
    return other


async def sideways(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    wide: int = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return wide


async def number(place: Locator) -> float:
    """Return the first number of its text; -1 without one."""
    found = re.search(r"[\d,]+(\.\d+)?", await place.inner_text())
    return float(found[0].replace(",", "")) if found else -1.0


def of_front_end(page: Page, name: str) -> Locator:
    """The front end's own figure of that name."""
    return page.get_by_label("Front end").locator("div", has=page.get_by_text(name, exact=True)).locator("dd")


async def follows(page: Page, rate: float) -> None:
    """Waits until the front end has counted a second with about that many requests: its count, not our wish."""
    figure = await of_front_end(page, "req/s").element_handle()
    assert figure is not None
    await page.wait_for_function(
        "([figure, low, high]) => (n => n >= low && n <= high)(parseFloat(figure.textContent.replaceAll(',', '')))",
        arg=[figure, rate * 0.6, rate * 1.4],
    )


async def dots(page: Page) -> str:
    """The layer of dots as it is drawn now."""
    picture: str = await page.locator(_DOTS).evaluate("canvas => canvas.toDataURL()")
    return picture


async def until_dots(page: Page) -> None:
    """Waits until some dot is drawn."""
    await page.wait_for_function(_ANY_DOT, arg=_DOTS)


async def own_dot(page: Page) -> tuple[float, float]:
    """Where the person's own dot stands, as the layer has drawn it."""
    at = await (await page.wait_for_function(_OWN_DOT, arg=_DOTS)).json_value()
    return at["x"], at["y"]


async def stopped(page: Page) -> None:
    """Returns when Pause has been drawn: a click is heard at once and seen with the next frames."""
    await expect(page.get_by_role("button", name="Continue")).to_have_attribute("aria-pressed", "true")
    for _ in range(3):
        await page.evaluate("() => new Promise((done) => requestAnimationFrame(done))")


async def a_second_passes(page: Page) -> None:
    """Waits until the front end's count of a whole second has come in, and its successor."""
    counted = "async () => (await import('/assets/lib/store.js')).current().seconds"
    last = await page.evaluate(f"async () => [...(await ({counted})()).keys()].at(-1)")
    await page.wait_for_function(
        f"async (last) => [...(await ({counted})()).keys()].filter((at) => at > last).length >= 2", arg=last
    )


async def tab_to(page: Page, target: Locator, key: str = "Tab") -> None:
    """Presses Tab until the target has the focus; every stop on the way has one that shows."""
    for _ in range(_STOPS_MAX):
        if await target.count() == 1 and await target.evaluate(_FOCUSED):
            return
        await page.keyboard.press(key)
        why = await page.evaluate(_SEEN)
        # After the last stop the focus is the browser's own for one press.
        assert not why or why == "nothing has the focus", why
    raise AssertionError(f"{target} is not reached by {_STOPS_MAX} presses of {key}")


async def press(page: Page, target: Locator, key: str = "Enter") -> None:
    """Reaches the target by Tab and presses the key there."""
    await tab_to(page, target)
    await page.keyboard.press(key)


async def call(page: Page, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Asks the console as its page does, with the right that the page has; status and answer."""
    status, answer = await page.evaluate(_CALL, [method, path, body or {}])
    return status, answer


@asynccontextmanager
async def shared(page: Page) -> AsyncIterator[str]:
    """The audience's page, served for this machine alone; gone with the block."""
    status, told = await call(page, "POST", "/api/share", {"address": "127.0.0.1", "port": 0})
    assert status == 201, told
    try:
        yield told["share"]["url"]
    finally:
        await call(page, "DELETE", "/api/share")


async def served(page: Page, many: int = 4) -> None:
    """Wait until this number of cards on the overview is running."""
    await expect(page.locator(".card.is-running")).to_have_count(many, timeout=30_000)
