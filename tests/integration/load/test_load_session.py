"""The load that outlives its runs, with real processes and a real server: at most one, steered, told, remembered."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from client.load.plan.model import ClosedLoop, Plan, Target, constant
from client.load.run_result import Snapshot
from client.load.session import LoadSession
from client.process_tree import process_tree
from tests.integration.load.load_service import Service
from vmhost.base.errors import Conflict, InvalidInput, Unavailable

LIMIT_S = 30


def sending() -> set[int]:
    """The generator's processes below us that still run."""
    return {each.pid for each in process_tree(os.getpid()) if "client.load.worker" in each.cmdline()}


async def until_over(load: LoadSession) -> None:
    async for snapshot in load.snapshots(0.05):
        if snapshot is None:
            return


async def test_one_load_at_a_time_and_each_leaves_its_report(service: Service) -> None:
    async with asyncio.timeout(LIMIT_S), LoadSession() as load:
        assert (load.running, load.plan, load.rate_per_s, load.past, load.snapshot()) == (False, None, 0.0, (), None)
        assert await load.stop() is None
        began = await load.start(constant(service.url, 50))
        assert (load.running, load.rate_per_s, load.number, load.sender) == (True, 50.0, 1, "from here")
        assert load.began == pytest.approx(began, abs=0.01)
        with pytest.raises(Conflict, match="a load is running already: open loop, constant 50/s; stop it first"):
            await load.start(constant(service.url, 5))
        await service.asked.wait()
        report = await load.stop()
        assert report is not None
        assert (load.running, sending()) == (False, set())
        await load.start(constant(service.url, 100, duration_s=0.3))
        await until_over(load)
        second, first = load.past
        assert (first.number, first.report, first.error, first.title) == (1, report, "", "open loop, constant 50/s")
        assert (second.number, second.report.summary.offered, second.report.result.stopped) == (2, 30, False)
        assert first.began == pytest.approx(began, abs=0.01)
        assert first.began < first.ended <= second.began + 0.05


async def test_steering_notifies_listeners(service: Service) -> None:
    told: list[tuple[bool, float]] = []
    async with asyncio.timeout(LIMIT_S), LoadSession() as load:
        load.listeners.append(lambda: told.append((load.running, load.rate_per_s)))
        assert await load.mark("without a load") is None
        assert await load.window(0.0, 1e10) is None
        with pytest.raises(Conflict, match="no load is running"):
            await load.set_rate(5)
        await load.start(constant(service.url, 20))
        mark = await load.mark("faster")
        await load.set_rate(200)
        with pytest.raises(InvalidInput, match="rate -1"):
            await load.set_rate(-1)
        assert mark is not None
        while (window := await load.window(mark.at, mark.at + 60)) is None or window.offered < 50:
            await asyncio.sleep(0.05)
        # From before the run nothing is known, so no window is given that would look like it.
        assert await load.window(mark.at - 60, mark.at) is None
        report = await load.stop()
    assert report is not None
    assert report.model == "open loop, constant 20/s, then by hand"
    assert told == [(True, 20.0), (True, 200.0), (False, 0.0)]


async def test_snapshots_follow_all_runs(service: Service) -> None:
    async with asyncio.timeout(LIMIT_S), LoadSession() as load:
        snapshots = load.snapshots(30.0)
        assert await anext(snapshots) is None
        await load.start(constant(service.url, 20))
        first = await anext(snapshots)
        assert isinstance(first, Snapshot)
        assert first.rate_per_s == 20
        await load.set_rate(40)
        assert (await anext(snapshots)).rate_per_s == 40  # type: ignore[union-attr]
        await load.stop()
        assert await anext(snapshots) is None
        waiting = asyncio.ensure_future(anext(snapshots))
        await load.start(constant(service.url, 60))
        assert (await waiting).rate_per_s == 60  # type: ignore[union-attr]
        await snapshots.aclose()  # type: ignore[attr-defined]
        assert load.listeners == []


async def test_leaving_ends_the_processes_whatever_goes_on(service: Service) -> None:
    service.open.clear()
    async with asyncio.timeout(LIMIT_S), LoadSession(processes=2) as load:
        await load.start(constant(service.url, 20))
        await service.asked.wait()
        assert len(sending()) == 2
    assert sending() == set()


async def test_what_cannot_begin_is_refused_and_leaves_room_for_the_next(service: Service) -> None:
    async with asyncio.timeout(LIMIT_S), LoadSession() as load:
        with pytest.raises(InvalidInput, match="needs either a rate"):
            await load.start(Plan(targets=(Target(url=service.url),)))
        with pytest.raises(Unavailable):
            await load.start(constant("http://127.0.0.1:1/", 5))
        assert (load.running, load.past) == (False, ())
        await load.start(constant(service.url, 5))


async def test_a_load_that_is_stopped_or_cancelled_while_it_begins_never_begins(service: Service) -> None:
    async with asyncio.timeout(LIMIT_S), LoadSession() as load:
        starting = asyncio.create_task(load.start(constant(service.url, 20)))
        while not sending():
            await asyncio.sleep(0.001)
        assert await load.stop() is None
        with pytest.raises(Unavailable, match="stopped before it started"):
            await starting
        starting = asyncio.create_task(load.start(constant(service.url, 20)))
        while not sending():
            await asyncio.sleep(0.001)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        await load.stop()
        assert (load.running, load.past, sending()) == (False, (), set())


async def test_past_run_keeps_the_reason_of_a_dead_process(service: Service) -> None:
    async with asyncio.timeout(LIMIT_S), LoadSession() as load:
        await load.start(constant(service.url, 20))
        await service.asked.wait()
        (pid,) = sending()
        os.kill(pid, signal.SIGKILL)
        await until_over(load)
        (past,) = load.past
        assert "a worker process of the load generator has gone: ended with code -9" in past.error
        assert past.report.verdict == "INVALID"
        await load.start(constant(service.url, 20))


async def test_stopping_does_not_wait_for_ever_for_a_process_that_hangs(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.load.session.ANSWER_TIMEOUT_S", 0.2)
    async with asyncio.timeout(LIMIT_S), LoadSession() as load:
        await load.start(constant(service.url, 20, timeout_s=0.2))
        (pid,) = sending()
        os.kill(pid, signal.SIGSTOP)
        report = await load.stop()
        assert report is not None
        assert report.verdict == "INVALID"
        assert load.past[0].error
        assert sending() == set()


async def test_users_have_no_rate(service: Service) -> None:
    async with asyncio.timeout(LIMIT_S), LoadSession() as load:
        await load.start(Plan(targets=(Target(url=service.url),), closed=ClosedLoop(users=2, think_s=0.05)))
        assert load.rate_per_s == 0.0
        with pytest.raises(InvalidInput, match="this load has users"):
            await load.set_rate(5)


async def test_only_the_last_runs_are_kept(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("client.load.session.PAST_MAX", 2)
    async with asyncio.timeout(LIMIT_S), LoadSession() as load:
        for _ in range(3):
            await load.start(constant(service.url, 100, duration_s=0.05))
            await until_over(load)
        assert [past.number for past in load.past] == [3, 2]
