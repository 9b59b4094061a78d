from __future__ import annotations

import asyncio

import pytest

from vmhost.base.errors import DeadlineExceeded
from vmhost.control.deadline import deadline
from vmhost.control.task_supervisor import TaskSupervisor


async def test_work_that_fails_unforeseen_begins_again_and_harms_nobody() -> None:
    tasks = TaskSupervisor(restart_after_s=0.001)
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


async def test_work_that_must_not_begin_again_does_not() -> None:
    tasks = TaskSupervisor(restart_after_s=0.0)
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


async def test_close_cancels_and_waits_and_later_work_is_not_begun() -> None:
    tasks = TaskSupervisor()
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


async def test_a_deadline_that_passes_names_what_it_was_for() -> None:
    with pytest.raises(DeadlineExceeded, match=r"baking did not end within 0.01 s"):
        async with deadline(0.01, "baking"):
            await asyncio.Event().wait()


async def test_a_timeout_from_inside_is_not_taken_for_the_deadline() -> None:
    with pytest.raises(TimeoutError, match="inner"):
        async with deadline(5, "baking"):
            raise TimeoutError("inner")
