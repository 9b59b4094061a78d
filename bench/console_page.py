"""The real console program on a replayed cloud, and its pages in Chromium with their measurements."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import chromium
from bench.measurement import MissingPrerequisite
from bench.platform_setup import until_file
from vmhost.api.access import Access
from vmhost.base.web import LIFELINE

if TYPE_CHECKING:
    from playwright.async_api import Browser, CDPSession, Page

WIDTH, HEIGHT = 1280, 720
_TRIES = 3
_COLLECT_FRAMES = """() => {
    const times = window.benchFrames = [];
    const note = at => { times.push(at); requestAnimationFrame(note); };
    requestAnimationFrame(note);
}"""


def require_chromium() -> None:
    """Raises MissingPrerequisite without a Chromium."""
    if chromium.program() is None:
        raise MissingPrerequisite(f"needs a browser: {chromium.HOW_TO_GET}")


@contextlib.asynccontextmanager
async def console(*, speed: float, front_end: str = "") -> AsyncIterator[str]:
    """Run `glasscloud console` on a replay of that speed inside the context, and give its URL.

    Its search service is `front_end`, by default that of the replay."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="glasscloud-bench-")))
        replay = await stack.enter_async_context(
            _program(folder / "replay.json", ["-m", "bench.replay_server", str(folder / "replay.json"), str(speed)])
        )
        access = folder / "access.json"
        access.write_text(json.dumps(asdict(Access.fresh(replay))))
        command = ["-m", "client", "console", "--access", str(access), "--frontend", front_end or replay, "--port", "0"]
        ready = folder / "console.json"
        yield await stack.enter_async_context(_program(ready, [*command, "--ready", str(ready)]))


@contextlib.asynccontextmanager
async def _program(ready: Path, arguments: list[str]) -> AsyncIterator[str]:
    """Start a Python program and give its URL once it is ready. It ends with this process, however that ends."""
    theirs, ours = os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, pass_fds=(theirs,), env=os.environ | {LIFELINE: str(theirs)}
    )
    os.close(theirs)
    try:
        await until_file(ready, process)
        yield json.loads(ready.read_text())["url"]
    finally:
        os.close(ours)
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        async with asyncio.timeout(20):
            await process.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What a page has used so far, as Chromium reports it."""

    at: float
    """Monotonic seconds."""
    main_thread_s: float
    """CPU time of its main thread's tasks."""
    heap_bytes: float
    nodes: float


class OpenedPage:
    """One page of the console in its own browser context, without cookies or cache."""

    def __init__(self, page: Page, devtools: CDPSession) -> None:
        self.page = page
        self.devtools = devtools
        self._received: dict[str, int] = {}
        self._aborted: asyncio.Future[None]

    async def go(self, url: str) -> None:
        """Open the overview and wait for its first card.

        A browser aborts a load when a network interface of the computer appears or disappears, as happens with every
        container that others start here; such a load is tried again."""
        for _ in range(_TRIES):
            self._received.clear()
            self._aborted = asyncio.get_running_loop().create_future()
            await self.page.goto(url)
            card = asyncio.ensure_future(self.page.wait_for_selector(".card"))
            await asyncio.wait((card, self._aborted), return_when=asyncio.FIRST_COMPLETED)
            if card.done():
                await card
                return
            card.cancel()
            await asyncio.wait((card,))
        raise RuntimeError(f"the network interfaces of this computer changed during each of {_TRIES} loads")

    async def listen(self) -> None:
        """Start counting what the page uses."""
        self.devtools.on("Network.responseReceived", self._answered)
        self.devtools.on("Network.dataReceived", self._read)
        self.devtools.on("Network.loadingFinished", self._loaded)
        self.devtools.on("Network.loadingFailed", self._failed)
        # In this time domain, a task's time is CPU time, not elapsed time.
        await self.devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
        await self.devtools.send("Network.enable")

    @property
    def received(self) -> int:
        """Bytes received, including headers; for an open stream, those received so far."""
        return sum(self._received.values())

    def _answered(self, event: dict[str, Any]) -> None:
        self._received[event["requestId"]] = event["response"]["encodedDataLength"]

    def _read(self, event: dict[str, Any]) -> None:
        if event["requestId"] in self._received:
            self._received[event["requestId"]] += event["encodedDataLength"]

    def _failed(self, event: dict[str, Any]) -> None:
        if event["errorText"] == "net::ERR_NETWORK_CHANGED" and not self._aborted.done():
            self._aborted.set_result(None)

    def _loaded(self, event: dict[str, Any]) -> None:
        self._received[event["requestId"]] = event["encodedDataLength"]

    async def readings(self, *, collect: bool = False) -> Readings:
        """What the page has used; with `collect`, after a garbage collection."""
        if collect:
            await self.devtools.send("HeapProfiler.collectGarbage")
        metrics = {
            each["name"]: each["value"] for each in (await self.devtools.send("Performance.getMetrics"))["metrics"]
        }
        return Readings(
            at=time.monotonic(),
            main_thread_s=metrics["TaskDuration"],
            heap_bytes=metrics["JSHeapUsedSize"],
            nodes=metrics["Nodes"],
        )

    async def collect_frames(self) -> None:
        """Start recording when each frame begins."""
        await self.page.evaluate(_COLLECT_FRAMES)

    async def frames_ms(self) -> list[float]:
        """The duration of each frame."""
        times: list[float] = await self.page.evaluate("() => benchFrames")
        return [later - earlier for earlier, later in itertools.pairwise(times)]

    async def last_second(self) -> float:
        """The last second of the service that the page has received, in epoch seconds."""
        code = 'async () => [...(await import("/assets/lib/store.js")).current().seconds.keys()].at(-1)'
        return float(await self.page.evaluate(code))


@contextlib.asynccontextmanager
async def opened(browser: Browser, url: str, *, script: str = "") -> AsyncIterator[OpenedPage]:
    """Open the overview and wait for its first cards; `script` runs in the page before its own scripts."""
    async with await browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}) as context:
        page = await context.new_page()
        if script:
            await page.add_init_script(script)
        devtools = await context.new_cdp_session(page)
        opened_page = OpenedPage(page, devtools)
        await opened_page.listen()
        await opened_page.go(url)
        yield opened_page
