"""The test harness finds each kind of problem of a page, and none on a good page."""

from __future__ import annotations

from typing import Any

import pytest
from console_page import OpenPage, axe, watched
from playwright.async_api import Browser
from stub_server import LOOSE, PAGE, Served

from client.local.state_dir import LocalFacts

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def visit(browser: Browser, url: str, *, pages: int = 1, fail: bool = False, **settings: Any) -> None:
    """Opens the page, and as many more beside it, and lets them finish what they do."""
    async with watched(browser, url, **settings) as page:
        await page.wait_for_load_state("networkidle")
        for _ in range(1, pages):
            await (await page.context.new_page()).goto(url, wait_until="networkidle")
        assert not fail, "the test's own failure"


async def test_a_good_page_passes(serve: Served, open_page: OpenPage) -> None:
    serve.script = "document.querySelector('.text').textContent = 'It ran.'; console.log('fine'); fetch('/elsewhere');"
    page = await open_page(serve.url)
    await page.get_by_text("It ran.").wait_for()
    assert await axe(page) == []


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("console.error('no such shard');", "console error: no such shard"),
        ("console.assert(1 > 2, 'sums');", "console assert: sums"),
        ("setTimeout(() => { throw new TypeError('not a map'); });", "uncaught: TypeError: not a map"),
        ("Promise.reject(new Error('not awaited'));", "uncaught: Error: not awaited"),
        ("fetch('/missing');", "console error: Failed to load resource: .* 404"),
        ("document.head.append(document.createElement('style'));"
         "document.querySelector('style').textContent = 'p { color: red }';", "policy violated: style-src-elem"),
        ("try { eval('1') } catch {}", "policy violated: script-src forbids eval"),
        ("fetch('http://localhost:9/').catch(() => 0);", "policy violated: connect-src forbids http://localhost:9"),
    ],
)  # fmt: skip
async def test_page_problems_found(serve: Served, browser: Browser, script: str, why: str) -> None:
    serve.script = script
    with pytest.raises(AssertionError, match=f"the page did what it must not:(.|\n)*{why}"):
        await visit(browser, serve.url)


async def test_network_change_is_no_fault_of_page(serve: Served, open_page: OpenPage) -> None:
    page = await open_page(serve.url)
    await page.evaluate("console.error('Failed to load resource: net::ERR_NETWORK_CHANGED')")


async def test_request_to_another_host_found(serve: Served, browser: Browser) -> None:
    serve.policy = LOOSE
    serve.script = f"new Image().src = 'http://localhost:{serve.port}/elsewhere';"
    with pytest.raises(AssertionError, match=rf"request to another host: GET http://localhost:{serve.port}/elsewhere"):
        await visit(browser, serve.url)


async def test_second_page_checked_too(serve: Served, browser: Browser) -> None:
    serve.script = "if (document.cookie) console.error('second'); else document.cookie = 'been=here';"
    with pytest.raises(AssertionError, match="console error: second"):
        await visit(browser, serve.url, pages=2)


async def test_failing_test_reports_page_problems(serve: Served, browser: Browser) -> None:
    serve.script = "console.error('no such shard');"
    with pytest.raises(AssertionError, match="the test's own failure") as raised:
        await visit(browser, serve.url, fail=True)
    assert "console error: no such shard" in raised.value.__notes__[0]


async def test_expected_problems_ignored(serve: Served, browser: Browser) -> None:
    serve.script = "console.error('expected');"
    await visit(browser, serve.url, allow="console error: expected")
    serve.script += "console.error('surprise');"
    with pytest.raises(AssertionError, match="surprise") as raised:
        await visit(browser, serve.url, allow="console error: expected")
    assert "expected" not in str(raised.value)


@pytest.mark.parametrize(
    ("change", "breach"),
    [
        (("<button>One", "<button>"), "button-name (critical) at button:nth-child(3): "),
        (('lang="en"', ""), "html-has-lang (serious) at html: "),
        (('class="text"', 'class="pale"'), "color-contrast (serious) at p: "),
        (("<button>One", '<button class="small">One'), "target-size (serious) at .small: "),
    ],
)
async def test_axe_finds_violations(serve: Served, open_page: OpenPage, change: tuple[str, str], breach: str) -> None:
    serve.page = PAGE.replace(*change)
    serve.style = "button { padding: 8px 16px } .pale { color: #bbb } .small { padding: 0; border: 0; font-size: 8px }"
    page = await open_page(serve.url)
    found = await axe(page)
    assert [line for line in found if not line.startswith(breach)] == []
    assert len(found) == 1


async def test_axe_respects_policy(serve: Served, open_page: OpenPage) -> None:
    serve.style = '@import "/style.css?more"; button { padding: 8px 16px }'
    page = await open_page(serve.url)
    assert await axe(page) == []


async def test_axe_within_selector(serve: Served, open_page: OpenPage) -> None:
    serve.page = PAGE.replace("<button>One", "<button>")
    page = await open_page(serve.url)
    assert await axe(page, within="h1") == []


async def test_the_search_page_of_a_whole_cloud_passes(cloud: LocalFacts, open_page: OpenPage) -> None:
    page = await open_page(f"{cloud.search}/search?q=hypervisor", width=390, height=844, color_scheme="dark")
    await page.get_by_role("searchbox").wait_for()
    assert "hypervisor" in await page.get_by_role("searchbox").input_value()
    assert await axe(page) == []
