"""Workers that join over real connections: what they count together is exact; who proves nothing stays out."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from msgspec import structs

from client.load import run as load_run
from client.load.distributed import handshake
from client.load.distributed.connection import Address, LineReader
from client.load.distributed.handshake import WorkerToken
from client.load.distributed.worker_pool import WorkerPool
from client.load.distributed.worker_process import NO_COORDINATOR, REFUSED, WorkerSettings
from client.load.messages import (
    AskClock,
    Clock,
    Command,
    Cut,
    Go,
    Job,
    Ready,
    Reply,
    SetRate,
    Tick,
    decode_command,
    encode_reply,
)
from client.load.plan.model import DataSource, OpenLoop, Plan, Target
from client.load.run import LoadRun
from client.load.run_report import Report
from client.load.verdict import Verdict
from client.load.workers import LocalWorker, Worker
from vmhost.base.errors import InvalidInput, Unavailable

TOKEN = "a token that is long enough"
ANYWHERE = Address(host="127.0.0.1", port=0)
LIMIT_S = 60


class Service:
    """Remembers each word that it was asked for."""

    def __init__(self) -> None:
        self.words: Counter[str] = Counter()
        self.busy = asyncio.Event()
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.words[request.query["w"]] += 1
        if self.words.total() >= 25:
            self.busy.set()
        return web.Response(text="hello")


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    app = web.Application()
    app.router.add_get("/", service.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield service
    await runner.cleanup()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return file


class Log:
    """The lines that a coordinator prints."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._news = asyncio.Event()

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self._news.set()

    async def until(self, words: str) -> str:
        while True:
            for line in self.lines:
                if words in line:
                    return line
            self._news.clear()
            await self._news.wait()


@asynccontextmanager
async def gathering(token_file: Path, address: Address = ANYWHERE, **changes: Any) -> AsyncIterator[WorkerPool]:
    async with asyncio.timeout(LIMIT_S), WorkerPool(address, WorkerToken(file=token_file), **changes) as gathered:
        yield gathered


@asynccontextmanager
async def spawned(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *arguments, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        await process.communicate()


def command(address: Address, token_file: Path, *arguments: str) -> tuple[str, ...]:
    return "client", "load", "worker", str(address), "--token-file", str(token_file), *arguments


def process_of(address: Address, token_file: Path, *, wait_s: float | None = LIMIT_S) -> tuple[str, str]:
    joining = WorkerSettings(
        host=address.host, port=address.port, name="only", token_file=str(token_file), wait_s=wait_s
    )  # fmt: skip
    return "client.load.distributed.worker_process", json.dumps(asdict(joining))


def plan_of(service: Service, tmp_path: Path, *, arrivals: int = 120, **changes: object) -> Plan:
    """Each arrival asks for a word of its own, which only the coordinator's machine has in a file."""
    words = tmp_path / "words"
    words.write_text("".join(f"w{number}\n" for number in range(arrivals)))
    plan = Plan(
        targets=(Target(url=f"{service.url}?w={{w}}"),),
        sources={"w": DataSource(file=str(words), draw="in turn")},
        open=OpenLoop(trace=tuple(number / 200 for number in range(arrivals))),
        duration_s=arrivals / 200,
        timeout_s=10.0,
    )
    return replace(plan, **changes)  # type: ignore[arg-type]


async def run_with(worker_source: WorkerPool | None, processes: int, plan: Plan) -> Report:
    async with LoadRun(processes=processes, worker_source=worker_source) as run:
        await run.start(plan)
        return await run.finished()


def all_once(service: Service, report: Report, arrivals: int = 120) -> bool:
    """Whether each arrival of the schedule was sent, answered and counted exactly once, by the server's count too."""
    total = report.summary
    asked = service.words == Counter(f"w{number}" for number in range(arrivals))
    return asked and total.offered == total.started == total.ok == arrivals == total.response.count and not total.errors


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


async def test_too_few_workers_error_shows_how_to_start_more(token_file: Path) -> None:
    async with gathering(token_file, wait_s=0.1) as gathered:
        with pytest.raises(Unavailable, match=r"0 of 2 workers have joined at 127\.0\.0\.1:\d+ within 0\.1 s; start"):
            await gathered.acquire(2)


async def test_wrong_token_is_reported_but_never_shown(token_file: Path, tmp_path: Path) -> None:
    wrong, log = tmp_path / "wrong", Log()
    wrong.write_text("another token, as long as the right one")
    async with gathering(token_file, warn=log) as gathered:
        began = time.monotonic()
        async with spawned(*command(gathered.address, wrong)) as worker:
            _, said = await worker.communicate()
        assert time.monotonic() - began >= handshake.REFUSED_AFTER_S
        assert gathered.count == 0
    assert worker.returncode == 1
    assert f"refused by {gathered.address}: wrong token\n" in said.decode()
    assert len(log.lines) == 1
    assert log.lines[0].startswith("refused a worker from 127.0.0.1:")
    assert log.lines[0].endswith(": wrong token")
    for token in (TOKEN, wrong.read_text()):
        assert token not in said.decode() + "".join(log.lines)


async def test_coordinator_without_the_token_gets_no_worker(token_file: Path) -> None:
    async def impostor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(json.dumps({"hello": handshake.protocol(), "nonce": "0" * 64}).encode() + b"\n")
        said = json.loads(await reader.readline())
        # Its own proof sent back proves nothing.
        writer.write(json.dumps({"welcome": said["proof"]}).encode() + b"\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(impostor, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with (
        asyncio.timeout(LIMIT_S),
        server,
        spawned(*process_of(Address(host=host, port=port), token_file)) as worker,
    ):
        _, said = await worker.communicate()
    assert worker.returncode == REFUSED
    assert b"the coordinator does not know the token" in said
    assert b"joined" not in said


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "it does not speak the worker protocol"),
        (b"x" * 5000, "it does not speak the worker protocol"),
        (b"[" * 1000 + b"\n", "it is not a glasscloud worker"),
        (b"\xff\xfe\n", "it does not speak the worker protocol"),
        (b"[1]\n", "it is not a glasscloud worker"),
        (b'{"hello": "x", "name": "../x", "nonce": "y", "proof": "z"}\n', "it is not a glasscloud worker"),
        (b'{"hello": "y\\u001b", "name": "x", "nonce": "%s", "proof": "z"}\n' % (b"0" * 64), "it speaks y?, this side"),
        (b"", "it sent nothing within"),
    ],
)
async def test_garbage_is_refused_without_blocking_others(
    said: bytes, reason: str, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handshake, "TIME_S", 5.0 if said else 0.2)
    log = Log()
    async with gathering(token_file, warn=log) as gathered:
        reader, writer = await asyncio.open_connection(gathered.address.host, gathered.address.port)
        writer.write(said)
        assert reason in await log.until("refused a worker")
        monkeypatch.setattr(handshake, "TIME_S", 5.0)
        # The coordinator's greeting, perhaps the refusal, and the end; a reset where it left what we said unread.
        with suppress(ConnectionError):
            assert len(await reader.read()) < 2000
        writer.close()
        async with spawned(*process_of(gathered.address, token_file)):
            await gathered.wait_for(1, LIMIT_S)


