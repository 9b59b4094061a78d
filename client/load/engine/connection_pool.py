"""The engine's connections to one server: opened when requests wait, up to a limit, and kept alive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from client.load.engine.endpoint import connection_error_text
from client.load.engine.transport import Channel, Transport
from client.load.generator_limits import ShortageCounter
from vmhost.base.http1 import HttpFailure


class ConnectionPool:
    """Up to `limit` connections. `on_free` is called when one becomes usable, `on_refused` when one cannot be opened:
    with True if this side had no file or port left for it."""

    def __init__(
        self, transport: Transport, *, limit: int, timeout_s: float, tasks: asyncio.TaskGroup,
        on_free: Callable[[], None], on_refused: Callable[[bool], None], shortages: ShortageCounter,
    ) -> None:  # fmt: skip
        self._transport = transport
        self.limit = limit
        self._timeout_s = timeout_s
        self._tasks = tasks
        self._on_free = on_free
        self._on_refused = on_refused
        self._shortages = shortages
        self._idle: list[Channel] = []
        self._all: set[Channel] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._closed = False
        self.refusal = ""
        """Why the last connection could not be opened."""

    @property
    def open(self) -> int:
        """The number of connections."""
        return len(self._all)

    @property
    def full(self) -> bool:
        """Whether the limit is reached."""
        return len(self._all) + len(self._opening) >= self.limit

    def take(self) -> Channel | None:
        """The idle connection that was used last; None if all are busy."""
        while self._idle:
            channel = self._idle.pop()
            if channel.idle:
                return channel
        return None

    def give_back(self, channel: Channel) -> None:
        """Keep a connection for another request."""
        self._idle.append(channel)

    def drop_idle(self) -> None:
        idle, self._idle = self._idle, []
        for channel in idle:
            channel.close()

    def grow(self, wanted: int) -> None:
        """Open connections until this many are being opened or the limit is reached."""
        while len(self._opening) < wanted and not self.full and not self._closed:
            task = self._tasks.create_task(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    def close(self) -> None:
        """End all connections; requests under way fail."""
        self._closed = True
        for task in self._opening:
            task.cancel()
        for channel in list(self._all):
            channel.abort()

    async def _open(self) -> None:
        channel, ours = None, False
        try:
            channel = await self._transport.open_channel(self._timeout_s, on_close=self._on_close)
        except HttpFailure as failure:
            self.refusal = connection_error_text(failure)
            ours = self._shortages.note(failure.__cause__)
            if ours and self._all:
                # More cannot be had: to try again for each arrival would only take time.
                self.limit = len(self._all)
        task = asyncio.current_task()
        assert task is not None
        self._opening.discard(task)
        if channel is None or not channel.open:
            self._on_refused(ours)
            return
        if self._closed:
            channel.abort()
            return
        self._all.add(channel)
        self._idle.append(channel)
        self._on_free()

    def _on_close(self, channel: Channel) -> None:
        if channel in self._all:
            self._all.discard(channel)
            if not self._closed:
                self._on_free()
