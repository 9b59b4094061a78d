from __future__ import annotations

import asyncio

import pytest

from vmhost.base.clock import SystemClock
from vmhost.base.errors import DeadlineExceeded
from vmhost.control.deadline import deadline
from vmhost.control.task_supervisor import TaskSupervisor


async def test_failed_task_restarts_without_affecting_others() -> None:
    tasks = TaskSupervisor(SystemClock(), restart_after_s=0.001)
    await tasks.open()
    tries, done, waited = 0, asyncio.Event(), asyncio.Event()

    async def shaky() -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise RuntimeError("unforeseen")
        done.set()

    async def steady() -> None:
        await done.wait()
        waited.set()

    tasks.spawn(steady, "steady")
    tasks.spawn(shaky, "shaky")
    async with asyncio.timeout(2):
        await waited.wait()
    assert tries == 3
    await tasks.close()


async def test_task_without_restart_fails_once() -> None:
    tasks = TaskSupervisor(SystemClock(), restart_after_s=0.0)
    await tasks.open()
    tries = 0

    async def shaky() -> None:
        nonlocal tries
        tries += 1
        raise RuntimeError("unforeseen")

    tasks.spawn(shaky, "shaky", restart=False)
    for _ in range(5):
        await asyncio.sleep(0)
    assert tries == 1
    await tasks.close()


async def test_close_cancels_tasks_and_refuses_new_ones() -> None:
    tasks = TaskSupervisor(SystemClock())
    await tasks.open()
    ended = asyncio.Event()

    async def long() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    tasks.spawn(long, "long")
    await asyncio.sleep(0)
    await tasks.close()
    assert ended.is_set()
    tasks.spawn(long, "late")
    await tasks.close()


async def test_expired_deadline_names_its_subject() -> None:
    with pytest.raises(DeadlineExceeded, match=r"baking did not end within 0.01 s"):
        async with deadline(SystemClock(), 0.01, "baking"):
            await asyncio.Event().wait()


async def test_inner_timeout_is_not_the_deadline() -> None:
    with pytest.raises(TimeoutError, match="inner"):
        async with deadline(SystemClock(), 5, "baking"):
            raise TimeoutError("inner")
