from __future__ import annotations

import asyncio

import pytest

from vmhost.base.background_tasks import BackgroundTasks
from vmhost.base.errors import Internal


async def test_failed_task_restarts_without_affecting_others() -> None:
    tasks = BackgroundTasks(restart_after_s=0.001)
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
    tasks.spawn(shaky, "shaky", restart=True)
    async with asyncio.timeout(2):
        await waited.wait()
    assert tries == 3
    await tasks.close()


async def test_task_without_restart_fails_once() -> None:
    tasks = BackgroundTasks(restart_after_s=0.0)
    await tasks.open()
    tries = 0

    async def shaky() -> None:
        nonlocal tries
        tries += 1
        raise RuntimeError("unforeseen")

    tasks.spawn(shaky, "shaky")
    for _ in range(5):
        await asyncio.sleep(0)
    assert tries == 1
    await tasks.close()


async def test_close_cancels_tasks_and_ignores_new_ones() -> None:
    tasks = BackgroundTasks()
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


async def test_work_finishes_after_its_caller_is_cancelled() -> None:
    tasks, done = BackgroundTasks(), asyncio.Event()
    await tasks.open()

    async def work() -> int:
        await asyncio.sleep(0.01)
        done.set()
        return 1

    assert await tasks.finish(work(), "work") == 1
    done.clear()
    caller = asyncio.create_task(tasks.finish(work(), "work"))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.wait([caller])
    async with asyncio.timeout(1):
        await done.wait()
    await tasks.close()
    with pytest.raises(Internal, match="not open"):
        await tasks.finish(work(), "work")


async def test_failing_task_affects_only_its_caller(capsys: pytest.CaptureFixture[str]) -> None:
    tasks = BackgroundTasks()
    await tasks.open()

    async def fails() -> None:
        raise ValueError("on purpose")

    tasks.spawn(fails, "failing")
    with pytest.raises(ValueError, match="on purpose"):
        await tasks.finish(fails(), "waited for")
    await tasks.close()
    assert "failing" in "".join(capsys.readouterr())
