"""Background tasks in one TaskGroup; an unexpected error is logged and the task restarted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from vmhost.base.clock import Clock
from vmhost.base.logs import get_logger

_log = get_logger("control")


class TaskSupervisor:
    """A TaskGroup that can be opened in one task and closed in another."""

    def __init__(self, clock: Clock, *, restart_after_s: float = 1.0) -> None:
        self._clock = clock
        self._restart_after_s = restart_after_s
        self._group: asyncio.TaskGroup | None = None
        self._group_task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Open the group; `spawn` works from now on."""
        ready = asyncio.Event()
        self._group_task = asyncio.create_task(self._hold_group(ready), name="task-supervisor")
        await ready.wait()

    def spawn(self, work: Callable[[], Awaitable[None]], name: str, *, restart: bool = True) -> None:
        """Run the work until it returns. An unexpected error is logged; with `restart` the work then starts again."""
        if self._group is not None:
            task = self._group.create_task(self._guarded(work, name, restart), name=name)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cancel all tasks and wait for their end."""
        self._group = None
        for task in tuple(self._tasks):
            task.cancel()
        if self._group_task is not None:
            self._group_task.cancel()
            await asyncio.wait([self._group_task])

    async def _hold_group(self, ready: asyncio.Event) -> None:
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
            await self._clock.sleep(self._restart_after_s)
