"""Sends events to any number of listeners, each with a bounded queue of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from vmhost.model.guest import GuestEvent, GuestPhase

_GAP = GuestEvent(instance_id="", phase=GuestPhase.STOPPED)


class EventFeed:
    """Publishes guests' events. A listener whose queue is full loses the queued events and gets one with an empty id
    instead, after which it has to list the guests again."""

    def __init__(self, capacity: int = 256) -> None:
        self._capacity = capacity
        self._queues: set[asyncio.Queue[GuestEvent | None]] = set()
        self._closed = False

    def publish(self, event: GuestEvent) -> None:
        """Send the event to all listeners."""
        for queue in self._queues:
            _put(queue, event)

    def publish_gap(self) -> None:
        """Send all listeners the event with an empty id: events were lost, and they have to list the guests again."""
        self.publish(_GAP)

    def listen(self) -> AsyncIterator[GuestEvent]:
        """Return the events that are published from this call on, until the feed is closed."""
        queue: asyncio.Queue[GuestEvent | None] = asyncio.Queue(self._capacity)
        self._queues.add(queue)
        if self._closed:
            queue.put_nowait(None)
        return self._read(queue)

    async def _read(self, queue: asyncio.Queue[GuestEvent | None]) -> AsyncIterator[GuestEvent]:
        try:
            while (event := await queue.get()) is not None:
                yield event
        finally:
            self._queues.discard(queue)

    def close(self) -> None:
        """End all listeners' iterations."""
        self._closed = True
        for queue in self._queues:
            _put(queue, None)


def _put(queue: asyncio.Queue[GuestEvent | None], event: GuestEvent | None) -> None:
    if queue.full():
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(_GAP)
    queue.put_nowait(event)
