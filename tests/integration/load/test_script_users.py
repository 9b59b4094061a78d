"""Users of a script that start and stop, and steps of the script's own."""

from __future__ import annotations

from collections.abc import Callable

from client.load.plan.model import Plan
from client.load.verdict import Verdict
from tests.integration.load.script_shop import Shop, flow_of, report_of, target

STARTED = """
async def on_start(user):
    page = await user.get("/login", name="log in")
    user.check(page.status == 200)

async def flow(user):
    await user.get("/visit")

async def on_stop(user):
    await user.get("/search", params={"q": "bye"}, name="log out")
"""


async def test_each_user_starts_once_and_stops_once(planned: Callable[..., Plan], shop: Shop) -> None:
    report = await report_of(planned(STARTED, users=3, duration_s=0.5))
    assert report.summary.failed == 0
    assert len(shop.visits) == 3, "each user has its own cookies"
    for visits in shop.visits.values():
        assert visits[0] == "GET /login"
        assert visits[-1] == "GET /search"
        assert set(visits[1:-1]) == {"GET /visit"}
    # The start is a step and in no flow; the stop is not counted.
    assert target(report, "log in").ok == 3
    assert "log out" not in {each.name for each in report.summary.targets}
    assert report.summary.ok == target(report, "GET /visit").ok == sum(len(each) - 2 for each in shop.visits.values())


async def test_in_an_open_loop_each_arrival_starts_and_stops(planned: Callable[..., Plan], shop: Shop) -> None:
    report = await report_of(planned(STARTED, rate_per_s=20, duration_s=0.5))
    assert report.summary.ok == 10
    assert list(shop.visits.values()) == [["GET /login", "GET /visit", "GET /search"]] * 10


async def test_a_user_that_cannot_start_is_a_failed_flow(planned: Callable[..., Plan]) -> None:
    script = STARTED.replace('"/login", name="log in"', '"/broken", name="log in"')
    report = await report_of(planned(script, users=2, duration_s=0.4))
    assert report.summary.ok == 0
    assert set(report.summary.errors) == {"5xx"}
    assert report.summary.offered == report.summary.failed == report.summary.started
    assert report.summary.failed == target(report, "log in").failed


async def test_a_stop_that_fails_or_hangs_spoils_nothing(planned: Callable[..., Plan]) -> None:
    script = STARTED.replace('"/search", params={"q": "bye"}', '"/missing"') + "    assert False, 'no bye'\n"
    report = await report_of(planned(script, users=2, duration_s=0.3))
    assert report.summary.failed == 0


async def test_a_client_of_the_scripts_own_is_timed_as_a_step(planned: Callable[..., Plan]) -> None:
    script = flow_of(
        "import asyncio",
        'async with user.step("cache get"):',
        "    await asyncio.sleep(0.02)",
        'async with user.step("cache put"):',
        "    raise ConnectionRefusedError('no cache')",
    )
    report = await report_of(planned(script, rate_per_s=20, duration_s=0.5))
    assert report.summary.errors == {"connect": 10}
    got, put = target(report, "cache get"), target(report, "cache put")
    assert (got.ok, got.completed, put.ok, put.errors) == (10, 10, 0, {"connect": 10})
    assert got.service.p50 is None or got.service.p50 >= 20
    good = await report_of(planned(flow_of('async with user.step("a"):', "    pass"), rate_per_s=20, duration_s=0.5))
    assert (good.summary.ok, good.summary.completed) == (10, 10)
    assert good.verdict is not Verdict.FAILED
