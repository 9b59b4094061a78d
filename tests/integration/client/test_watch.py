"""The watch over a platform that goes and comes back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator

from aiohttp import web

from client.tour.session import Watch
from vmhost.api.access import Access
from vmhost.api.client import CloudClient
from vmhost.api.views import FaultView
from vmhost.base.web import listen, serve

EVENT = (
    b'event: fault\ndata: {"fault_id": "f", "fault": "cpu_hog", "instance_id": "i-1", "phase": "begun", "at": 1.0}\n\n'
)


@contextlib.asynccontextmanager
async def platform(port: int) -> AsyncIterator[str]:
    """Tells one event to whoever listens, then no more."""

    async def events(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(EVENT)
        await asyncio.get_running_loop().create_future()
        return response

    async with serve(events, listen("127.0.0.1", port), drain_s=0.01) as url:
        yield url


async def test_it_tells_once_that_the_platform_is_silent_and_once_that_it_answers_again() -> None:
    told: asyncio.Queue[object] = asyncio.Queue()
    async with contextlib.AsyncExitStack() as first:
        url = await first.enter_async_context(platform(0))
        async with CloudClient(Access.fresh(url)) as cloud:
            watch = Watch(cloud)
            watch.listeners.append(told.put_nowait)
            watch.answering.append(told.put_nowait)
            following = asyncio.create_task(watch.run())
            try:
                async with asyncio.timeout(20):
                    assert isinstance(await told.get(), FaultView)
                    await first.aclose()
                    assert await told.get() is False
                    async with platform(int(url.rpartition(":")[2])):
                        assert await told.get() is True
                        assert isinstance(await told.get(), FaultView)
                assert told.empty()
            finally:
                following.cancel()


def test_a_command_logs_nothing_below_a_warning_unless_the_environment_asks_for_it() -> None:
    code = """
import argparse, types
from client.cli import _guarded
from vmhost.base.logs import get_logger
def run(args):
    get_logger("here").debug("quiet_words")
    get_logger("here").warning("loud_words")
    return 0
raise SystemExit(_guarded(types.SimpleNamespace(NAME="x", run=run), argparse.Namespace()))
"""

    def said(level: str) -> tuple[int, str]:
        environment = os.environ | {"GLASSCLOUD_LOG_LEVEL": level}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=20, check=False
        )
        return done.returncode, done.stderr

    code_quiet, quiet = said("")
    code_asked, asked = said("debug")
    assert (code_quiet, "loud_words" in quiet, "quiet_words" in quiet) == (0, True, False)
    assert (code_asked, "quiet_words" in asked) == (0, True)
    assert said("loudly") == (
        2, "glasscloud x: GLASSCLOUD_LOG_LEVEL=loudly is not a log level; choose one of debug, info, warning, error\n"
    )  # fmt: skip
