"""One stream for all phones: encoded once, at most ten times a second, for a bounded number of readers.

A phone that is too slow misses what it cannot take and gets a new whole; one that takes nothing at all is let go.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from aiohttp import web

from client.console.feed import Feed
from client.console.guard import HEADERS
from client.console.share.guests import Guest
from client.console.share.view import View, encoded, greeted
from vmhost.base.errors import NoCapacity
from vmhost.base.sse import LAGGED, Hub, Subscription

READERS_MAX = 200
READERS_EACH_MAX = 4
FLUSH_S = 0.1
GUARDING = {
    **{name: value for name, value in HEADERS.items() if name != "Cross-Origin-Opener-Policy"},
    "Cache-Control": "no-store",
}
"""What every answer to a phone tells its browser. The opener's policy is for https and loopback only: on a network's
address browsers ignore it and complain."""
_BATCHES_KEPT = 30
_HEARTBEAT_S = 2.0
"""A page that hears nothing for three of them says that the console is away."""
_WRITE_DEADLINE_S = 10.0


class Cast:
    """Follows the console's feed and tells phones; `run` it until cancelled."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._hub = Hub(capacity=_BATCHES_KEPT, history=1)
        self._view = View(feed.snapshot())
        self._snapshot: bytes | None = None
        self._news = asyncio.Event()
        self._streams: Counter[str] = Counter()

    @property
    def phones(self) -> int:
        """How many addresses follow now."""
        return len(self._streams)

    async def run(self) -> None:
        """Tells phones what the console's readers are told, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hear())
            tasks.create_task(self._tell())

    async def _hear(self) -> None:
        with self._feed.hub.subscribe() as heard:
            # What happened since this was made, before anything was subscribed to, is in the feed's snapshot of now.
            self._view.start_anew(self._feed.snapshot())
            self._news.set()
            async for event in heard:
                if event.kind == LAGGED:
                    self._view.start_anew(self._feed.snapshot())
                else:
                    self._view.hear(event.data)
                self._news.set()

    async def _tell(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            if (changes := self._view.take(time.time())) is not None:
                self._snapshot = None
                if self._hub.readers:
                    self._hub.publish("batch", encoded("batch", changes))
            await asyncio.sleep(FLUSH_S)

    def close(self) -> None:
        """Ends every stream."""
        self._hub.close()

    async def respond(self, request: web.BaseRequest, address: str, guest: Guest) -> web.StreamResponse:
        """Streams to one phone until it goes. Raises NoCapacity, in words, for one too many."""
        if self._streams.total() >= READERS_MAX:
            raise NoCapacity(f"{READERS_MAX} pages are connected, which is the maximum; try again later")
        if self._streams[address] >= READERS_EACH_MAX:
            raise NoCapacity(f"this phone has {READERS_EACH_MAX} tabs open already; close one of them")
        self._streams[address] += 1
        try:
            return await self._stream(request, guest)
        finally:
            self._streams[address] -= 1
            if not self._streams[address]:
                del self._streams[address]

    async def _stream(self, request: web.BaseRequest, guest: Guest) -> web.StreamResponse:
        response = web.StreamResponse(headers={**GUARDING, "Content-Type": "text/event-stream"})
        with self._hub.subscribe() as reader:
            try:
                await response.prepare(request)
                await self._write(response, greeted(self._whole(), guest))
                while (piece := await self._next(reader, guest)) is not None:
                    await self._write(response, piece)
            except (ConnectionError, TimeoutError):
                if request.transport is not None:
                    request.transport.abort()
        return response

    async def _next(self, reader: Subscription, guest: Guest) -> bytes | None:
        try:
            async with asyncio.timeout(_HEARTBEAT_S):
                event = await anext(reader)
        except TimeoutError:
            return b": still here\n\n"
        except StopAsyncIteration:
            return None
        return greeted(self._whole(), guest) if event.kind == LAGGED else bytes(event.data)

    @staticmethod
    async def _write(response: web.StreamResponse, piece: bytes) -> None:
        async with asyncio.timeout(_WRITE_DEADLINE_S):
            await response.write(piece)

    def _whole(self) -> bytes:
        """The snapshot as it stands on the wire, encoded again only after something has changed."""
        if self._snapshot is None:
            self._snapshot = encoded("snapshot", self._view.whole(time.time()))
        return self._snapshot
