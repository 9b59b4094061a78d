"""The engine against servers that stall, refuse, lie and hang: what it tells is what its users would have seen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from client.load.alarm import LoopAlarm, best_alarm
from client.load.connections import Endpoint
from client.load.engine import Engine
from client.load.metrics import Metrics
from client.load.pacer import NS_PER_S, ConstantPacer
from client.load.plan import Plan
from client.load.requests import prepare_single
from client.load.summary import Outcome

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


def engine(port: int, **changes: object) -> Engine:
    settings = {"rate_per_s": 200.0, "duration_s": 0.3, "timeout_s": 1.0, **changes}
    plan = Plan(url=f"http://127.0.0.1:{port}/", **settings).checked()  # type: ignore[arg-type]
    start_ns = time.monotonic_ns()
    return Engine(
        plan,
        endpoint=Endpoint(host="127.0.0.1", port=port, tls=None),
        requests=prepare_single(plan),
        pacer=ConstantPacer(rate_per_s=plan.rate_per_s, anchor_ns=start_ns),
        metrics=Metrics(start_ns, time.time()),
        start_ns=start_ns,
    )


async def run(port: int, **changes: object) -> Outcome:
    async with asyncio.timeout(10):
        return await engine(port, **changes).run()


async def test_every_arrival_of_the_schedule_is_sent_and_counted_once() -> None:
    async with serving(lambda: OK) as port:
        outcome = await run(port)
    total = outcome.total
    assert (total.offered, total.started, total.completed, total.ok, total.failed) == (60, 60, 60, 60, 0)
    assert total.statuses == {"200": 60}
    assert outcome.missed == 0
    assert total.response.count == total.service.count == 60


async def test_a_stall_shows_in_the_response_time_and_hides_from_the_service_time() -> None:
    # 500/s for 1.2 s; at 0.4 s the server stalls for 0.4 s: the 200 requests due meanwhile wait 400 ms down to 0.
    begin = time.monotonic() + 0.4
    stall = (begin, begin + 0.4)

    def hold_until() -> float:
        return stall[1] if stall[0] <= time.monotonic() < stall[1] else 0.0

    async with serving(lambda: OK, hold_until) as port:
        outcome = await run(port, rate_per_s=500.0, duration_s=1.2, connections=2)
    total = outcome.total
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
        outcome = await run(port, rate_per_s=50.0, duration_s=0.2, timeout_s=0.2)
    total = outcome.total
    # An abort may reach us as an orderly end or as a reset, depending on what was in the buffers.
    errors = {"reset" if name == "short" and fault == "reset" else name: n for name, n in total.errors.items()}
    assert errors == {fault: 10}
    assert (total.offered, total.ok) == (10, 0)


async def test_a_server_that_is_gone_costs_every_arrival_and_a_name() -> None:
    async with serving(lambda: OK) as port:
        pass
    total = (await run(port)).total
    assert total.errors == {"connect": 60}
    assert (total.started, total.response.count) == (0, 0)


async def test_a_connection_that_the_server_closes_is_replaced() -> None:
    async with serving(lambda: OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")) as port:
        total = (await run(port, connections=1)).total
    assert (total.ok, total.failed) == (60, 0)


async def test_what_times_out_in_the_queue_is_counted_without_having_been_sent() -> None:
    async with serving(lambda: None) as port:
        total = (await run(port, rate_per_s=100.0, duration_s=0.3, connections=1, timeout_s=0.25)).total
    assert total.offered == 30
    assert total.started < total.offered
    assert total.errors == {"timeout": 30}
    assert total.response.count == 30
    assert total.response.max is not None
    assert 250 <= total.response.max < 600


async def test_after_a_stop_what_is_unfinished_counts_with_its_age() -> None:
    async with serving(lambda: None) as port, asyncio.timeout(10):
        running = engine(port, duration_s=None, timeout_s=30.0)
        run_task = asyncio.ensure_future(running.run(grace_s=0.1))
        await asyncio.sleep(0.2)
        running.stop()
        outcome = await run_task
    total = outcome.total
    assert outcome.stopped
    assert total.offered >= 30
    assert total.errors == {"unfinished": total.offered}
    assert total.response.max is not None
    assert 250 <= total.response.max < 2000


async def test_the_rate_changes_while_it_runs_without_a_burst() -> None:
    async with serving(lambda: OK) as port, asyncio.timeout(10):
        running = engine(port, rate_per_s=50.0, duration_s=None)
        run_task = asyncio.ensure_future(running.run())
        await asyncio.sleep(0.2)
        first = running.metrics.mark("up", running.settle())
        running.set_rate(500.0)
        await asyncio.sleep(0.2)
        second = running.metrics.mark("pause", running.settle())
        running.set_rate(0.0)
        await asyncio.sleep(0.1)
        third = running.metrics.mark("on", running.settle())
        running.set_rate(50.0)
        await asyncio.sleep(0.1)
        running.stop()
        await run_task
    now_ns = time.monotonic_ns()
    fast = running.metrics.window(first.at, second.at, now_ns)
    paused = running.metrics.window(second.at, third.at, now_ns)
    slow = running.metrics.window(third.at, third.at + 10, now_ns)
    assert fast.offered / (second.at - first.at) == pytest.approx(500, rel=0.1)
    assert paused.offered <= 1
    assert 3 <= slow.offered <= 20
    assert fast.failed == 0


async def test_cancelling_ends_every_connection() -> None:
    async with serving(lambda: None) as port, asyncio.timeout(10):
        run_task = asyncio.ensure_future(engine(port, duration_s=None).run())
        await asyncio.sleep(0.1)
        run_task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run_task


@pytest.mark.parametrize("make", [best_alarm, LoopAlarm])
async def test_an_alarm_rings_once_and_not_before_its_time(make: Callable[[Callable[[], None]], LoopAlarm]) -> None:
    rung: list[int] = []
    ringing = asyncio.Event()

    def ring() -> None:
        rung.append(time.monotonic_ns())
        ringing.set()

    alarm = make(ring)
    due_ns = time.monotonic_ns() + NS_PER_S // 50
    alarm.set(due_ns + NS_PER_S)
    alarm.set(due_ns)
    async with asyncio.timeout(5):
        await ringing.wait()
    alarm.close()
    # The loop's own timers may be up to a millisecond early.
    assert len(rung) == 1
    assert rung[0] >= due_ns - 1_000_000
