"""The generator's process from outside: steered by lines, read by lines, and never outliving its coordinator."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from client.load.messages import AskClock, Clock, Failed, Go, Job, Ready, Refused, decode_reply, encode_command
from client.load.plan.model import ClosedLoop, Plan, Target, constant
from client.load.run import LoadRun
from client.load.verdict import Verdict
from client.load.workers import LocalWorker
from server.api.timing import Attempt, RequestTrace, parse, render
from vmhost.base.errors import InvalidInput, Unavailable

ROOT = Path(__file__).parents[3]
COMMAND = """
import argparse, sys
from client.cli.load import run as load
from vmhost.base.errors import CloudError
parser = argparse.ArgumentParser()
load.add_arguments(parser)
try:
    sys.exit(load.run(parser.parse_args()))
except CloudError as error:
    print(error.message, file=sys.stderr)
    sys.exit(2)
"""


def trace() -> str:
    attempts = tuple(
        Attempt(instance_id=name, type="t3.nano", host=host, shard=shard, start_ms=0.2, dur_ms=1.5, search_ms=1.0)
        for shard, (name, host) in enumerate((("i-0a12", "host-a"), ("i-0c77", "host-b")))
    )
    return render(RequestTrace(trace_id="", total_ms=2.0, frontend_ms=0.5, attempts=attempts))


class Service:
    """An aiohttp server that answers as the front end does, and remembers what it was sent."""

    def __init__(self) -> None:
        self.traceparents: list[str] = []
        self.busy = asyncio.Event()
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.traceparents.append(request.headers["traceparent"])
        if len(self.traceparents) >= 25:
            self.busy.set()
        return web.Response(text="hello", headers={"Server-Timing": trace()})

    async def search(self, request: web.Request) -> web.Response:
        totals = {"right": 7, "wrong": 8, "half": 7}
        query = request.query["q"]
        return web.json_response({"query": query, "total": totals[query], "partial": query == "half", "hits": []})


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    app = web.Application()
    app.router.add_get("/", service.handle)
    app.router.add_get("/search", service.search)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield service
    await runner.cleanup()


async def test_a_run_ends_by_itself_with_a_report(service: Service) -> None:
    async with asyncio.timeout(20), LoadRun() as load:
        await load.start(constant(service.url, 100, duration_s=0.6))
        report = await load.finished()
        assert await load.stop() == report
    assert (report.summary.offered, report.summary.ok) == (60, 60)
    assert len(set(service.traceparents)) == 60
    first, second = report.summary.instances
    assert (first.id, first.answered, first.host) == ("i-0a12", 60, "host-a")
    assert (second.id, second.answered, second.shard) == ("i-0c77", 60, 1)
    # A busy machine may make the generator late; no request may fail.
    assert report.verdict in {Verdict.VALID, Verdict.INVALID}


async def test_searches_are_checked_against_the_corpus(service: Service, tmp_path: Path) -> None:
    queries = [{"query": query, "weight": 1.0, "total": 7} for query in ("right", "wrong", "half")]
    file = tmp_path / "queries.json"
    file.write_text(json.dumps({"queries": queries}))
    async with asyncio.timeout(20), LoadRun() as load:
        await load.start(constant(service.url, 200, duration_s=0.3, corpus=str(file)))
        report = await load.finished()
    total = report.summary
    assert total.offered == total.completed == 60
    assert set(total.errors) == {"wrong answer", "partial"}
    assert total.ok + total.failed == 60
    assert total.ok > 5


async def test_it_is_steered_while_it_runs(service: Service) -> None:
    async with asyncio.timeout(20), LoadRun() as load:
        began = await load.start(constant(service.url, 20))
        snapshots = load.snapshots()
        assert (await anext(snapshots)).rate_per_s == 20
        faster = await load.mark("faster")
        await load.set_rate(400)
        snapshot = await anext(snapshots)
        while snapshot.recent.offered < 100:
            snapshot = await anext(snapshots)
        await load.set_rate(0)
        pause = await load.mark("paused")
        before, during = await load.window(began, faster.at), await load.window(faster.at, pause.at)
        with pytest.raises(InvalidInput, match="rate -5"):
            await load.set_rate(-5)
        report = await load.stop()
        assert [snapshot.total.offered async for snapshot in load.snapshots()] == [report.summary.offered]
        with pytest.raises(Unavailable, match="has ended"):
            await load.mark("too late")
    assert before.offered / before.seconds == pytest.approx(20, rel=0.3)
    assert during.offered / during.seconds == pytest.approx(400, rel=0.1)
    assert report.summary.offered == before.offered + during.offered
    assert report.summary.failed == 0
    assert [mark.text for mark in report.result.marks] == ["faster", "paused"]
    assert during.others("i-0a12").count == during.offered
    assert snapshot.last is not None
    shown = parse(snapshot.last.server_timing)
    assert shown is not None
    assert [attempt.instance_id for attempt in shown.attempts] == ["i-0a12", "i-0c77"]
    assert snapshot.recent.instances[0].answered > 0


async def test_a_server_that_is_not_there_is_an_error_before_the_run() -> None:
    async with asyncio.timeout(20), LoadRun() as load:
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9 cannot be reached: Connection refused"):
            await load.start(constant("http://127.0.0.1:9/", 10))
    async with asyncio.timeout(20), LoadRun() as load:
        with pytest.raises(InvalidInput, match="rate -1"):
            await load.start(constant("http://127.0.0.1:9/", -1))


async def test_several_processes_send_one_schedule(service: Service) -> None:
    async with asyncio.timeout(20), LoadRun(processes=3) as load:
        await load.start(constant(service.url, 100, duration_s=0.6))
        report = await load.finished()
    assert (report.summary.offered, report.summary.ok) == (60, 60)
    assert len(set(service.traceparents)) == 60
    assert [process.name for process in report.result.processes] == ["process 1", "process 2", "process 3"]


async def test_users_are_shared_out_among_processes(service: Service) -> None:
    plan = Plan(targets=(Target(url=service.url),), closed=ClosedLoop(users=3, think_s=0.1), duration_s=0.5)
    async with asyncio.timeout(20), LoadRun(processes=2) as load:
        await load.start(plan)
        report = await load.finished()
    assert report.summary.failed == 0
    assert 3 * 3 <= report.summary.ok <= 3 * 6


async def test_one_of_several_that_is_killed_makes_the_run_invalid_and_what_was_measured_stays(
    service: Service,
) -> None:
    async with asyncio.timeout(20), LoadRun(processes=2) as load:
        await load.start(constant(service.url, 100))
        first, second = [worker_pid(load, number) for number in (0, 1)]
        await service.busy.wait()
        os.kill(first, signal.SIGKILL)
        async for snapshot in load.snapshots():
            if snapshot.processes == 1 and snapshot.total.completed > 20:
                break
        os.kill(second, 0)
        report = await load.stop()
    assert report.verdict is Verdict.INVALID
    assert "1 of 2 generator processes were lost (process 1)" in report.reason
    assert report.summary.ok > 20
    # What the dead one should have sent is offered and missed.
    assert report.result.missed > 5
    assert report.summary.offered == pytest.approx(100 * report.result.elapsed_s, abs=3)


def worker_pid(load: LoadRun, number: int) -> int:
    worker = load._workers[number].worker
    assert isinstance(worker, LocalWorker)
    assert worker.pid is not None
    return worker.pid


async def test_killed_worker_process_ends_the_run(service: Service) -> None:
    async with asyncio.timeout(20), LoadRun() as load:
        await load.start(constant(service.url, 20))
        os.kill(worker_pid(load, 0), signal.SIGKILL)
        report = await load.finished()
        assert report.verdict is Verdict.INVALID
        with pytest.raises(Unavailable, match="ended with code -9"):
            await load.mark("too late")


async def test_a_generator_that_dies_between_ready_and_go_is_not_waited_for(service: Service) -> None:
    async with asyncio.timeout(20), LoadRun() as load:
        await load.prepare(constant(service.url, 20))
        os.kill(worker_pid(load, 0), signal.SIGKILL)
        while not load._workers[0].gone:
            await asyncio.sleep(0.01)
        load.go(time.monotonic_ns())
        report = await load.finished()
    assert report.verdict is Verdict.INVALID
    assert report.summary.completed == 0


async def test_leaving_the_block_ends_the_process(service: Service) -> None:
    pids: list[int | None] = []

    async def fails_within() -> None:
        async with LoadRun() as load:
            await load.start(constant(service.url, 20))
            pids.append(worker_pid(load, 0))
            raise KeyError("the block's own error")

    async with asyncio.timeout(20):
        with pytest.raises(KeyError):
            await fails_within()
    assert pids[0] is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


async def spawn(*arguments: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdin=pipe, stdout=pipe, stderr=pipe, cwd=ROOT, limit=1 << 24
    )


async def test_the_end_of_its_input_ends_the_process(service: Service) -> None:
    async with asyncio.timeout(20):
        process = await spawn("-m", "client.load.worker")
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(encode_command(Job(plan=constant(service.url, 50))))
        assert decode_reply(await process.stdout.readline()) == Ready(pid=process.pid)
        process.stdin.write(encode_command(AskClock()))
        assert isinstance(decode_reply(await process.stdout.readline()), Clock)
        process.stdin.write(encode_command(Go(at_ns=time.monotonic_ns())) + b'{"type": "window"}\nnot json\n')
        replies = [decode_reply(await process.stdout.readline()) for _ in range(2)]
        assert isinstance(replies[0], Refused)
        assert "'window'" in replies[0].reason
        assert isinstance(replies[1], Refused)
        process.stdin.close()
        _, stderr = await process.communicate()
    assert process.returncode == 0
    assert stderr == b""


@pytest.mark.parametrize(
    "line",
    [b"\n", b"{}\n", b"[1]\n", b'{"type": "stop"}\n', b'{"type": "job", "plan": {"open": {"rate_per_s": -1}}}\n'],
)
async def test_invalid_plan_gets_an_error_response(line: bytes) -> None:
    async with asyncio.timeout(20):
        process = await spawn("-m", "client.load.worker")
        stdout, stderr = await process.communicate(line)
    assert process.returncode == 1
    reply = decode_reply(stdout)
    assert isinstance(reply, Failed)
    assert reply.kind == "invalid"
    assert stderr == b""


async def test_the_command_prints_what_was_measured_when_it_is_interrupted(service: Service) -> None:
    async with asyncio.timeout(20):
        process = await spawn("-c", COMMAND, service.url, "--rate", "50", "--for", "1h", "--json")
        await service.busy.wait()
        process.send_signal(signal.SIGINT)
        stdout, stderr = await process.communicate()
    report = json.loads(stdout)
    assert report["verdict"] in {"VALID", "INVALID"}, stderr
    assert report["stopped"] is True
    assert report["requests"]["ok"] == report["requests"]["offered"] >= 25
    assert report["errors"] == {}
    assert process.returncode in {0, 3}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["http://127.0.0.1:9/"], "127.0.0.1:9 cannot be reached"),
        (["http://nowhere.invalid/"], "host 'nowhere.invalid' is not known"),
        (["nonsense"], "URL 'nonsense' names no http server"),
        (["example.com"], "URL 'example.com' names no http server"),
        (
            ["plan.tml"],
            "plan.tml: no such file; a plan ends in .toml and a script in .py; did you mean plan.toml?",
        ),
        (["http://127.0.0.1:9/", "--rate", "-3"], "rate -3/s is not possible"),
        (["http://127.0.0.1:9/", "--for", "soon"], "invalid duration 'soon'"),
        (["http://127.0.0.1:9/", "-H", "nonsense"], "header 'nonsense' must be 'Name: value'"),
        (["http://127.0.0.1:9/", "--queries", "/nowhere/queries.json"], "/nowhere/queries.json"),
    ],
)
async def test_bad_input_ends_the_command_with_one_clear_line(arguments: list[str], said: str) -> None:
    async with asyncio.timeout(20):
        process = await spawn("-c", COMMAND, *arguments)
        stdout, stderr = await process.communicate()
    assert process.returncode == 2
    assert stdout == b""
    assert said in stderr.decode()
    assert stderr.count(b"\n") == 1


async def test_worker_imports_only_what_it_needs() -> None:
    code = "import sys, client.cli.load.run, client.cli.load.worker, client.load.worker; print(*sys.modules)"
    async with asyncio.timeout(20):
        process = await spawn("-c", code)
        stdout, _ = await process.communicate()
    loaded = {name.split(".")[0] for name in stdout.decode().split()}
    assert loaded.isdisjoint({"docker", "botocore", "tantivy", "aiohttp", "structlog", "psutil", "rich"})
