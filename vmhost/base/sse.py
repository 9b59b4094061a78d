"""Server-sent events, both sides: a hub with bounded readers, the aiohttp response, and the reader of a stream.

Source: WHATWG HTML, "Server-sent events". A slow reader never slows the publisher: when its queue is full it is told
so by one `lagged` event in place of all it missed, and takes a new snapshot.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import zlib
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from vmhost.base.errors import Unavailable

LAGGED = "lagged"
SNAPSHOT = "snapshot"
READERS_MAX = 64
"""Of one hub: each event is written to every reader."""
_HEARTBEAT_S = 10.0
_LOOK_S = 1.0
_GZIP_WBITS = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event: its number in the stream, its kind and its JSON data."""

    id: int
    kind: str
    data: Any


class Subscription:
    """One reader's bounded queue. Iterate it; it ends when the hub closes."""

    def __init__(self, capacity: int, without: frozenset[str] = frozenset()) -> None:
        self.without = without
        self._queue: deque[Event] = deque()
        self._capacity = capacity
        self._ready = asyncio.Event()
        self._closed = False

    def offer(self, event: Event) -> None:
        """Queues the event, or puts one `lagged` event in place of everything when the reader is too slow."""
        if event.kind in self.without:
            return
        if len(self._queue) >= self._capacity:
            self._queue.clear()
            event = Event(id=event.id, kind=LAGGED, data={})
        self._queue.append(event)
        self._ready.set()

    def end(self) -> None:
        """Ends the iteration after what is queued."""
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
    """Publishes to any number of readers; remembers the last `history` events for those who come back."""

    def __init__(self, *, capacity: int = 1024, history: int = 1024, first_id: int | None = None) -> None:
        """`first_id`: default the time in microseconds, so that a reader of an earlier run can never seem to resume."""
        self._capacity = capacity
        self._history: deque[Event] = deque(maxlen=history)
        self._readers: set[Subscription] = set()
        self._last_id = (time.time_ns() // 1000 if first_id is None else first_id) - 1
        self._closed = False

    @property
    def last_id(self) -> int:
        """The number of the newest event."""
        return self._last_id

    @property
    def readers(self) -> int:
        """How many are reading now."""
        return len(self._readers)

    def wanted(self, kind: str) -> bool:
        """Whether anybody reads events of this kind now; one that costs something to make can wait for a reader."""
        return any(kind not in reader.without for reader in self._readers)

    def publish(self, kind: str, data: Any) -> None:
        """Gives the event to every reader; never blocks."""
        self._last_id += 1
        event = Event(id=self._last_id, kind=kind, data=data)
        self._history.append(event)
        for reader in self._readers:
            reader.offer(event)

    def can_resume(self, last_id: int) -> bool:
        """Whether everything after `last_id` is still remembered."""
        oldest = self._history[0].id if self._history else self._last_id + 1
        return oldest - 1 <= last_id <= self._last_id

    @contextlib.contextmanager
    def subscribe(self, *, after: int | None = None, without: frozenset[str] = frozenset()) -> Iterator[Subscription]:
        """A reader of everything from now on, or of everything after event `after` where `can_resume`.

        Events of the kinds in `without` are left out."""
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
        """Ends every reader, now and later."""
        self._closed = True
        for reader in self._readers:
            reader.end()


def encode(event: Event) -> bytes:
    """The event as it stands on the wire."""
    return f"id: {event.id}\nevent: {event.kind}\ndata: {json.dumps(event.data, separators=(',', ':'))}\n\n".encode()


class _Wire:
    """One response's body, compressed where `packed`: each write can be read at once, none waits for the next."""

    def __init__(self, response: web.StreamResponse, *, packed: bool) -> None:
        self._response = response
        self._packer = zlib.compressobj(wbits=_GZIP_WBITS) if packed else None

    async def write(self, data: bytes) -> None:
        if self._packer is not None:
            data = self._packer.compress(data) + self._packer.flush(zlib.Z_SYNC_FLUSH)
        await self._response.write(data)


async def respond(
    request: web.BaseRequest,
    hub: Hub,
    snapshot: Callable[[], Awaitable[Any]] | Callable[[], Any],
    *,
    packed: bool = False,
) -> web.StreamResponse:
    """Streams the hub to one reader: first a `snapshot` event (unless Last-Event-ID can be resumed), then the rest.

    `?without=KIND` (any number of them) leaves events of that kind out. With `packed` a reader who takes gzip gets it,
    which costs a publisher more than it is worth to readers on the same machine unless its snapshot is large.
    After a gap the reader gets a new snapshot. Returns when the reader or the hub goes; a reader that takes nothing is
    cut off by the listener (`vmhost.base.listener`). Raises Unavailable for one reader too many."""
    if hub.readers >= READERS_MAX:
        raise Unavailable(f"{READERS_MAX} readers follow this stream already; close one and try again")
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    packed = packed and "gzip" in request.headers.get("Accept-Encoding", "")
    if packed:
        response.headers.update({"Content-Encoding": "gzip", "Vary": "Accept-Encoding"})
    await response.prepare(request)
    wire = _Wire(response, packed=packed)
    last = request.headers.get("Last-Event-ID", "")
    resume = int(last) if last.isdecimal() and len(last) < 19 and hub.can_resume(int(last)) else None
    without = frozenset(request.query.getall("without", []))
    with hub.subscribe(after=resume, without=without) as reader, contextlib.suppress(ConnectionError):
        if resume is None:
            await _write_snapshot(wire, hub, snapshot)
        silent_s = 0.0
        while True:
            try:
                async with asyncio.timeout(_LOOK_S):
                    event = await anext(reader)
            except TimeoutError:
                # One that left gives its place free soon, not when something is next written to it.
                if request.transport is None or request.transport.is_closing():
                    break
                silent_s += _LOOK_S
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
    """Events from the lines of a stream (with or without their line ends); data that is no JSON is skipped."""
    number, kind = 0, "message"
    data: list[str] = []
    async for raw in lines:
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if not line:
            if data:
                with contextlib.suppress(json.JSONDecodeError):
                    yield Event(id=number, kind=kind, data=json.loads("\n".join(data)))
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
