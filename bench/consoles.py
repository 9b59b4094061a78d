"""The real console program on a replayed cloud, and pages of it in Chromium whose cost is read."""

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
from bench.figures import Missing
from bench.machines import until_file
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


def need_chromium() -> None:
    """Raises Missing without a Chromium."""
    if chromium.program() is None:
        raise Missing(f"needs a browser: {chromium.HOW_TO_GET}")


@contextlib.asynccontextmanager
async def console(*, speed: float, front_end: str = "") -> AsyncIterator[str]:
    """The URL of `glasscloud console` on a replay of that speed, while the context lasts.

    Its search service is the `front_end`; the replay's where none is named."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="glasscloud-bench-")))
        replay = await stack.enter_async_context(
            _program(folder / "replay.json", ["-m", "bench.replaying", str(folder / "replay.json"), str(speed)])
        )
        access = folder / "access.json"
        access.write_text(json.dumps(asdict(Access.fresh(replay))))
        command = ["-m", "client", "console", "--access", str(access), "--frontend", front_end or replay, "--port", "0"]
        ready = folder / "console.json"
        yield await stack.enter_async_context(_program(ready, [*command, "--ready", str(ready)]))


@contextlib.asynccontextmanager
async def _program(ready: Path, arguments: list[str]) -> AsyncIterator[str]:
    """The URL that a Python program told when it was ready. It ends with us, however we end."""
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
    """What a page has used so far, by Chromium's own account."""

    at: float
    """Monotonic seconds."""
    main_thread_s: float
    """CPU time of its main thread's tasks."""
    heap_bytes: float
    nodes: float


class Opened:
    """One page of the console in a browsing context of its own: no cookies, no cache."""

    def __init__(self, page: Page, devtools: CDPSession) -> None:
        self.page = page
        self.devtools = devtools
        self._received: dict[str, int] = {}
        self._broken: asyncio.Future[None]

    async def go(self, url: str) -> None:
        """Opens the overview and waits for its first card.

        A browser breaks off what it loads when an interface of the machine comes or goes, as with every container that
        others start here: that is no load, and is tried again."""
        for _ in range(_TRIES):
            self._received.clear()
            self._broken = asyncio.get_running_loop().create_future()
            await self.page.goto(url)
            card = asyncio.ensure_future(self.page.wait_for_selector(".card"))
            await asyncio.wait((card, self._broken), return_when=asyncio.FIRST_COMPLETED)
            if card.done():
                await card
                return
            card.cancel()
            await asyncio.wait((card,))
        raise RuntimeError(f"the network of this machine changed during each of {_TRIES} loads; expected a calmer one")

    async def listen(self) -> None:
        """Has its use counted from now on."""
        self.devtools.on("Network.responseReceived", self._answered)
        self.devtools.on("Network.dataReceived", self._read)
        self.devtools.on("Network.loadingFinished", self._loaded)
        self.devtools.on("Network.loadingFailed", self._failed)
        # In this domain a task's time is the CPU's, not that of the clock on the wall.
        await self.devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
        await self.devtools.send("Network.enable")

    @property
    def received(self) -> int:
        """Bytes that came over the wire, headers too; of a stream that goes on, those so far."""
        return sum(self._received.values())

    def _answered(self, event: dict[str, Any]) -> None:
        self._received[event["requestId"]] = event["response"]["encodedDataLength"]

    def _read(self, event: dict[str, Any]) -> None:
        if event["requestId"] in self._received:
            self._received[event["requestId"]] += event["encodedDataLength"]

    def _failed(self, event: dict[str, Any]) -> None:
        if event["errorText"] == "net::ERR_NETWORK_CHANGED" and not self._broken.done():
            self._broken.set_result(None)

    def _loaded(self, event: dict[str, Any]) -> None:
        self._received[event["requestId"]] = event["encodedDataLength"]

    async def readings(self, *, collect: bool = False) -> Readings:
        """What it has used; with `collect` after all that nobody holds any more was thrown away."""
        if collect:
            await self.devtools.send("HeapProfiler.collectGarbage")
        told = {each["name"]: each["value"] for each in (await self.devtools.send("Performance.getMetrics"))["metrics"]}
        return Readings(
            at=time.monotonic(),
            main_thread_s=told["TaskDuration"],
            heap_bytes=told["JSHeapUsedSize"],
            nodes=told["Nodes"],
        )

    async def collect_frames(self) -> None:
        """Notes from now on when each frame begins."""
        await self.page.evaluate(_COLLECT_FRAMES)

    async def frames_ms(self) -> list[float]:
        """How long each frame stood."""
        times: list[float] = await self.page.evaluate("() => benchFrames")
        return [later - earlier for earlier, later in itertools.pairwise(times)]

    async def told_s(self) -> float:
        """The last second of the service that the page knows of, epoch seconds."""
        code = 'async () => [...(await import("/assets/lib/store.js")).current().seconds.keys()].at(-1)'
        return float(await self.page.evaluate(code))


@contextlib.asynccontextmanager
async def opened(browser: Browser, url: str, *, script: str = "") -> AsyncIterator[Opened]:
    """The overview with its first cards drawn; `script` runs in it before anything of its own does."""
    async with await browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}) as context:
        page = await context.new_page()
        if script:
            await page.add_init_script(script)
        devtools = await context.new_cdp_session(page)
        one = Opened(page, devtools)
        await one.listen()
        await one.go(url)
        yield one
