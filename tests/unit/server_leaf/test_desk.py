"""The leaf's queue, with a clock that the test moves."""

from __future__ import annotations

import asyncio

import pytest

from server.leaf.desk import Desk
from vmhost.base.clock import ManualClock
from vmhost.base.errors import DeadlineExceeded, Unavailable

FOREVER = float("inf")


class Jobs:
    """Jobs that each take some time of the clock and note that they ran."""

    def __init__(self, clock: ManualClock, seconds: float) -> None:
        self.ran: list[int] = []
        self._clock = clock
        self._seconds = seconds

    def make(self, number: int) -> int:
        self.ran.append(number)
        self._clock.advance(self._seconds)
        return number


async def test_jobs_run_one_after_another_in_the_order_of_arrival() -> None:
    clock = ManualClock()
    desk, jobs = Desk(clock.monotonic), Jobs(clock, 1.0)
    done = await asyncio.gather(*(desk.run(lambda n=number: jobs.make(n), FOREVER) for number in range(5)))
    assert done == jobs.ran == [0, 1, 2, 3, 4]
    assert desk.waiting == 0


async def test_a_job_whose_turn_comes_after_its_deadline_does_not_run() -> None:
    clock = ManualClock()
    desk, jobs = Desk(clock.monotonic), Jobs(clock, 1.0)
    deadline = clock.monotonic() + 1.5
    calls = [desk.run(lambda n=number: jobs.make(n), deadline) for number in range(4)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert results[:2] == jobs.ran == [0, 1]
    assert [type(result) for result in results[2:]] == [DeadlineExceeded, DeadlineExceeded]


async def test_what_those_before_it_would_make_late_is_refused_at_once() -> None:
    clock = ManualClock()
    desk, jobs = Desk(clock.monotonic), Jobs(clock, 1.0)
    for number in range(100):
        await desk.run(lambda n=number: jobs.make(n), FOREVER)
    first = asyncio.ensure_future(desk.run(lambda: jobs.make(100), FOREVER))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="within the deadline"):
        await desk.run(lambda: jobs.make(101), clock.monotonic() + 0.5)
    assert await first == 100
    assert await desk.run(lambda: jobs.make(102), clock.monotonic() + 0.5) == 102


async def test_only_so_many_may_wait_and_a_job_that_fails_frees_its_place() -> None:
    clock = ManualClock()
    desk = Desk(clock.monotonic, waiting_max=2)

    def fail() -> None:
        raise ValueError("broken")

    calls = [desk.run(fail, FOREVER) for _ in range(3)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [ValueError, ValueError, Unavailable]
    assert desk.waiting == 0
