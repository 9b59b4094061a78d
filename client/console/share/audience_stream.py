"""One stream for all phones: encoded once, at most ten times a second, for a limited number of readers.

A phone that is too slow misses batches and gets the full state again; one that reads nothing is disconnected.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from aiohttp import web

from client.console.publisher import Publisher
from client.console.request_guard import HEADERS
from client.console.share.audience_state import AudienceState, encoded, with_participant
from client.console.share.participants import Participant
from vmhost.base.errors import NoCapacity
from vmhost.base.sse import LAGGED, Hub, Subscription

READERS_MAX = 200
READERS_EACH_MAX = 4
FLUSH_S = 0.1
SECURITY_HEADERS = {
    **{name: value for name, value in HEADERS.items() if name != "Cross-Origin-Opener-Policy"},
    "Cache-Control": "no-store",
}
"""Headers of every response to a phone. The opener policy works on https and loopback only: on a network's address
browsers ignore it and complain."""
_BATCHES_KEPT = 30
_HEARTBEAT_S = 2.0
"""A page that receives nothing for three heartbeats says that the connection is lost."""
_WRITE_DEADLINE_S = 10.0


class AudienceStream:
    """Follows the publisher and streams to phones; `run` until cancelled."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._hub = Hub(capacity=_BATCHES_KEPT, history=1)
        self._state = AudienceState(publisher.snapshot())
        self._snapshot: bytes | None = None
        self._changed = asyncio.Event()
        self._streams: Counter[str] = Counter()

    @property
    def phones(self) -> int:
        """How many addresses are connected."""
        return len(self._streams)

    async def run(self) -> None:
        """Pass the publisher's changes on to phones until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._publish())

    async def _follow(self) -> None:
        with self._publisher.hub.subscribe() as events:
            # The snapshot of now includes what happened between our construction and this subscription.
            self._state.reset(self._publisher.snapshot())
            self._changed.set()
            async for event in events:
                if event.kind == LAGGED:
                    self._state.reset(self._publisher.snapshot())
                else:
                    self._state.apply(event.data)
                self._changed.set()

    async def _publish(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            if (changes := self._state.take_changes(time.time())) is not None:
                self._snapshot = None
                if self._hub.readers:
                    self._hub.publish("batch", encoded("batch", changes))
            await asyncio.sleep(FLUSH_S)

    def close(self) -> None:
        """End every stream."""
        self._hub.close()

    async def respond(self, request: web.BaseRequest, address: str, participant: Participant) -> web.StreamResponse:
        """Stream to one phone until it disconnects. Raises NoCapacity if there are too many already."""
        if self._streams.total() >= READERS_MAX:
            raise NoCapacity(f"{READERS_MAX} pages are connected, which is the maximum; try again later")
        if self._streams[address] >= READERS_EACH_MAX:
            raise NoCapacity(
                f"{READERS_EACH_MAX} pages are open from this network address, which is the maximum; close one of them"
            )
        self._streams[address] += 1
        try:
            return await self._stream(request, participant)
        finally:
            self._streams[address] -= 1
            if not self._streams[address]:
                del self._streams[address]

    async def _stream(self, request: web.BaseRequest, participant: Participant) -> web.StreamResponse:
        response = web.StreamResponse(headers={**SECURITY_HEADERS, "Content-Type": "text/event-stream"})
        with self._hub.subscribe() as reader:
            try:
                await response.prepare(request)
                await self._write(response, with_participant(self._full(), participant))
                while (piece := await self._next(reader, participant)) is not None:
                    await self._write(response, piece)
            except (ConnectionError, TimeoutError):
                if request.transport is not None:
                    request.transport.abort()
        return response

    async def _next(self, reader: Subscription, participant: Participant) -> bytes | None:
        try:
            async with asyncio.timeout(_HEARTBEAT_S):
                event = await anext(reader)
        except TimeoutError:
            return b": heartbeat\n\n"
        except StopAsyncIteration:
            return None
        return with_participant(self._full(), participant) if event.kind == LAGGED else bytes(event.data)

    @staticmethod
    async def _write(response: web.StreamResponse, piece: bytes) -> None:
        async with asyncio.timeout(_WRITE_DEADLINE_S):
            await response.write(piece)

    def _full(self) -> bytes:
        """Return the encoded snapshot, encoded again only after a change."""
        if self._snapshot is None:
            self._snapshot = encoded("snapshot", self._state.full(time.time()))
        return self._snapshot
