from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.fakes import ManualClock
from vmhost.base.errors import CloudError, DeadlineExceeded, Unavailable
from vmhost.control.deadline import Interrupted, deadline
from vmhost.control.reconciler import Reconciler, Retry
from vmhost.control.timeouts import Backoff

BACKOFF = Backoff(first_s=1.0, most_s=4.0)


class Counter(Reconciler[int, str, int]):
    """Brings `value` to `wanted`, one step at a time; below zero it is over."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__("counter-1", clock=clock, retry=Retry(clock, BACKOFF))
        self.value = self.wanted = 0
        self.effective = True
        self.error: CloudError | Exception | None = None
        self.slow = False
        self.actions: list[str] = []
        self.owner: asyncio.Task[None] | None = None
        self.applied_by: set[object] = set()

    async def measure(self) -> int:
        return self.value

    def decide(self, observed: int) -> str | None:
        if observed == self.wanted:
            return None
        return "up" if observed < self.wanted else "down"

    async def act(self, decision: str, observed: int) -> None:
        self.actions.append(decision)
        if self.error is not None:
            raise self.error
        if self.slow:
            async with self.limited(60.0, "a slow call"):
                await asyncio.Event().wait()
        if self.effective:
            self.value += 1 if decision == "up" else -1

    def is_over(self, observed: int) -> bool:
        return observed < 0

    def apply(self, request: int) -> None:
        self.wanted = request
        self.applied_by.add(asyncio.current_task())


@asynccontextmanager
async def running(counter: Counter) -> AsyncIterator[None]:
    counter.owner = asyncio.create_task(counter.run())
    await settle()
    try:
        yield
    finally:
        counter.owner.cancel()
        await asyncio.wait([counter.owner])


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_requests_are_applied_by_the_owner() -> None:
    counter = Counter(ManualClock())
    async with running(counter):
        counter.submit(3, interrupt=False)
        assert counter.wanted == 0
        await settle()
        assert (counter.value, counter.actions) == (3, ["up"] * 3)
        assert counter.applied_by == {counter.owner}
        counter.submit(-1, interrupt=False)
        await settle()
        assert counter.owner is not None
        assert counter.owner.done()


async def test_failures_are_retried_after_a_growing_delay() -> None:
    clock = ManualClock()
    counter = Counter(clock)
    counter.error = Unavailable("the engine is down")
    async with running(counter):
        counter.submit(1, interrupt=False)
        await settle()
        for attempts, wait_s in ((1, 1.0), (2, 2.0), (3, 4.0), (4, 4.0)):
            assert (len(counter.actions), counter.retry.wait_s) == (attempts, wait_s)
            clock.advance(wait_s - 0.5)
            await settle()
            assert len(counter.actions) == attempts
            clock.advance(0.5)
            await settle()
        counter.error = None
        clock.advance(4.0)
        await settle()
        assert (counter.value, counter.retry.failures) == (1, 0)


async def test_action_without_effect_is_a_failure() -> None:
    counter = Counter(ManualClock())
    counter.effective = False
    async with running(counter):
        counter.submit(1, interrupt=False)
        await settle()
        assert (counter.actions, counter.retry.failures) == (["up"], 1)


async def test_unexpected_error_is_retried_like_others() -> None:
    counter = Counter(ManualClock())
    counter.error = RuntimeError("a bug")
    async with running(counter):
        counter.submit(1, interrupt=False)
        await settle()
        assert (counter.actions, counter.retry.failures) == (["up"], 1)


async def test_request_interrupts_the_current_call() -> None:
    counter = Counter(ManualClock())
    counter.slow = True
    async with running(counter):
        counter.submit(1, interrupt=False)
        await settle()
        counter.slow = False
        counter.submit(-1, interrupt=True)
        counter.submit(-1, interrupt=True)
        await settle()
        assert (counter.actions, counter.value, counter.retry.failures) == (["up", "down"], -1, 0)


async def test_deadline_follows_the_injected_clock() -> None:
    clock = ManualClock()

    async def late() -> None:
        async with deadline(clock, 10.0, "baking"):
            await asyncio.Event().wait()

    task = asyncio.create_task(late())
    await settle()
    clock.advance(9.9)
    await settle()
    assert not task.done()
    clock.advance(0.1)
    with pytest.raises(DeadlineExceeded, match=r"baking did not end within 10 s"):
        await task


async def test_interrupt_at_the_deadline_or_after_the_end_is_harmless() -> None:
    clock = ManualClock()

    async def interrupted() -> None:
        async with deadline(clock, 10.0, "baking") as limited:
            limited.interrupt()
            clock.advance(10.0)
            limited.interrupt()
            await asyncio.Event().wait()

    with pytest.raises(Interrupted):
        await interrupted()
    async with deadline(clock, 10.0, "baking") as limited:
        pass
    limited.interrupt()
    assert not limited.was_interrupted
    await settle()


def test_first_failures_can_be_retried_at_once() -> None:
    clock = ManualClock()
    retry = Retry(clock, BACKOFF, immediate=1)
    waits = []
    for _ in range(4):
        retry.failed()
        waits.append(retry.wait_s)
    assert waits == [0.0, 1.0, 2.0, 4.0]
    retry.now()
    assert (retry.wait_s, retry.failures) == (0.0, 4)
