"""Background tasks of an object with `open` and `close`, held in one TaskGroup."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

from vmhost.base.errors import Internal
from vmhost.base.logs import get_logger

T = TypeVar("T")
_log = get_logger("driver")


class BackgroundTasks:
    """Runs tasks between `open` and `close`. A task that fails is logged and does not affect the others."""

    def __init__(self) -> None:
        self._group: asyncio.TaskGroup | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    async def open(self) -> None:
        """Get ready to run tasks."""
        self._keeper = asyncio.create_task(self._keep(), name="driver")
        await self._ready.wait()

    async def _keep(self) -> None:
        async with asyncio.TaskGroup() as self._group:
            self._ready.set()
            await asyncio.get_running_loop().create_future()

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Run the work in the background until it ends or `close` cancels it."""
        self._opened(work, name).create_task(_guarded(work, name), name=name)

    async def finish(self, work: Coroutine[Any, Any, T], *, name: str) -> T:
        """Return the work's result. If the caller is cancelled meanwhile, the work goes on in the background."""
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        group = self._opened(work, name)
        result.add_done_callback(lambda done: done.cancelled() or done.exception())
        group.create_task(_deliver(work, result), name=name)
        return await asyncio.shield(result)

    def _opened(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.TaskGroup:
        if self._group is None:
            work.close()
            raise Internal(f"{name}: the driver is not open")
        return self._group

    async def close(self) -> None:
        """Cancel what still runs and wait for its end."""
        if self._keeper is not None:
            self._group = None
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
            self._keeper = None


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


async def _guarded(work: Awaitable[None], name: str) -> None:
    try:
        await work
    except Exception:
        _log.exception("task_failed", task=name)
