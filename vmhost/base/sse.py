"""Server-sent events: a hub with bounded readers, the aiohttp response, and the client that reads a stream.

Source: WHATWG HTML, "Server-sent events". A slow reader does not slow the publisher: when its queue is full, one
`lagged` event replaces all that it missed, and it gets a new snapshot. Written by hand, because the libraries for
aiohttp limit no reader and resume no stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import zlib
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from vmhost.base.errors import Unavailable

LAGGED = "lagged"
SNAPSHOT = "snapshot"
READERS_MAX = 64
"""Per hub, because each event is written to every reader."""
_HEARTBEAT_S = 10.0
_CHECK_S = 1.0
_GZIP_WBITS = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event: its number in the stream, its kind and its JSON data."""

    id: int
    kind: str
    data: Any


class Subscription:
    """The bounded queue of one reader, as an async iterator. It ends when the hub closes."""

    def __init__(self, capacity: int, without: frozenset[str] = frozenset()) -> None:
        self.without = without
        self._queue: deque[Event] = deque()
        self._capacity = capacity
        self._ready = asyncio.Event()
        self._closed = False

    def offer(self, event: Event) -> None:
        """Queue the event. If the queue is full, one `lagged` event replaces everything in it."""
        if event.kind in self.without:
            return
        if len(self._queue) >= self._capacity:
            self._queue.clear()
            event = Event(id=event.id, kind=LAGGED, data={})
        self._queue.append(event)
        self._ready.set()

    def end(self) -> None:
        """End the iteration after the queued events."""
        self._closed = True
        self._ready.set()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while not self._queue:
            if self._closed:
                raise StopAsyncIteration
            self._ready.clear()
            await self._ready.wait()
        return self._queue.popleft()


class Hub:
    """Publishes events to readers and keeps the last `history` of them for readers that reconnect."""

    def __init__(self, *, capacity: int = 1024, history: int = 1024, first_id: int | None = None) -> None:
        """`first_id` defaults to the time in microseconds, so that ids of an earlier run cannot be resumed."""
        self._capacity = capacity
        self._history: deque[Event] = deque(maxlen=history)
        self._readers: set[Subscription] = set()
        self._last_id = (time.time_ns() // 1000 if first_id is None else first_id) - 1
        self._closed = False

    @property
    def last_id(self) -> int:
        """Return the id of the newest event."""
        return self._last_id

    @property
    def readers(self) -> int:
        """Return the number of readers."""
        return len(self._readers)

    def wanted(self, kind: str) -> bool:
        """Whether a reader wants events of this kind. Expensive ones are made only then."""
        return any(kind not in reader.without for reader in self._readers)

    def publish(self, kind: str, data: Any) -> None:
        """Give the event to every reader; never blocks."""
        self._last_id += 1
        event = Event(id=self._last_id, kind=kind, data=data)
        self._history.append(event)
        for reader in self._readers:
            reader.offer(event)

    def can_resume(self, last_id: int) -> bool:
        """Whether every event after `last_id` is still in the history."""
        oldest = self._history[0].id if self._history else self._last_id + 1
        return oldest - 1 <= last_id <= self._last_id

    @contextlib.contextmanager
    def subscribe(self, *, after: int | None = None, without: frozenset[str] = frozenset()) -> Iterator[Subscription]:
        """Read all events from now on, or after event `after` if `can_resume`, except the kinds in `without`."""
        reader = Subscription(self._capacity, without)
        if after is not None:
            for event in self._history:
                if event.id > after:
                    reader.offer(event)
        if self._closed:
            reader.end()
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)

    def close(self) -> None:
        """End all readers, also future ones."""
        self._closed = True
        for reader in self._readers:
            reader.end()


def encode(event: Event) -> bytes:
    """Return the event in wire format."""
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (event.id, event.kind.encode(), msgspec.json.encode(event.data))


class _Wire:
    """The body of a response, flushed after each write; with `compress` as gzip."""

    def __init__(self, response: web.StreamResponse, *, compress: bool) -> None:
        self._response = response
        self._compressor = zlib.compressobj(wbits=_GZIP_WBITS) if compress else None

    async def write(self, data: bytes) -> None:
        if self._compressor is not None:
            data = self._compressor.compress(data) + self._compressor.flush(zlib.Z_SYNC_FLUSH)
        await self._response.write(data)


async def respond(
    request: web.BaseRequest,
    hub: Hub,
    snapshot: Callable[[], Awaitable[Any]] | Callable[[], Any],
    *,
    compress: bool = False,
) -> web.StreamResponse:
    """Stream the hub to one reader: a `snapshot` event first (unless Last-Event-ID can be resumed), then all others.

    `?without=KIND`, any number of times, omits events of that kind. With `compress`, readers that accept gzip get it;
    for readers on the same computer that pays only if the snapshot is large. After a gap the reader gets a new
    snapshot. Returns when the reader disconnects or the hub closes; the listener (`vmhost.base.listener`) disconnects
    readers that do not read. Raises Unavailable if there are too many readers."""
    if hub.readers >= READERS_MAX:
        raise Unavailable(f"{READERS_MAX} readers are connected to this stream already; close one and try again")
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    compress = compress and "gzip" in request.headers.get("Accept-Encoding", "")
    if compress:
        response.headers.update({"Content-Encoding": "gzip", "Vary": "Accept-Encoding"})
    await response.prepare(request)
    wire = _Wire(response, compress=compress)
    last = request.headers.get("Last-Event-ID", "")
    resume = int(last) if last.isdecimal() and len(last) < 19 and hub.can_resume(int(last)) else None
    without = frozenset(request.query.getall("without", []))
    with hub.subscribe(after=resume, without=without) as reader, contextlib.suppress(ConnectionError):
        if resume is None:
            await _write_snapshot(wire, hub, snapshot)
        silent_s = 0.0
        while True:
            try:
                async with asyncio.timeout(_CHECK_S):
                    event = await anext(reader)
            except TimeoutError:
                # Notice a reader that disconnected now, not at the next write.
                if request.transport is None or request.transport.is_closing():
                    break
                silent_s += _CHECK_S
                if silent_s >= _HEARTBEAT_S:
                    await wire.write(b": still here\n\n")
                    silent_s = 0.0
                continue
            except StopAsyncIteration:
                break
            silent_s = 0.0
            if event.kind == LAGGED:
                await _write_snapshot(wire, hub, snapshot)
            else:
                await wire.write(encode(event))
    return response


async def _write_snapshot(wire: _Wire, hub: Hub, snapshot: Callable[[], Any]) -> None:
    at = hub.last_id
    data = snapshot()
    if isinstance(data, Awaitable):
        data = await data
    await wire.write(encode(Event(id=at, kind=SNAPSHOT, data=data)))


async def read_events(lines: AsyncIterable[bytes]) -> AsyncIterator[Event]:
    """Parse the lines of a stream (with or without line ends) into events; data that is not JSON is skipped."""
    number, kind = 0, "message"
    data: list[str] = []
    async for raw in lines:
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if not line:
            if data:
                with contextlib.suppress(msgspec.DecodeError):
                    yield Event(id=number, kind=kind, data=msgspec.json.decode("\n".join(data)))
            kind, data = "message", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "event":
            kind = value
        elif name == "id" and value.isdecimal():
            number = int(value)
