"""Two tenants of one run: the same beginning, and figures of their own."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from client.load.plan.model import constant
from client.load.plan_runner import start_together, verdict_of
from client.load.run import LoadRun
from client.load.verdict import Verdict
from vmhost.base.errors import Unavailable


async def test_tenants_start_together_with_own_reports() -> None:
    asked: dict[str, int] = {"/victim": 0, "/noisy": 0}

    async def handle(request: web.Request) -> web.Response:
        asked[request.path] += 1
        return web.Response(text="ok", status=200 if request.path == "/victim" else 500)

    app = web.Application()
    app.router.add_get("/{name}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    plans = [
        constant(f"{url}/{name}", rate, name=name, duration_s=0.5) for name, rate in (("victim", 40), ("noisy", 80))
    ]
    async with asyncio.timeout(30), AsyncExitStack() as stack:
        runs = [await stack.enter_async_context(LoadRun()) for _ in plans]
        await start_together(runs, plans)
        reports = [await run.finished() for run in runs]
    await runner.cleanup()
    assert asked == {"/victim": 20, "/noisy": 40}
    assert [report.plan.name for report in reports] == ["victim", "noisy"]
    assert [report.summary.offered for report in reports] == [20, 40]
    assert reports[0].summary.failed == 0
    assert reports[1].summary.errors == {"5xx": 40}
    assert reports[0].summary.since == pytest.approx(reports[1].summary.since, abs=0.01)
    assert verdict_of(reports) in {Verdict.FAILED, Verdict.INVALID}


async def test_one_that_cannot_begin_keeps_all_from_beginning() -> None:
    plans = [constant("http://127.0.0.1:9/", 5, name=name, duration_s=0.5) for name in ("a", "b")]
    async with asyncio.timeout(30), AsyncExitStack() as stack:
        runs = [await stack.enter_async_context(LoadRun()) for _ in plans]
        with pytest.raises(Unavailable, match="cannot be reached"):
            await start_together(runs, plans)
