"""Scripts against a real server: cookies, redirects and logic, counted as flows and as their steps."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from client.load.plan.model import Plan
from client.load.report.text_report import text_report
from client.load.run import LoadRun
from client.load.verdict import Verdict
from client.load.workers import LocalWorker, Worker
from tests.integration.load.script_shop import SHOP, Shop, flow_of, report_of, target
from vmhost.base.errors import InvalidInput, Unavailable


async def test_a_flow_is_counted_once_and_its_steps_beside_it(shop: Shop, planned: Callable[..., Plan]) -> None:
    report = await report_of(planned(SHOP))
    total = report.summary
    assert (total.offered, total.started, total.completed, total.ok) == (60, 60, 60, 60), total.messages
    assert [(each.name, each.ok) for each in total.targets] == [
        ("flow", 60), ("GET /login", 60), ("log in", 60), ("search", 60),
    ]  # fmt: skip
    assert total.response.count == total.service.count == total.lag.connection.count == 60
    assert [(one.id, one.answered) for one in total.instances] == [("i-0a12", 60)]
    assert set(shop.queries) == {"cloud", "glass", "rain"}
    assert len({text for text in shop.traceparents if text}) == 180
    # One step, two requests: what users wait for is where the redirect leads.
    assert target(report, "log in").service.count == 60
    assert "script" not in report.reason
    assert report.verdict in {Verdict.VALID, Verdict.INVALID}


async def test_each_arrival_is_a_visitor_of_its_own(shop: Shop, planned: Callable[..., Plan]) -> None:
    await report_of(planned(SHOP, rate_per_s=50))
    assert len(shop.visits) == 30
    way = ["GET /login", "POST /login", "GET /home", "GET /search"]
    assert all(visits == way for visits in shop.visits.values())


async def test_users_of_a_closed_loop_come_back_with_their_cookies(shop: Shop, planned: Callable[..., Plan]) -> None:
    plan = planned(flow_of('await user.get("/visit")'), users=3)
    report = await report_of(plan, processes=2)
    total = report.summary
    assert len(shop.visits) == 3
    assert total.ok == total.offered == sum(map(len, shop.visits.values())) > 3
    assert target(report, "GET /visit").ok == total.ok
    assert (report.verdict, total.response) == (Verdict.VALID, total.service)


@pytest.mark.parametrize(
    ("lines", "errors", "said"),
    [
        (['await user.get("/visit")', 'assert user.number < 0, "not so"'], "wrong answer", "not so (flow.py:3)"),
        (['page = await user.get("/visit")', 'user.check("x" in await page.text())'], "wrong answer", "flow.py:3"),
        (['await (await user.get("/visit")).json(content_type=None)'], "wrong answer", "JSONDecodeError"),
        (['await user.get("/circle")'], "wrong answer", "TooManyRedirects"),
        (['await user.get("/visit", expect=201)'], "wrong answer", ""),
        (["{}['hits']"], "script error", "KeyError: 'hits' (flow.py:2)"),
        (["raise SystemExit(3)"], "script error", "SystemExit: 3 (flow.py:2)"),
        (["import asyncio", "raise asyncio.CancelledError"], "script error", "CancelledError (flow.py:3)"),
        (['await user.get("http://nonsense:port/")'], "script error", "InvalidUrlClientError"),
        (['await user.get("/broken")'], "5xx", ""),
        (['await user.get("/missing")', 'await user.get("/visit")'], "4xx", ""),
        (['await user.get("http://127.0.0.1:9/")'], "connect", ""),
        (["raise TimeoutError"], "timeout", ""),
    ],
)  # fmt: skip
async def test_what_goes_wrong_has_a_class_and_a_message(
    planned: Callable[..., Plan], lines: list[str], errors: str, said: str
) -> None:
    report = await report_of(planned(flow_of(*lines), rate_per_s=50, duration_s=0.2))
    assert report.summary.errors == {errors: 10}
    assert report.summary.ok == 0
    assert report.verdict in {Verdict.FAILED, Verdict.INVALID}
    assert list(report.summary.messages.values()) == ([10] if said else [])
    assert said in "\n".join(text_report(report))


async def test_what_the_script_expects_or_catches_does_not_fail_the_flow(planned: Callable[..., Plan]) -> None:
    lines = (
        'await user.get("/missing", expect=(404,), name="absent")',
        "try:",
        '    await user.get("http://127.0.0.1:9/", name="away")',
        "except OSError:",
        '    await user.get("/visit")',
    )
    report = await report_of(planned(flow_of(*lines), rate_per_s=50, duration_s=0.2))
    assert (report.summary.ok, report.summary.errors) == (10, {})
    assert target(report, "absent").ok == 10
    assert target(report, "away").errors == {"connect": 10}


async def test_a_server_that_never_answers_is_a_timeout_of_its_step_and_its_flow(planned: Callable[..., Plan]) -> None:
    plan = planned(flow_of('await user.get("/hang")'), rate_per_s=50, duration_s=0.2, timeout_s=1.0)
    report = await report_of(plan)
    total, step = report.summary, target(report, "GET /hang")
    assert total.errors == {"timeout": 10}
    assert total.completed == 0
    # Each of them waited for this time, and none is missing from the distribution.
    assert total.response.count == step.response.count == 10
    assert total.response.mean is not None
    assert total.response.mean >= 990


async def test_a_stall_is_in_the_response_time_of_all_who_were_due_in_it(
    shop: Shop, planned: Callable[..., Plan]
) -> None:
    plan = planned(flow_of('await user.get("/gate")'), rate_per_s=100, duration_s=2.0, connections=2)
    shop.open.clear()
    async with asyncio.timeout(30), LoadRun() as load:
        began = await load.start(plan)
        await shop.arrived.wait()
        async for snapshot in load.snapshots():
            if snapshot.waiting >= 50:
                break
        stalled_s = time.time() - began
        shop.open.set()
        report = await load.finished()
    total = report.summary
    assert (total.offered, total.ok) == (200, 200)
    assert total.response.max is not None
    assert total.response.max >= 1000 * stalled_s - 50
    # Two had started and the others waited for room, each since the instant it was due.
    assert total.lag.connection.count == 200
    waited_s = sum(max(0.0, stalled_s - number / 100) for number in range(200))
    assert total.response_histogram.sum_us / 1e6 >= 0.95 * waited_s
    assert total.service_histogram.sum_us < total.response_histogram.sum_us / 5


async def test_a_step_left_behind_by_its_flow_is_not_counted(planned: Callable[..., Plan]) -> None:
    lines = ("import asyncio", 'user.left = asyncio.create_task(user.get("/visit"))', "await asyncio.sleep(0)")
    report = await report_of(planned(flow_of(*lines)))
    assert report.summary.ok == 60
    assert report.summary.targets == ()


async def test_processes_meet_steps_in_any_order_and_their_names_travel(planned: Callable[..., Plan]) -> None:
    lines = (
        'names = ["a", "b"] if user.number % 2 else ["b", "c"]',
        "for name in names:",
        '    await user.get("/visit", name=name)',
    )
    report = await report_of(planned(flow_of(*lines)), processes=2)
    assert {each.name: each.ok for each in report.summary.targets} == {"flow": 60, "a": 30, "b": 60, "c": 30}


async def test_draws_depend_on_the_seed_and_the_arrival_alone(shop: Shop, planned: Callable[..., Plan]) -> None:
    lines = ('await user.get("/search", params={"q": f"{user.number} {user.draw(range(1000))}"})',)
    drawn = []
    for processes, seed in ((1, 7), (2, 7), (1, 8)):
        await report_of(planned(flow_of(*lines), seed=seed), processes=processes)
        drawn.append(Counter(shop.queries))
        shop.queries.clear()
    assert len(drawn[0]) == 60
    assert drawn[0] == drawn[1] != drawn[2]


async def test_steps_named_after_ids_come_to_an_end(planned: Callable[..., Plan]) -> None:
    lines = ("for n in range(5):", '    await user.get(f"/visit?{n}", name=f"{user.number} {n}")')
    report = await report_of(planned(flow_of(*lines)))
    assert len(report.summary.targets) == 1 + 101
    assert target(report, "(other steps)").ok == 200


async def test_a_stop_keeps_what_was_measured_and_counts_what_was_not_ended(
    shop: Shop, planned: Callable[..., Plan]
) -> None:
    lines = (
        'await user.get("/visit")',
        "while user.number == 5:",
        "    try:",
        '        await user.get("/hang")',
        "    except BaseException:",
        "        print('will not let go')",
    )
    plan = planned(flow_of(*lines), duration_s=None, timeout_s=100.0)
    async with asyncio.timeout(30), LoadRun() as load:
        await load.start(plan)
        await shop.arrived.wait()
        async for snapshot in load.snapshots():
            if snapshot.total.ok >= 20:
                break
        report = await load.stop()
    total = report.summary
    assert total.ok >= 20
    assert set(total.errors) == {"unfinished"}
    assert total.offered == total.ok + total.failed == total.response.count


@pytest.mark.parametrize("users", [0, 2])
async def test_what_hangs_at_the_end_is_unfinished_in_both_loops(
    shop: Shop, planned: Callable[..., Plan], users: int
) -> None:
    plan = planned(flow_of('await user.get("/hang")'), users=users, duration_s=None, connections=2, timeout_s=100.0)
    async with asyncio.timeout(30), LoadRun() as load:
        await load.start(plan)
        await shop.arrived.wait()
        async for snapshot in load.snapshots():
            if snapshot.in_flight == 2:
                break
        report = await load.stop()
    total = report.summary
    assert total.errors == {"unfinished": total.offered}
    assert total.started == 2
    assert target(report, "GET /hang").errors == {"unfinished": 2}


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("x = 1\n", "flow.py has no flow; expected a Python file with `async def flow(user)`"),
        ("def flow(user): pass\n", "has a flow that is not async"),
        ("async def flow(): pass\n", "flow cannot be called: too many positional arguments"),
        ("import nothing_of_that_name\n", "No module named 'nothing_of_that_name' (flow.py:1)"),
        ("async def setup(base):\n    {}['a']\nasync def flow(user): 1\n", "setup() failed: KeyError: 'a' (flow.py:2)"),
    ],
)  # fmt: skip
async def test_a_bad_script_is_refused_before_the_run(planned: Callable[..., Plan], script: str, said: str) -> None:
    async with asyncio.timeout(30), LoadRun() as load:
        with pytest.raises(InvalidInput) as caught:
            await load.start(planned(script))
    assert said in caught.value.message
    assert "\n" not in caught.value.message


async def test_a_server_that_is_not_there_is_an_error_before_the_run(planned: Callable[..., Plan]) -> None:
    async with asyncio.timeout(30), LoadRun() as load:
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9 cannot be reached"):
            await load.start(planned(SHOP, base="http://127.0.0.1:9"))


class FarWorker(LocalWorker):
    """One that shares no clock with us, as if it were elsewhere."""

    local = False


class FarWorkers:
    async def acquire(self, wanted: int) -> Sequence[Worker]:
        worker = FarWorker("far away")
        await worker.start()
        return [worker]


async def test_a_script_does_not_travel(planned: Callable[..., Plan]) -> None:
    async with asyncio.timeout(30), LoadRun(worker_source=FarWorkers()) as load:
        with pytest.raises(InvalidInput, match="cannot run on far away: scripts run only on this computer"):
            await load.start(planned(SHOP))
