"""The watcher of a platform that stops responding and comes back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator

from aiohttp import web

from client.session import CloudWatcher
from vmhost.api.access import Access
from vmhost.api.client import CloudClient
from vmhost.api.views import FaultView
from vmhost.base.web import listen, serve

EVENT = (
    b'event: fault\ndata: {"fault_id": "f", "fault": "cpu_hog", "instance_id": "i", "phase": "started", "at": 1}\n\n'
)


@contextlib.asynccontextmanager
async def platform(port: int) -> AsyncIterator[str]:
    """Sends one event to each listener, then nothing."""

    async def events(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(EVENT)
        await asyncio.get_running_loop().create_future()
        return response

    async with serve(events, listen("127.0.0.1", port), drain_s=0.01) as url:
        yield url


async def test_silence_and_return_are_reported_once() -> None:
    events_seen: asyncio.Queue[object] = asyncio.Queue()
    async with contextlib.AsyncExitStack() as first:
        url = await first.enter_async_context(platform(0))
        async with CloudClient(Access.fresh(url)) as cloud:
            watch = CloudWatcher(cloud)
            watch.listeners.append(lambda change: events_seen.put_nowait(change.event))
            watch.answering.append(events_seen.put_nowait)
            following = asyncio.create_task(watch.run())
            try:
                async with asyncio.timeout(20):
                    assert isinstance(await events_seen.get(), FaultView)
                    await first.aclose()
                    assert await events_seen.get() is False
                    async with platform(int(url.rpartition(":")[2])):
                        assert await events_seen.get() is True
                        assert isinstance(await events_seen.get(), FaultView)
                assert events_seen.empty()
            finally:
                following.cancel()


def test_log_level_comes_from_the_environment() -> None:
    code = """
import argparse
from client.cli import _guarded
from client.cli.command import Command
from vmhost.base.logs import get_logger
def run(args):
    get_logger("here").debug("quiet_words")
    get_logger("here").warning("loud_words")
    return 0
raise SystemExit(_guarded("x", Command(help="", examples="", add_arguments=print, run=run), argparse.Namespace()))
"""

    def said(level: str) -> tuple[int, str]:
        environment = os.environ | {"GLASSCLOUD_LOG_LEVEL": level}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=20, check=False
        )
        return done.returncode, done.stderr

    code_quiet, quiet = said("")
    code_debug, debug = said("debug")
    assert (code_quiet, "loud_words" in quiet, "quiet_words" in quiet) == (0, True, False)
    assert (code_debug, "quiet_words" in debug) == (0, True)
    assert said("loudly") == (
        2, "glasscloud x: GLASSCLOUD_LOG_LEVEL=loudly is not a log level; choose one of debug, info, warning, error\n"
    )  # fmt: skip
