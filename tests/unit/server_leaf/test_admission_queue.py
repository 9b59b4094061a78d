"""The leaf's admission queue, with a clock that the test moves."""

from __future__ import annotations

import asyncio

import pytest

from server.leaf.leaf_app import AdmissionQueue
from tests.fakes import ManualClock
from vmhost.base.errors import DeadlineExceeded, Unavailable

FOREVER = float("inf")


class Jobs:
    """Jobs that each take some time of the clock and record that they ran."""

    def __init__(self, clock: ManualClock, seconds: float) -> None:
        self.ran: list[int] = []
        self._clock = clock
        self._seconds = seconds

    def work(self, number: int) -> int:
        self.ran.append(number)
        self._clock.advance(self._seconds)
        return number


async def test_jobs_run_in_order_of_arrival() -> None:
    clock = ManualClock()
    queue, jobs = AdmissionQueue(clock.monotonic), Jobs(clock, 1.0)
    done = await asyncio.gather(*(queue.run(lambda n=number: jobs.work(n), FOREVER) for number in range(5)))
    assert done == jobs.ran == [0, 1, 2, 3, 4]
    assert queue.waiting == 0


async def test_job_after_its_deadline_does_not_run() -> None:
    clock = ManualClock()
    queue, jobs = AdmissionQueue(clock.monotonic), Jobs(clock, 1.0)
    deadline = clock.monotonic() + 1.5
    calls = [queue.run(lambda n=number: jobs.work(n), deadline) for number in range(4)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert results[:2] == jobs.ran == [0, 1]
    assert [type(result) for result in results[2:]] == [DeadlineExceeded, DeadlineExceeded]


async def test_job_that_would_be_late_is_refused() -> None:
    clock = ManualClock()
    queue, jobs = AdmissionQueue(clock.monotonic), Jobs(clock, 1.0)
    for number in range(100):
        await queue.run(lambda n=number: jobs.work(n), FOREVER)
    first = asyncio.ensure_future(queue.run(lambda: jobs.work(100), FOREVER))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="before the deadline"):
        await queue.run(lambda: jobs.work(101), clock.monotonic() + 0.5)
    assert await first == 100
    assert await queue.run(lambda: jobs.work(102), clock.monotonic() + 0.5) == 102


async def test_queue_is_bounded_and_failures_free_places() -> None:
    clock = ManualClock()
    queue = AdmissionQueue(clock.monotonic, waiting_max=2)

    def fail() -> None:
        raise ValueError("broken")

    calls = [queue.run(fail, FOREVER) for _ in range(3)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [ValueError, ValueError, Unavailable]
    assert queue.waiting == 0
