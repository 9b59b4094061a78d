"""The engine against servers that stall, refuse, lie and hang: what it tells is what its users would have seen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from client.load.engine.endpoint import Endpoint
from client.load.engine.precise_timer import LoopTimer, best_timer
from client.load.interval_stats import IntervalStats, Recorder
from client.load.metrics import Metrics
from client.load.plan.model import ClosedLoop, Hedge, OpenLoop, Plan, RateStage, Target
from client.load.plan.validation import check_plan
from client.load.request_factory import prepare_requests
from client.load.run_result import EngineResult
from client.load.schedule import NS_PER_S, Part, Schedule
from client.load.summary import Summary
from client.load.worker import http_engine

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Answer = Callable[[], bytes | None]


class Server(asyncio.Protocol):
    """Answers each request with `answer()`; None leaves it unanswered, b"" resets the connection."""

    def __init__(self, answer: Answer, hold_until: Callable[[], float]) -> None:
        self._answer = answer
        self._hold_until = hold_until

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        delay_s = self._hold_until() - time.monotonic()
        asyncio.get_running_loop().call_later(max(0.0, delay_s), self._reply)

    def _reply(self) -> None:
        answer = self._answer()
        if answer == b"":
            self._transport.abort()
        elif answer is not None and not self._transport.is_closing():
            self._transport.write(answer)
            if b"Content-Length: 99" in answer:
                self._transport.close()


@asynccontextmanager
async def serving(answer: Answer, hold_until: Callable[[], float] = lambda: 0.0) -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(lambda: Server(answer, hold_until), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class Trial:
    """A plan run by an engine of its own, and what it counted."""

    def __init__(
        self, port: int, *, rate_per_s: float = 200.0, users: int = 0, think_s: float = 0.0, **changes: object
    ):
        settings = {"duration_s": 0.3, "timeout_s": 1.0, **changes}
        loops = (
            {"closed": ClosedLoop(users=users, think_s=think_s)} if users else {"open": OpenLoop(rate_per_s=rate_per_s)}
        )
        target = Target(url=f"http://127.0.0.1:{port}/")
        plan = check_plan(Plan(**{"targets": (target,), **loops, **settings}))  # type: ignore[arg-type]
        self.start_ns = time.monotonic_ns()
        self.recorder = Recorder(self.start_ns)
        self.metrics = Metrics(time.time())
        endpoint = Endpoint(host="127.0.0.1", port=port, tls=None)
        self.engine = http_engine(plan, Part(), prepare_requests(plan), [endpoint], self.recorder, self.start_ns)

    async def run(self, **settings: float) -> EngineResult:
        async with asyncio.timeout(10):
            return await self.engine.run(**settings)

    def elapsed_s(self) -> float:
        return (time.monotonic_ns() - self.start_ns) / NS_PER_S

    def total(self) -> Summary:
        self._collect()
        return self.metrics.total(self.elapsed_s())

    def window(self, since_ns: int, until_ns: int) -> Summary:
        self._collect()
        at = [self.metrics.began + (ns - self.start_ns) / NS_PER_S for ns in (since_ns, until_ns)]
        return self.metrics.window(at[0], at[1], self.elapsed_s())

    def _collect(self) -> None:
        for data in self.recorder.take():
            self.metrics.add(IntervalStats.from_data(data))


async def run(port: int, **changes: object) -> tuple[Summary, EngineResult]:
    trial = Trial(port, **changes)  # type: ignore[arg-type]
    ended = await trial.run()
    return trial.total(), ended


async def test_every_arrival_of_the_schedule_is_sent_and_counted_once() -> None:
    async with serving(lambda: OK) as port:
        total, ended = await run(port)
    assert (total.offered, total.started, total.completed, total.ok, total.failed) == (60, 60, 60, 60, 0)
    assert total.statuses == {"200": 60}
    assert ended.missed == 0
    assert total.response.count == total.service.count == 60


async def test_a_stall_shows_in_the_response_time_and_hides_from_the_service_time() -> None:
    # 500/s for 1.2 s; at 0.4 s the server stalls for 0.4 s: the 200 requests due meanwhile wait 400 ms down to 0.
    begin = time.monotonic() + 0.4
    stall = (begin, begin + 0.4)

    def hold_until() -> float:
        return stall[1] if stall[0] <= time.monotonic() < stall[1] else 0.0

    async with serving(lambda: OK, hold_until) as port:
        total, _ = await run(port, rate_per_s=500.0, duration_s=1.2, connections=2)
    assert total.ok == total.offered == 600
    assert total.response.p90 is not None
    assert total.service.p90 is not None
    # 60 of 600 are slower than the p90; they are the first 60 of the stall, 2 ms apart: 400 - 120 = 280 ms.
    assert total.response.p90 == pytest.approx(280, abs=60)
    assert total.service.p90 < 50
    assert total.lag.connection.p90 is not None
    assert total.lag.connection.p90 > 200
    assert total.lag.generator.p50 is not None
    assert total.lag.generator.p50 < 20


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"", "reset"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort", "short"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "garbage"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "4xx"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "5xx"),
        (None, "timeout"),
    ],
)
async def test_each_way_to_fail_has_its_class(answer: bytes | None, fault: str) -> None:
    async with serving(lambda: answer) as port:
        total, _ = await run(port, rate_per_s=50.0, duration_s=0.2, timeout_s=0.2)
    # An abort may reach us as an orderly end or as a reset, depending on what was in the buffers.
    errors = {"reset" if name == "short" and fault == "reset" else name: n for name, n in total.errors.items()}
    assert errors == {fault: 10}
    assert (total.offered, total.ok) == (10, 0)


async def test_a_server_that_is_gone_costs_every_arrival_and_a_name() -> None:
    async with serving(lambda: OK) as port:
        pass
    total, _ = await run(port)
    assert total.errors == {"connect": 60}
    assert (total.started, total.response.count) == (0, 0)


async def test_a_connection_that_the_server_closes_is_replaced() -> None:
    async with serving(lambda: OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")) as port:
        total, _ = await run(port, connections=1)
    assert (total.ok, total.failed) == (60, 0)


async def test_what_times_out_in_the_queue_is_counted_without_having_been_sent() -> None:
    async with serving(lambda: None) as port:
        total, _ = await run(port, rate_per_s=100.0, duration_s=0.3, connections=1, timeout_s=0.25)
    assert total.offered == 30
    assert total.started < total.offered
    assert total.errors == {"timeout": 30}
    assert total.response.count == 30
    assert total.response.max is not None
    assert 250 <= total.response.max < 600


async def test_after_a_stop_what_is_unfinished_counts_with_its_age() -> None:
    async with serving(lambda: None) as port, asyncio.timeout(10):
        trial = Trial(port, duration_s=None, timeout_s=30.0)
        run_task = asyncio.ensure_future(trial.run(grace_s=0.1))
        await asyncio.sleep(0.2)
        trial.engine.stop()
        ended = await run_task
    total = trial.total()
    assert ended.stopped
    assert total.offered >= 30
    assert total.errors == {"unfinished": total.offered}
    assert total.response.max is not None
    assert 250 <= total.response.max < 2000


async def test_the_rate_changes_while_it_runs_without_a_burst() -> None:
    async with serving(lambda: OK) as port, asyncio.timeout(10):
        trial = Trial(port, rate_per_s=50.0, duration_s=None)
        at = [trial.start_ns + round(s * NS_PER_S) for s in (0.2, 0.4, 0.5, 0.6)]
        for at_ns, rate_per_s in zip(at, (500.0, 0.0, 50.0), strict=False):
            trial.recorder.cut(at_ns)
            trial.engine.change_rate(rate_per_s, at_ns)
        run_task = asyncio.ensure_future(trial.run())
        while time.monotonic_ns() < at[3]:
            await asyncio.sleep(0.01)
        trial.engine.stop()
        await run_task
    fast, paused, slow = trial.window(at[0], at[1]), trial.window(at[1], at[2]), trial.window(at[2], at[2] + NS_PER_S)
    # The schedule is exact; only how late it is stopped is not.
    assert trial.window(trial.start_ns, at[0]).offered == 10
    assert fast.offered == 100
    assert paused.offered == 0
    assert slow.offered >= 5
    assert fast.failed == 0


async def test_a_ramp_offers_what_lies_under_it() -> None:
    ramp = OpenLoop(stages=(RateStage(seconds=0.5, from_per_s=0, to_per_s=400),))
    async with serving(lambda: OK) as port:
        total, _ = await run(port, open=ramp, duration_s=0.5)
    assert total.offered == total.ok == 100


async def test_four_parts_offer_what_the_whole_does() -> None:
    seen: list[int] = []
    loop = OpenLoop(rate_per_s=100)
    for part in (Part(0, 4), Part(1, 4), Part(2, 4), Part(3, 4)):
        schedule = Schedule(loop, seed=1, start_ns=0, part=part)
        seen.append(schedule.count_before(NS_PER_S))
    assert seen == [25, 25, 25, 25]


async def test_slow_requests_are_hedged_within_the_budget() -> None:
    # Every tenth answer is held back by 0.3 s: asked again after 30 ms it comes at once.
    answers = 0

    def hold_until() -> float:
        nonlocal answers
        answers += 1
        return time.monotonic() + 0.3 if answers % 10 == 0 else 0.0

    async with serving(lambda: OK, hold_until) as port:
        total, _ = await run(port, duration_s=1.0, hedge=Hedge(after_ms=30.0, budget=0.5))
    assert total.ok == total.offered == total.started == 200
    assert 15 <= total.hedged <= 60
    assert total.hedges_won > 0
    assert total.response.p90 is not None
    assert total.response.p90 < 100
    assert answers == total.started + total.hedged


async def test_budget_bounds_hedges() -> None:
    async with serving(lambda: OK, lambda: time.monotonic() + 0.1) as port:
        total, _ = await run(port, duration_s=0.5, hedge=Hedge(after_ms=10.0, budget=0.1))
    assert total.ok == 100
    assert 5 <= total.hedged <= 11


async def test_users_wait_for_their_answer_before_they_ask_again() -> None:
    async with serving(lambda: OK, lambda: time.monotonic() + 0.05) as port:
        total, ended = await run(port, users=4, duration_s=0.5)
    # Four users, one answer each 50 ms.
    assert 20 <= total.ok <= 44
    assert total.offered == total.started == total.ok
    assert total.service == total.response
    assert total.response.max is not None
    assert total.response.max >= 50
    assert ended.missed == 0


async def test_users_think_before_they_ask_again() -> None:
    async with serving(lambda: OK) as port:
        total, _ = await run(port, users=5, think_s=0.1, duration_s=0.35)
    assert 5 * 2 <= total.ok <= 5 * 5


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"", "reset"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort", "short"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "5xx"),
        (None, "timeout"),
    ],
)
async def test_users_meet_the_same_errors(answer: bytes | None, fault: str) -> None:
    async with serving(lambda: answer) as port:
        total, _ = await run(port, users=3, think_s=0.05, duration_s=0.3, timeout_s=0.15)
    assert total.ok == 0
    assert total.failed == total.offered >= 3
    names = {"reset" if name == "short" and fault == "reset" else name for name in total.errors}
    assert names <= {fault, "unfinished"}


async def test_users_of_a_server_that_is_gone_do_not_storm_it() -> None:
    async with serving(lambda: OK) as port:
        pass
    total, _ = await run(port, users=2, duration_s=0.4)
    assert set(total.errors) == {"connect"}
    assert 2 <= total.failed <= 20
    assert total.started == 0


@pytest.mark.parametrize("traced", [False, True])
async def test_the_short_way_counts_what_the_ordinary_one_does(*, traced: bool) -> None:
    # Of every ten answers one is an error, one has another head, one ends its connection; the rest are all alike.
    answers = [OK] * 7
    answers += [b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", OK.replace(b"OK\r\n", b"OK\r\nX: y\r\n")]
    answers += [OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")]
    sent: list[bytes] = []

    def answer() -> bytes:
        sent.append(answers[len(sent) % len(answers)])
        return sent[-1]

    async with serving(answer) as port, asyncio.timeout(10):
        trial = Trial(port, users=3, duration_s=None, traced=traced)
        run_task = asyncio.ensure_future(trial.run())
        while len(sent) < 500:
            await asyncio.sleep(0.01)
        trial.recorder.cut(time.monotonic_ns())
        while len(sent) < 1000:
            await asyncio.sleep(0.01)
        trial.engine.stop()
        await run_task
    total = trial.total()
    assert total.offered == total.started == total.completed == len(sent) >= 1000
    assert total.statuses == {"200": len(sent) - total.errors["5xx"], "503": sum(each == answers[7] for each in sent)}
    assert total.response.count == total.ok == len(sent) - total.errors["5xx"]
    assert total.received_bytes == 2 * total.ok
    assert len(list(trial.metrics.intervals())) >= 2
    assert all(stats.pending == 0 for stats in trial.recorder._open)


async def test_a_stop_ends_the_users() -> None:
    async with serving(lambda: OK) as port, asyncio.timeout(10):
        trial = Trial(port, users=3, duration_s=None)
        run_task = asyncio.ensure_future(trial.run())
        await asyncio.sleep(0.1)
        trial.engine.stop()
        assert (await run_task).stopped
    assert trial.total().ok > 3
    assert trial.total().failed == 0


@pytest.mark.parametrize("users", [0, 3])
async def test_cancelling_ends_every_connection(users: int) -> None:
    async with serving(lambda: None) as port, asyncio.timeout(10):
        run_task = asyncio.ensure_future(Trial(port, users=users, duration_s=None).run())
        await asyncio.sleep(0.1)
        run_task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run_task


@pytest.mark.parametrize("make", [best_timer, LoopTimer])
async def test_an_alarm_rings_once_and_not_before_its_time(make: Callable[[Callable[[], None]], LoopTimer]) -> None:
    rung: list[int] = []
    ringing = asyncio.Event()

    def ring() -> None:
        rung.append(time.monotonic_ns())
        ringing.set()
        timer.unset()

    timer = make(ring)
    due_ns = time.monotonic_ns() + NS_PER_S // 50
    timer.set(due_ns + NS_PER_S)
    timer.set(due_ns)
    async with asyncio.timeout(5):
        await ringing.wait()
    timer.close()
    # The loop's own timers may be up to a millisecond early.
    assert len(rung) == 1
    assert rung[0] >= due_ns - 1_000_000
