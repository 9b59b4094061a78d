"""A generator that is stopped for a while, as when its computer sleeps: the time is named and left out."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from client.load.plan.model import ClosedLoop, OpenLoop, Plan, Spacing, Target
from client.load.report.json_report import report_json
from client.load.run import LoadRun
from client.load.run_report import Report
from client.load.verdict import COMPUTER_BUSY
from client.load.workers import LocalWorker
from client.process_tree import process_tree
from tests.integration.load.load_service import Service

ROOT = Path(__file__).parents[3]
STOPPED_S = 2.5
BUSY = COMPUTER_BUSY
"""Requests that were sent some milliseconds late before or after say nothing of the standstill."""


@pytest.fixture
def service(service: Service) -> Service:
    """Responds after some milliseconds, so that requests are under way when the generator is stopped."""
    service.delay_s = 0.02
    return service


LOOPS: list[dict[str, Any]] = [
    {"open": OpenLoop(rate_per_s=100.0)},
    {"open": OpenLoop(rate_per_s=100.0, spacing=Spacing.POISSON)},
    {"closed": ClosedLoop(users=3, think_s=0.02)},
    {"closed": ClosedLoop(users=3)},
]


async def stopped_once(service: Service, plan: Plan) -> Report:
    """The report of a run whose sending process was stopped for a while."""
    async with asyncio.timeout(30), LoadRun() as run:
        await run.start(plan)
        await service.busy.wait()
        (state,) = run._workers
        assert isinstance(state.worker, LocalWorker)
        assert state.worker.pid is not None
        os.kill(state.worker.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(STOPPED_S)
        finally:
            os.kill(state.worker.pid, signal.SIGCONT)
        return await run.finished()


@pytest.mark.parametrize("loop", LOOPS, ids=["even", "Poisson", "thinking users", "users"])
@pytest.mark.parametrize("duration_s", [4.0, 1.5], ids=["within the run", "at its end"])
@pytest.mark.parametrize("scripted", [False, True], ids=["requests", "script"])
async def test_standstill_is_named_and_left_out(
    service: Service, loop: dict[str, Any], duration_s: float, scripted: bool, tmp_path: Path
) -> None:
    since = time.time()
    sends: dict[str, Any] = {"targets": (Target(url=service.url),)}
    if scripted:
        script = tmp_path / "flow.py"
        script.write_text("async def flow(user):\n    await user.get('/')\n")
        sends = {"script": str(script), "base": service.url}
    plan = Plan(duration_s=duration_s, timeout_s=1.0, **sends, **loop)
    report = await stopped_once(service, plan)
    told = report_json(report)
    assert report.verdict == "VALID" or BUSY in report.reason, report.reason
    assert report.result.missed == 0
    assert told["errors"] == {}
    assert report.summary.ok == report.summary.offered == report.summary.started > 0
    assert told["response_ms"]["max"] < 1000
    (standstill,) = told["generator"]["standstills"]
    assert since < standstill["at"] < time.time()
    assert STOPPED_S - 0.5 < standstill["seconds"] < STOPPED_S + 2
    assert "this computer stood still for 2." in report.reason


async def test_script_that_sleeps_is_blocked_not_at_a_standstill(service: Service, tmp_path: Path) -> None:
    script = tmp_path / "flow.py"
    script.write_text("import time\nasync def flow(user):\n    await user.get('/')\n    time.sleep(1.3)\n")
    plan = Plan(script=str(script), base=service.url, closed=ClosedLoop(users=1), requests=1, timeout_s=5.0)
    async with asyncio.timeout(30), LoadRun() as run:
        await run.start(plan)
        report = await run.finished()
    (process,) = report.result.processes
    assert (process.standstills, report.summary.ok) == ((), 1)
    assert process.blocked


async def test_standstill_of_the_whole_command(service: Service) -> None:
    pipe = asyncio.subprocess.PIPE
    async with asyncio.timeout(30):
        command = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "client", "load", service.url, "--rate", "50", "--for", "4s", "--json",
            stdin=pipe, stdout=pipe, stderr=pipe, cwd=ROOT,
        )  # fmt: skip
        await service.busy.wait()
        pids = [each.pid for each in process_tree(command.pid)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(STOPPED_S)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        out, err = await command.communicate()
    told = json.loads(out)
    assert command.returncode == 0 or BUSY in told["reason"], (told["reason"], err)
    assert (told["errors"], told["generator"]["missed"]) == ({}, 0)
    assert told["response_ms"]["max"] < 1000
    assert [each["seconds"] > STOPPED_S - 0.5 for each in told["generator"]["standstills"]] == [True]
    assert 40 < told["offered_per_s"] < 60
