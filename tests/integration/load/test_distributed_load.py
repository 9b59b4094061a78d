"""Runs that joined workers send: what they count together is exact, and a worker that is lost is named."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from msgspec import structs

from client.load import run as load_run
from client.load.distributed.connection import LineReader
from client.load.messages import (
    AskClock,
    Clock,
    Command,
    Cut,
    Go,
    Ready,
    Reply,
    SetRate,
    Tick,
    decode_command,
    encode_reply,
)
from client.load.plan.model import OpenLoop, Target
from client.load.run import LoadRun
from client.load.verdict import Verdict
from client.load.workers import LocalWorker, Worker
from tests.integration.load.distributed_load import (
    LIMIT_S,
    Log,
    all_once,
    command,
    gathering,
    greeted,
    plan_of,
    process_of,
    run_with,
    spawned,
)
from tests.integration.load.load_service import Service
from vmhost.base.errors import InvalidInput, Unavailable


async def test_two_workers_count_what_one_local_process_does(
    service: Service, token_file: Path, tmp_path: Path
) -> None:
    plan, log = plan_of(service, tmp_path), Log()
    async with asyncio.timeout(LIMIT_S):
        alone = await run_with(None, 1, plan)
    assert all_once(service, alone)
    service.words.clear()
    async with (
        gathering(token_file, say=log) as gathered,
        spawned(*command(gathered.address, token_file)),
        spawned(*command(gathered.address, token_file)),
    ):
        shared = await run_with(gathered, 2, plan)
    assert all_once(service, shared)
    assert shared.summary.statuses == alone.summary.statuses == {"200": 120}
    assert shared.summary.lag.generator.count == alone.summary.lag.generator.count == 120
    # After the run they may have come back for another.
    assert sum("has joined" in line for line in log.lines) >= 2
    assert not any("lost" in line for line in log.lines)
    assert all("-1 at 127.0.0.1" in process.name for process in shared.result.processes)


async def test_four_processes_of_one_worker_serve_one_run_after_the_other(
    service: Service, token_file: Path, tmp_path: Path
) -> None:
    async with (
        gathering(token_file) as gathered,
        spawned(*command(gathered.address, token_file, "--processes", "4")) as worker,
    ):
        await gathered.wait_for(4, LIMIT_S)
        for _ in range(3):
            service.words.clear()
            report = await run_with(gathered, 4, plan_of(service, tmp_path))
            assert all_once(service, report)
            assert len(report.result.processes) == 4
        await gathered.wait_for(4, LIMIT_S)
        assert gathered.count == 4
        worker.terminate()
        assert await worker.wait() == 0


async def test_two_runs_share_those_that_have_joined(service: Service, token_file: Path, tmp_path: Path) -> None:
    async with (
        gathering(token_file) as gathered,
        spawned(*command(gathered.address, token_file, "--processes", "3")),
    ):
        await gathered.wait_for(3, LIMIT_S)
        first, second = await asyncio.gather(
            run_with(gathered, 1, plan_of(service, tmp_path)), run_with(gathered, 2, plan_of(service, tmp_path))
        )
    assert (first.summary.ok, second.summary.ok) == (120, 120)
    assert set(service.words.values()) == {2}
    names = [process.name for report in (first, second) for process in report.result.processes]
    assert len(set(names)) == 3


async def test_a_worker_that_is_killed_makes_the_run_invalid_and_what_was_measured_stays(
    service: Service, token_file: Path, tmp_path: Path
) -> None:
    log = Log()
    plan = plan_of(service, tmp_path, open=OpenLoop(rate_per_s=100), duration_s=None)
    async with (
        gathering(token_file, say=log) as gathered,
        spawned(*process_of(gathered.address, token_file)) as only_worker,
        LoadRun(processes=2, worker_source=gathered) as run,
    ):
        await gathered.wait_for(1, LIMIT_S)
        async with spawned(*command(gathered.address, token_file)):
            await run.start(plan)
            await service.busy.wait()
            only_worker.kill()
            await log.until("worker only at 127.0.0.1 is lost: its connection ended")
            async for snapshot in run.snapshots():
                if snapshot.processes == 1 and snapshot.total.completed > 20:
                    break
            report = await run.stop()
    assert report.verdict is Verdict.INVALID
    assert "1 of 2 generator processes were lost (only at 127.0.0.1)" in report.reason
    assert report.summary.ok > 20


async def test_stopped_worker_leaves_during_a_run(service: Service, token_file: Path, tmp_path: Path) -> None:
    plan = plan_of(service, tmp_path, open=OpenLoop(rate_per_s=100), duration_s=None)
    async with (
        gathering(token_file) as gathered,
        spawned(*command(gathered.address, token_file, "--keep")) as worker,
        LoadRun(processes=1, worker_source=gathered) as run,
    ):
        await run.start(plan)
        async for snapshot in run.snapshots():
            if snapshot.total.completed > 20:
                break
        worker.terminate()
        assert await worker.wait() == 0
        report = await run.finished()
        assert gathered.count == 0
    assert report.verdict is Verdict.INVALID
    assert "1 of 1 generator processes were lost" in report.reason
    assert report.summary.ok > 20


async def test_a_worker_that_is_frozen_is_lost_though_its_connection_stands(
    service: Service, token_file: Path, tmp_path: Path
) -> None:
    plan, log = plan_of(service, tmp_path, open=OpenLoop(rate_per_s=100), duration_s=None), Log()
    async with (
        gathering(token_file, say=log) as gathered,
        spawned(*process_of(gathered.address, token_file)) as worker,
        LoadRun(processes=1, worker_source=gathered) as run,
    ):
        await run.start(plan)
        await service.busy.wait()
        worker.send_signal(signal.SIGSTOP)
        report = await run.finished()
    assert report.verdict is Verdict.INVALID
    assert any("is lost: it sent nothing for 5 s" in line for line in log.lines)


async def test_worker_joins_the_next_coordinator(service: Service, token_file: Path, tmp_path: Path) -> None:
    plan = plan_of(service, tmp_path, open=OpenLoop(rate_per_s=100), duration_s=None)
    async with gathering(token_file) as first:
        address = first.address
    async with spawned(*command(address, token_file)):
        async with gathering(token_file, address) as first, LoadRun(processes=1, worker_source=first) as run:
            await run.start(plan)
            await service.busy.wait()
        service.words.clear()
        async with gathering(token_file, address) as second:
            report = await run_with(second, 1, plan_of(service, tmp_path))
    # What the first coordinator's run had sent before its end may still have been on its way.
    assert report.summary.ok == report.summary.offered == 120


async def test_what_a_worker_cannot_do_names_the_worker(service: Service, token_file: Path, tmp_path: Path) -> None:
    unreachable = plan_of(service, tmp_path, targets=(Target(url="http://127.0.0.1:9/"),))
    scripted = plan_of(service, tmp_path, targets=(), script="flow.py", base=service.url)
    async with (
        gathering(token_file) as gathered,
        spawned(*process_of(gathered.address, token_file)),
        spawned(*command(gathered.address, token_file, "--keep")),
    ):
        with pytest.raises(Unavailable, match=r"worker \S+ at 127\.0\.0\.1: 127\.0\.0\.1:9 cannot be reached"):
            await run_with(gathered, 2, unreachable)
        with pytest.raises(InvalidInput, match=r"script flow\.py cannot run on \S+ at 127\.0\.0\.1"):
            await run_with(gathered, 1, scripted)


class ShiftedWorker:
    """A member whose clock shows another time."""

    local = False

    def __init__(self, worker: Worker, ahead_ns: int) -> None:
        self.name = worker.name
        self._worker = worker
        self._ahead_ns = ahead_ns

    def send(self, command: Command) -> None:
        if isinstance(command, (Go, SetRate, Cut)):
            command = structs.replace(command, at_ns=command.at_ns - self._ahead_ns)
        self._worker.send(command)

    async def replies(self) -> AsyncIterator[Reply]:
        async for reply in self._worker.replies():
            yield Clock(now_ns=reply.now_ns + self._ahead_ns) if isinstance(reply, Clock) else reply

    def take_output(self) -> tuple[Sequence[str], int]:
        return self._worker.take_output()

    def exit_reason(self) -> str:
        return self._worker.exit_reason()

    async def close(self) -> None:
        await self._worker.close()


class ShiftedWorkers:
    """One member with our clock, one whose clock is an hour ahead, one whose clock is an hour behind."""

    async def acquire(self, wanted: int) -> list[Worker]:
        hour_ns = 3_600_000_000_000
        started = [LocalWorker(f"process {number}") for number in range(wanted)]
        for worker in started:
            await worker.start()
        return [started[0], ShiftedWorker(started[1], hour_ns), ShiftedWorker(started[2], -hour_ns)]


async def test_clocks_that_differ_make_no_difference(service: Service, tmp_path: Path) -> None:
    async with asyncio.timeout(LIMIT_S), LoadRun(processes=3, worker_source=ShiftedWorkers()) as run:
        await run.start(plan_of(service, tmp_path))
        report = await run.finished()
    assert all_once(service, report)
    assert [process.lost for process in report.result.processes] == [False] * 3


async def test_the_end_of_its_parent_ends_a_process(token_file: Path) -> None:
    async with (
        gathering(token_file) as gathered,
        spawned(*command(gathered.address, token_file, "--keep")) as worker,
    ):
        await gathered.wait_for(1, LIMIT_S)
        os.kill(worker.pid, signal.SIGKILL)
        await gathered.changed(1)
        assert gathered.count == 0


async def test_a_worker_that_never_ends_is_given_up(
    service: Service, token_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_run, "GIVE_UP_S", 1.0)
    async with gathering(token_file) as gathered:
        reader, writer = await greeted(gathered, "endless")

        async def talk() -> None:
            lines = LineReader(reader)
            await lines.next(1 << 20)
            writer.write(encode_reply(Ready(pid=1), {}))
            while isinstance(decode_command(await lines.next(1 << 20)), AskClock):
                writer.write(encode_reply(Clock(now_ns=time.monotonic_ns()), {}))
            while True:
                tick = Tick(in_flight=0, waiting=0, cpu_percent=0.0, last=None, slowest=None)
                writer.write(encode_reply(tick, {}))
                await asyncio.sleep(0.2)

        talking = asyncio.create_task(talk())
        report = await run_with(gathered, 1, plan_of(service, tmp_path, duration_s=0.5, timeout_s=0.5))
        assert report.verdict is Verdict.INVALID
        assert "endless" in report.reason
        talking.cancel()
        writer.transport.abort()