async def test_a_crowd_of_strangers_is_bounded(token_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("client.load.distributed.worker_pool.UNPROVEN_MAX", 3)
    async with gathering(token_file) as gathered:
        pairs = [await asyncio.open_connection(gathered.address.host, gathered.address.port) for _ in range(4)]
        greetings = []
        for reader, _ in pairs[:3]:
            greetings.append(await reader.readline())
        assert all(b"nonce" in greeting for greeting in greetings)
        assert len(set(greetings)) == 3
        with suppress(ConnectionError):
            assert await pairs[3][0].read() == b""
        for _, writer in pairs:
            writer.close()


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


async def test_missing_coordinator_is_an_error_after_a_while(token_file: Path) -> None:
    async with gathering(token_file) as gathered:
        address = gathered.address
    async with asyncio.timeout(LIMIT_S), spawned(*process_of(address, token_file, wait_s=0.3)) as worker:
        _, said = await worker.communicate()
    assert worker.returncode == NO_COORDINATOR
    assert f"cannot join {address}: " in said.decode()


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


async def test_broken_handshake_is_tried_again(token_file: Path) -> None:
    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(broken, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with asyncio.timeout(LIMIT_S), spawned(*process_of(Address(host=host, port=port), token_file)) as worker:
        assert worker.stderr is not None
        assert b"; trying again" in await worker.stderr.readline()
        server.close()
        await server.wait_closed()
        async with gathering(token_file, Address(host=host, port=port)) as gathered:
            await gathered.wait_for(1, LIMIT_S)


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


async def test_half_a_surrogate_in_a_greeting_is_refused_in_words(token_file: Path) -> None:
    log = Log()
    async with gathering(token_file, warn=log) as gathered:
        reader, writer = await asyncio.open_connection(gathered.address.host, gathered.address.port)
        await reader.readline()
        told = {"hello": handshake.protocol(), "name": "w", "nonce": "0" * 64, "proof": "\ud800"}
        writer.write(json.dumps(told).encode() + b"\n")
        assert "it does not speak the worker protocol" in await log.until("refused")
        assert "it does not speak the worker protocol" in (await reader.readline()).decode()
        writer.close()


async def greeted(gathered: WorkerPool, name: str = "twin") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A worker of the test's own that has proved itself."""
    reader, writer = await asyncio.open_connection(gathered.address.host, gathered.address.port)
    await handshake.introduce(LineReader(reader), writer, TOKEN.encode(), name)
    return reader, writer


async def test_workers_with_the_same_name_get_numbers(token_file: Path) -> None:
    log = Log()
    async with gathering(token_file, say=log) as gathered:
        writers = [(await greeted(gathered))[1] for _ in range(3)]
        await gathered.wait_for(3, LIMIT_S)
        names = {line.split()[1:-2][0] + " ".join(line.split()[4:-2]) for line in log.lines if "has joined" in line}
        assert len(names) == 3
        for writer in writers:
            writer.close()


async def test_a_worker_that_says_too_much_is_held_back(token_file: Path) -> None:
    async with gathering(token_file) as gathered:
        _, writer = await greeted(gathered)
        (worker,) = await gathered.acquire(1)
        worker.send(Job(plan=Plan()))
        line = b'{"x": "' + b"y" * 100_000 + b'"}\n'
        written = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                while written < 200_000_000:
                    writer.write(line)
                    written += len(line)
                    await writer.drain()
        assert written < 50_000_000
        async with asyncio.timeout(5):
            await worker.close()
        writer.transport.abort()


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
