"""A session with a real cloud: loads, kills with and without a load, and one experiment at a time."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest

from client.experiments.experiment import choose_victim
from client.experiments.kill import Kill
from client.experiments.noisy_neighbor import NoisyNeighbor
from client.experiments.results import Failure, Progress, Result, Step, result_json
from client.session import Session
from vmhost.base.errors import Conflict, InvalidInput

LIMIT_S = 90
HOG = NoisyNeighbor(rate_per_s=100, before_s=1.5, seconds=1.5, after_s=1.0, workers_per_vcpu=1)


def victim(session: Session) -> Any:
    return choose_victim(session.watcher.state, random.Random(1))


async def test_kill_without_a_load_reports_times_only(session: Session) -> None:
    async with asyncio.timeout(LIMIT_S):
        steps: list[Step] = []
        session.experiments.listeners.append(steps.append)
        result = await session.experiments.run(Kill(), victim(session), by="the console")
        assert (result.verdict, result.held, result.phases, result.problems) == ("inconclusive", None, {}, ())
        assert [row.label for row in result.rows] == ["noticed after", "replaced after"]
        assert all(row.during is not None for row in result.rows)
        assert "no load ran" in result.reason
        assert [type(step.what) for step in steps] == [Progress] * 3 + [Result]
        assert {(step.number, step.by) for step in steps} == {(1, "the console")}
        assert session.experiments.ended == (steps[-1],)


async def test_kill_under_load_blocks_other_changes(session: Session) -> None:
    async with asyncio.timeout(LIMIT_S):
        plan = await session.plan_of({"rate_per_s": 100})
        assert plan.targets[0].corpus is not None
        await session.start(plan)
        async for snapshot in session.load.snapshots(0.1):
            if snapshot is not None and snapshot.total.completed > 100:
                break
        killing = asyncio.create_task(session.experiments.run(Kill(), victim(session)))
        while not session.experiments.busy:
            await asyncio.sleep(0.01)
        for change in (session.stop_load(), session.set_rate(5), session.start(plan)):
            with pytest.raises(Conflict, match="the kill is still being measured"):
                await change
        with pytest.raises(Conflict, match="the kill is still being measured"):
            await session.experiments.run(HOG, victim(session))
        result = await killing
        assert result.phases["kill"].offered > 150
        data = result_json(result)
        assert json.loads(json.dumps(data)) == data
        rows = {row["label"]: row for row in data["rows"]}
        assert rows["requests"]["during"] == result.phases["kill"].offered
        assert rows["lost requests"]["during"] == 0
        assert session.experiments.busy == ""
        assert [mark.text for mark in session.load.snapshot().marks] == [
            f"kill {result.instance_id}", f"{result.instance_id} replaced"
        ]  # fmt: skip
        assert await session.stop_load() is not None


async def test_cpu_hog_runs_its_own_load(session: Session) -> None:
    async with asyncio.timeout(LIMIT_S):
        steps: list[Step] = []
        session.experiments.listeners.append(steps.append)
        running = asyncio.create_task(session.experiments.run(HOG, victim(session)))
        while not any(step.running for step in steps):
            await asyncio.sleep(0.01)
        assert session.load.rate_per_s == 100
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        while session.experiments.busy:
            await asyncio.sleep(0.05)
        assert isinstance(steps[-1].what, Result)
        assert steps[-1].what.phases["hog"].offered > 100
        assert not session.load.running


async def test_cpu_hog_restores_the_load_when_cancelled(session: Session) -> None:
    async with asyncio.timeout(LIMIT_S):
        steps: list[Step] = []
        session.experiments.listeners.append(steps.append)
        await session.start_load(5)
        running = asyncio.create_task(session.experiments.run(HOG, victim(session)))
        while session.load.rate_per_s != 100:
            await asyncio.sleep(0.01)
        await session.experiments.close()
        assert isinstance(steps[-1].what, Failure)
        assert (session.load.rate_per_s, session.experiments.busy) == (5, "")
        with pytest.raises(asyncio.CancelledError):
            await running
        with pytest.raises(InvalidInput, match="users"):
            await session.plan_of({"users": "many"})
