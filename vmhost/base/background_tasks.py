"""Background tasks of an object with `open` and `close`, held in one TaskGroup."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from vmhost.base.clock import Clock, SystemClock
from vmhost.base.errors import Internal
from vmhost.base.logs import get_logger

T = TypeVar("T")
_log = get_logger("tasks")


class BackgroundTasks:
    """Runs tasks between `open` and `close`, which may be called in different tasks. A task that fails unexpectedly is
    logged and does not affect the others."""

    def __init__(self, clock: Clock | None = None, *, restart_after_s: float = 1.0) -> None:
        self._clock = clock or SystemClock()
        self._restart_after_s = restart_after_s
        self._group: asyncio.TaskGroup | None = None
        self._group_task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Get ready to run tasks."""
        ready = asyncio.Event()
        self._group_task = asyncio.create_task(self._hold_group(ready), name="background tasks")
        await ready.wait()

    def spawn(self, work: Callable[[], Awaitable[None]], name: str, *, restart: bool = False) -> None:
        """Run the work until it returns or `close` cancels it; with `restart`, again after an unexpected error.

        Does nothing before `open` and after `close`."""
        if self._group is not None:
            self._group.create_task(self._guarded(work, name, restart), name=name)

    async def finish(self, work: Coroutine[Any, Any, T], name: str) -> T:
        """Return the work's result. If the caller is cancelled meanwhile, the work goes on in the background."""
        if self._group is None:
            work.close()
            raise Internal(f"{name}: not open")
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        # An error of which the caller no longer hears is not an error of this program.
        result.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._group.create_task(_deliver(work, result), name=name)
        return await asyncio.shield(result)

    async def close(self) -> None:
        """Cancel what still runs and wait for its end."""
        self._group = None
        if self._group_task is not None:
            self._group_task.cancel()
            await asyncio.wait([self._group_task])
            self._group_task = None

    async def _hold_group(self, ready: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as self._group:
            ready.set()
            await asyncio.get_running_loop().create_future()

    async def _guarded(self, work: Callable[[], Awaitable[None]], name: str, restart: bool) -> None:
        while True:
            try:
                return await work()
            except Exception:
                _log.exception("task_failed", task=name, restart=restart)
            if not restart:
                return None
            await self._clock.sleep(self._restart_after_s)


async def _deliver(work: Awaitable[T], result: asyncio.Future[T]) -> None:
    try:
        value = await work
    except asyncio.CancelledError:
        result.cancel()
        raise
    except Exception as error:
        if not result.done():
            result.set_exception(error)
    else:
        if not result.done():
            result.set_result(value)
