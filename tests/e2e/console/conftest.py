"""One browser and one cloud for all tests of a file; each test opens pages of its own.

Tests here are marked `browser` and run on their module's loop:
`pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, Page

sys.path.insert(0, str(Path(__file__).parent))

from console_page import OpenPage, watched
from stub_server import Served

from bench.chromium import chromium
from client.local.local_plan import LocalPlan
from client.local.state_dir import LocalFacts
from client.local.supervised_cloud import own_cloud
from client.local.target_cloud import console_address


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """The system's Chromium; pages come from `open_page`, or from `watched` where a test wants the end in its hand."""
    async with chromium() as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def open_page(browser: Browser) -> AsyncIterator[OpenPage]:
    async with contextlib.AsyncExitStack() as pages:

        async def opened(url: str, **settings: Any) -> Page:
            return await pages.enter_async_context(watched(browser, url, **settings))

        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> AsyncIterator[LocalFacts]:
    """A whole cloud on ports of its own, with processes as machines unless a module asks for others by parametrizing it
    indirectly; it dies with this process however that ends."""
    plan = LocalPlan(
        state=str(tmp_path_factory.mktemp("cloud")),
        cloud=Path(str(request.path)).stem.removeprefix("test_").replace("_", "-"),
        driver=getattr(request, "param", "process"),
        api_port=0,
        search_port=0,
        console_port=0,
        temporary=True,
    )
    async with own_cloud(plan, print) as supervisor:
        yield supervisor.facts


@pytest.fixture(scope="module")
def console(cloud: LocalFacts) -> str:
    """Where a person opens the cloud's console with the right to act; without its fragment it is read-only."""
    assert cloud.console, f"no console came up: {cloud.notes}"
    return console_address(cloud)


@pytest_asyncio.fixture(loop_scope="module")
async def serve() -> AsyncIterator[Served]:
    """A server whose page, script, style and policy a test sets before it opens the page."""
    one = Served()
    runner = web.AppRunner(one.app(), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        one.port = runner.addresses[0][1]
        yield one
    finally:
        await runner.cleanup()
