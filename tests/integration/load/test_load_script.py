"""Scripts against a real server: cookies, redirects and logic, counted as flows and as their steps."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from client.load.plan.model import ClosedLoop, OpenLoop, Plan
from client.load.report.text_report import text_report
from client.load.run import LoadRun
from client.load.run_report import Report
from client.load.script.script_loader import complete_plan
from client.load.summary import TargetSummary
from client.load.verdict import Verdict
from client.load.workers import LocalWorker, Worker
from server.api.timing import Attempt, RequestTrace, render
from vmhost.base.errors import InvalidInput, Unavailable

TRACE = render(
    RequestTrace(
        trace_id="", total_ms=2.0, frontend_ms=0.5,
        attempts=(Attempt(instance_id="i-0a12", type="t3.nano", host="host-a", shard=0, start_ms=0.2, dur_ms=1.5),),
    )
)  # fmt: skip
SHOP = """
async def setup(base_url):
    return {"words": ["cloud", "glass", "rain"]}

async def flow(user):
    page = await user.get("/login")
    assert page.status == 200, "login page"
    home = await user.post("/login", data={"name": "ada"}, name="log in")
    user.check((await home.text()).startswith("home of "), "not at home")
    found = await user.get("/search", params={"q": user.draw(user.shared["words"])}, name="search")
    user.check("hits" in await found.json(), "no hits")
"""


class Shop:
    """A server with a login, which gives each new visitor a cookie and remembers what came with it."""

    def __init__(self) -> None:
        self.url = ""
        self.visits: dict[str, list[str]] = {}
        self.queries: list[str] = []
        self.traceparents: list[str] = []
        self.arrived = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/login", self.login)
        app.router.add_post("/login", self.log_in)
        app.router.add_get("/home", self.home)
        app.router.add_get("/search", self.search)
        app.router.add_get("/visit", self.visit)
        app.router.add_get("/hang", self.hang)
        app.router.add_get("/gate", self.gate)
        app.router.add_get("/broken", self.broken)
        app.router.add_get("/circle", self.circle)
        return app

    async def login(self, request: web.Request) -> web.Response:
        return self._visited(request, web.Response(text="who are you?"))

    async def log_in(self, request: web.Request) -> web.Response:
        assert (await request.post())["name"] == "ada"
        return self._visited(request, web.Response(status=303, headers={"Location": "/home"}))

    async def home(self, request: web.Request) -> web.Response:
        return self._visited(request, web.Response(text=f"home of {request.cookies['visitor']}"))

    async def search(self, request: web.Request) -> web.Response:
        self.queries.append(request.query["q"])
        return self._visited(request, web.json_response({"hits": []}, headers={"Server-Timing": TRACE}))

    async def visit(self, request: web.Request) -> web.Response:
        return self._visited(request, web.Response(text="welcome"))

    async def hang(self, request: web.Request) -> web.Response:
        self.arrived.set()
        await asyncio.Event().wait()
        raise AssertionError("never")

    async def gate(self, request: web.Request) -> web.Response:
        self.arrived.set()
        await self.open.wait()
        return web.Response(text="through")

    async def broken(self, request: web.Request) -> web.Response:
        return web.Response(status=500)

    async def circle(self, request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/circle"})

    def _visited(self, request: web.Request, response: web.Response) -> web.Response:
        self.traceparents.append(request.headers.get("traceparent", ""))
        visitor = request.cookies.get("visitor")
        if visitor is None:
            visitor = str(len(self.visits))
            self.visits[visitor] = []
            response.set_cookie("visitor", visitor)
        self.visits[visitor].append(f"{request.method} {request.path}")
        return response


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    shop = Shop()
    runner = web.AppRunner(shop.application(), shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    shop.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield shop
    await runner.cleanup()


@pytest.fixture
def planned(tmp_path: Path, shop: Shop) -> Callable[..., Plan]:
    """Makes a plan with that script."""

    def make(script: str, *, rate_per_s: float = 100.0, users: int = 0, **settings: object) -> Plan:
        file = tmp_path / "flow.py"
        file.write_text(script)
        loop = {"closed": ClosedLoop(users=users)} if users else {"open": OpenLoop(rate_per_s=rate_per_s)}
        settings = {"duration_s": 0.6, "timeout_s": 10.0, "base": shop.url, "script": str(file), **loop, **settings}
        return complete_plan(Plan(**settings))  # type: ignore[arg-type]

    return make


async def report_of(plan: Plan, *, processes: int = 1) -> Report:
    async with asyncio.timeout(30), LoadRun(processes=processes) as load:
        await load.start(plan)
        return await load.finished()


def target(report: Report, name: str) -> TargetSummary:
    return next(each for each in report.summary.targets if each.name == name)


def flow_of(*lines: str) -> str:
    return "\n    ".join(("async def flow(user):", *lines))


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


async def test_a_script_that_blocks_is_the_generators_fault(planned: Callable[..., Plan]) -> None:
    lines = ("import time", "if user.number == 5:", "    time.sleep(0.4)", 'await user.get("/visit")')
    report = await report_of(planned(flow_of(*lines)))
    assert report.summary.ok == 60
    assert report.summary.lag.generator.max is not None
    assert report.summary.lag.generator.max >= 350
    assert report.verdict is Verdict.INVALID
    assert "flow.py:4 in flow (time.sleep(0.4)), once" in report.reason


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


# Examples


async def test_a_failed_check_shows_the_request_and_the_response_before_it(planned: Callable[..., Plan]) -> None:
    script = (
        flow_of(
            'data = {"name": "ada", "password": "hunter2"}',
            'page = await user.post("/login", data=data, headers={"X-Key": "hunter2"})',
            "await find(user, await page.text())",
        )
        + """
