"""A server for the load generator to send requests to."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web


class Service:
    """Responds after `delay_s` while it is open, and counts the words of its requests."""

    def __init__(self) -> None:
        self.url = ""
        self.delay_s = 0.0
        self.words: Counter[str] = Counter()
        self.asked = asyncio.Event()
        self.busy = asyncio.Event()
        """Set once it has responded 20 times."""
        self.open = asyncio.Event()
        self.open.set()

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.set()
        await self.open.wait()
        await asyncio.sleep(self.delay_s)
        self.words[request.query.get("w", "")] += 1
        if self.words.total() >= 20:
            self.busy.set()
        return web.Response(text="hello")


@asynccontextmanager
async def served(handle: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """Serves every path with that handler, and gives the URL without a path."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()
