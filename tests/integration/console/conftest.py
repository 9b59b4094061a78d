"""A served console on a cloud of fake instances, without a search service."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest_asyncio

from client.console.console_server import ConsoleSettings, serve_console
from client.console.request_guard import ConsoleKey
from client.console.serialize import CONSOLE_AGENT
from client.session import open_session
from tests.integration.console.console_client import Console
from tests.integration.ec2.ec2_server import served
from vmhost.base.web import listen
from vmhost.drivers.fake import FakeSettings


@contextlib.asynccontextmanager
async def _console(folder: Path, *, restarted: bool = False, boot_s: float = 0.0) -> AsyncIterator[Console]:
    """A console whose reader has no key. Its hosts have room for 4 t3.nano each; commands in guests last."""
    key = ConsoleKey.create()
    settings = FakeSettings(cpu_cores=2, memory_mib=5120, execute_s=60.0, boot_s=boot_s)
    with listen("127.0.0.1", 0) as closed:
        search = f"http://127.0.0.1:{closed.getsockname()[1]}"
    console_settings = ConsoleSettings(
        key=key, port=0, shown_search=search, shown_api="http://127.0.0.1:4566", restarted=restarted
    )
    async with (
        served(folder, settings=settings) as cloud,
        open_session(cloud.access, search, agent=CONSOLE_AGENT) as session,
        serve_console(session, console_settings) as url,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser,
    ):
        yield Console(url=url.rstrip("/"), key=key, served=cloud, browser=browser)


@pytest_asyncio.fixture
async def locked(tmp_path: Path) -> AsyncIterator[Console]:
    """A console whose reader has no key."""
    async with _console(tmp_path) as console:
        yield console


@pytest_asyncio.fixture
async def slow(tmp_path: Path) -> AsyncIterator[Console]:
    """A console whose reader may act, on a cloud whose instances stay pending."""
    async with _console(tmp_path, boot_s=60.0) as console:
        await console.unlock()
        yield console


@pytest_asyncio.fixture
async def restarted(tmp_path: Path) -> AsyncIterator[Console]:
    """A console in the place of one that ended."""
    async with _console(tmp_path, restarted=True) as console:
        yield console


@pytest_asyncio.fixture
async def console(locked: Console) -> Console:
    """A console whose reader may act."""
    await locked.unlock()
    return locked
