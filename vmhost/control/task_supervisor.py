"""The tasks that run beside the callers, in one TaskGroup of their own, none of which dies silently."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from vmhost.base.logs import get_logger

_log = get_logger("control")


class TaskSupervisor:
    """A TaskGroup that may be opened in one task and closed in another."""

    def __init__(self, *, restart_after_s: float = 1.0) -> None:
        self._restart_after_s = restart_after_s
        self._group: asyncio.TaskGroup | None = None
        self._home: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """From here on `spawn` works."""
        ready = asyncio.Event()
        self._home = asyncio.create_task(self._live(ready), name="tasks")
        await ready.wait()

    def spawn(self, work: Callable[[], Awaitable[None]], name: str, *, restart: bool = True) -> None:
        """Runs the work until it returns. An unforeseen error is logged, and the work begins `again` after a while."""
        if self._group is not None:
            task = self._group.create_task(self._guarded(work, name, restart), name=name)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cancels everything and waits for its end."""
        self._group = None
        for task in tuple(self._tasks):
            task.cancel()
        if self._home is not None:
            self._home.cancel()
            await asyncio.wait([self._home])

    async def _live(self, ready: asyncio.Event) -> None:
        try:
            async with asyncio.TaskGroup() as self._group:
                ready.set()
                await asyncio.get_running_loop().create_future()
        finally:
            self._group = None

    async def _guarded(self, work: Callable[[], Awaitable[None]], name: str, restart: bool) -> None:
        while True:
            try:
                return await work()
            except Exception:
                _log.exception("task_failed", task=name, restart=restart)
            if not restart:
                return None
            await asyncio.sleep(self._restart_after_s)