async def find(user, text):
    user.check("basket" in text, "no basket")
"""
    )
    report = await report_of(planned(script, rate_per_s=20, duration_s=0.5))
    (example,) = report.result.examples
    assert (example.target, example.fault, example.status) == ("flow", "wrong answer", 200)
    assert example.error.split("\n") == [
        "no basket (flow.py:6)",
        "  flow.py:4 in flow: await find(user, await page.text())",
        '  flow.py:6 in find: user.check("basket" in text, "no basket")',
    ]
    assert "GET http" in example.request
    assert "/home HTTP/1.1" in example.request
    assert "Cookie: visitor=(hidden)" in example.request
    assert "home of" in example.response
    assert "hunter2" not in f"{example}"


async def test_a_step_that_fails_is_an_example_with_its_body(planned: Callable[..., Plan]) -> None:
    script = flow_of('await user.post("/broken", json={"title": "glass", "token": "hunter2"}, name="buy")')
    report = await report_of(planned(script, rate_per_s=20, duration_s=0.5))
    assert {each.kind for each in report.result.examples} == {("buy", 405, "4xx")}
    example = report.result.examples[0]
    assert example.error == "status 405 Method Not Allowed"
    assert '{"title": "glass", "token": (hidden)}' in example.request
    assert example.response.startswith("HTTP/1.1 405 Method Not Allowed")
    assert len(report.result.examples) == 3


async def test_a_flow_out_of_time_shows_the_step_that_took_it(planned: Callable[..., Plan]) -> None:
    report = await report_of(planned(flow_of('await user.get("/hang")'), rate_per_s=10, duration_s=0.3, timeout_s=0.2))
    assert {each.target for each in report.result.examples} == {"GET /hang"}
    assert report.result.examples[0].error == "no response when the flow's timeout of 0.2 s was over"
    slow = flow_of('await user.get("/visit")', "import asyncio", "await asyncio.sleep(5)")
    report = await report_of(planned(slow, rate_per_s=10, duration_s=0.3, timeout_s=0.3))
    assert {(each.target, each.error.split("\n")[0]) for each in report.result.examples} == {
        ("flow", "the flow took longer than its timeout of 0.3 s")
    }


# Users that start and stop, and steps of the script's own

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


# What a script prints, and what holds it up


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
