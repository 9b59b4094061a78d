"""What a script prints, and what of it holds up the generator."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from client.load.plan.model import Plan
from client.load.run import LoadRun
from client.load.verdict import Verdict
from tests.integration.load.script_shop import flow_of, report_of
from vmhost.base.errors import InvalidInput


async def test_a_script_that_blocks_is_the_generators_fault(planned: Callable[..., Plan]) -> None:
    lines = ("import time", "if user.number == 5:", "    time.sleep(0.4)", 'await user.get("/visit")')
    report = await report_of(planned(flow_of(*lines)))
    assert report.summary.ok == 60
    assert report.summary.lag.generator.max is not None
    assert report.summary.lag.generator.max >= 350
    assert report.verdict is Verdict.INVALID
    assert "flow.py:4 in flow (time.sleep(0.4)), once" in report.reason


async def test_what_a_script_prints_is_kept_bounded_and_counted(planned: Callable[..., Plan]) -> None:
    script = """
import logging, os, subprocess, sys
logging.basicConfig(level=logging.INFO)

async def setup(base_url):
    print("setting up \\x1b[31mred")

async def flow(user):
    if user.number == 0:
        logging.getLogger("shop").info("logged")
        subprocess.run(["echo", "by a program"])
        os.write(1, b"by number\\n")
        sys.stderr.write("an error\\n")
    for number in range(100):
        print("line", user.number, number)
    await user.get("/visit")
"""
    came: list[str] = []
    async with asyncio.timeout(30), LoadRun(processes=2, on_output=came.extend) as load:
        await load.start(planned(script, rate_per_s=20, duration_s=1.0))
        report = await load.finished()
    assert report.summary.ok == 20
    for text in ("setting up red", "INFO:shop:logged", "by a program", "by number", "an error", "line 0 0"):
        assert any(text in line for line in came), text
        assert any(text in line for line in report.result.output), text
    assert all(line.isprintable() for line in came)
    assert any("more lines left out" in line for line in came)
    assert len(report.result.output) <= 101


async def test_what_a_script_printed_before_it_failed_is_shown(planned: Callable[..., Plan]) -> None:
    script = "print('loaded')\nasync def setup(base_url):\n    print('asking')\n    1 / 0\nasync def flow(user): pass\n"
    came: list[str] = []
    with pytest.raises(InvalidInput, match="ZeroDivisionError"):
        async with LoadRun(on_output=came.extend) as load:
            await load.start(planned(script))
    assert came == ["loaded", "asking"]


@pytest.mark.parametrize("loop", [{"users": 3}, {"rate_per_s": 10}])
async def test_a_script_that_blocks_the_loop_is_named_and_the_service_is_not_blamed(
    planned: Callable[..., Plan], loop: dict[str, Any]
) -> None:
    script = """
import time

def pause():
    time.sleep(0.15)

async def flow(user):
    await user.get("/visit")
    pause()
"""
    report = await report_of(planned(script, duration_s=1.0, thresholds=("p90<1ms",), **loop))
    assert report.verdict is Verdict.INVALID
    assert "the script blocked the generator for" in report.reason
    assert "flow.py:5 in pause (time.sleep(0.15))" in report.reason
    (place,) = report.result.processes[0].blocked
    assert 0.14 < place.total_s / place.count < 1.0
    assert any(line.startswith("flow.py:5 in pause blocked the event loop") for line in report.result.output)


async def test_a_script_that_awaits_blocks_nothing(planned: Callable[..., Plan]) -> None:
    script = flow_of("import asyncio", 'await user.get("/visit")', "await asyncio.sleep(0.15)")
    report = await report_of(planned(script, users=20, duration_s=1.0))
    assert report.result.processes[0].blocked == ()
