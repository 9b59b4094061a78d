from __future__ import annotations

import asyncio

import pytest

from vmhost.base.errors import DeadlineExceeded
from vmhost.control.crew import Crew
from vmhost.control.within import within


async def test_work_that_fails_unforeseen_begins_again_and_harms_nobody() -> None:
    crew = Crew(again_s=0.001)
    await crew.open()
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

    crew.spawn(steady, "steady")
    crew.spawn(shaky, "shaky")
    async with asyncio.timeout(2):
        await waited.wait()
    assert tries == 3
    await crew.close()


async def test_work_that_must_not_begin_again_does_not() -> None:
    crew = Crew(again_s=0.0)
    await crew.open()
    tries = 0

    async def shaky() -> None:
        nonlocal tries
        tries += 1
        raise RuntimeError("unforeseen")

    crew.spawn(shaky, "shaky", again=False)
    for _ in range(5):
        await asyncio.sleep(0)
    assert tries == 1
    await crew.close()


async def test_close_cancels_and_waits_and_later_work_is_not_begun() -> None:
    crew = Crew()
    await crew.open()
    ended = asyncio.Event()

    async def long() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    crew.spawn(long, "long")
    await asyncio.sleep(0)
    await crew.close()
    assert ended.is_set()
    crew.spawn(long, "late")
    await crew.close()


async def test_a_deadline_that_passes_names_what_it_was_for() -> None:
    with pytest.raises(DeadlineExceeded, match=r"baking did not end within 0.01 s"):
        async with within(0.01, "baking"):
            await asyncio.Event().wait()


async def test_a_timeout_from_inside_is_not_taken_for_the_deadline() -> None:
    with pytest.raises(TimeoutError, match="inner"):
        async with within(5, "baking"):
            raise TimeoutError("inner")
