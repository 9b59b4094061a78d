"""A run under way: metrics over HTTP, and a log that stays readable after a kill."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from client.load.interval_stats import IntervalStats
from client.load.outputs import parse_address, serve_metrics
from client.load.plan.model import constant
from client.load.report.hlog import HlogWriter, open_hlog
from client.load.report.prometheus import prometheus_text
from client.load.run import LoadRun
from tests.hlog_reader import read_hlog
from vmhost.base.errors import InvalidInput

ROOT = Path(__file__).parents[3]
WRITER = """
import sys
from pathlib import Path
from client.load.report.hlog import HlogWriter, open_hlog
from client.load.interval_stats import IntervalStats
writer = HlogWriter(open_hlog(Path(sys.argv[1])), 1_700_000_000.0)
for second in range(3):
    stats = IntervalStats(second * 10**9, (second + 1) * 10**9)
    stats.record_outcome((0, 200, ""), 1000 + second, 900)
    writer.write_interval(stats)
print("written", flush=True)
sys.stdin.read()
"""


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async def hello(_request: web.BaseRequest) -> web.Response:
        return web.Response(text="hello")

    runner = web.ServerRunner(web.Server(hello), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


async def test_the_newest_figures_are_served() -> None:
    texts = iter(["first\n", "second\n"])
    async with serve_metrics("0", lambda: next(texts)) as url, aiohttp.ClientSession() as http:
        assert url.startswith("http://127.0.0.1:")
        async with http.get(url) as answer:
            assert (answer.status, await answer.text()) == (200, "first\n")
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        async with http.get(url) as answer:
            assert await answer.text() == "second\n"
        async with http.get(url.removesuffix("metrics")) as answer:
            assert answer.status == 404
    with pytest.raises(aiohttp.ClientConnectionError):
        async with aiohttp.ClientSession() as http, http.get(url):
            pass


async def test_a_taken_port_is_an_error_before_anything_runs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(InvalidInput, match=f"metrics cannot be served on {address}: Address already in use; use"):
            async with serve_metrics(address, str):
                pass


@pytest.mark.parametrize("address", ["192.0.2.1:0", "a..b:0"])
async def test_an_address_of_another_machine_is_refused(address: str) -> None:
    with pytest.raises(InvalidInput, match=f"metrics cannot be served on {address}: .*; use a free port of this"):
        async with serve_metrics(address, str):
            pass


@pytest.mark.parametrize(
    ("address", "parsed"),
    [
        ("9400", ("127.0.0.1", 9400)),
        (":9400", ("127.0.0.1", 9400)),
        ("0.0.0.0:9400", ("0.0.0.0", 9400)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:65535", ("::1", 65535)),
    ],
)
def test_addresses(address: str, parsed: tuple[str, int]) -> None:
    assert parse_address(address) == parsed


@pytest.mark.parametrize(
    "address", ["", "host", "host:", "::1", "::1:80", "[::1]", "[]:1", "h:65536", "h:-1", "h:٣", "a b:1"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidInput, match="is not understood; expected HOST:PORT"):
        parse_address(address)


async def test_metrics_and_log_of_a_running_load(url: str, tmp_path: Path) -> None:
    path, plan = tmp_path / "run.hlog", constant(url, 100, duration_s=1.5)

    def keep(stats: IntervalStats) -> None:
        writer.write_interval(stats)

    def latest() -> str:
        return prometheus_text([(run.snapshot(), plan)])

    with open_hlog(path) as file:
        async with (
            asyncio.timeout(30),
            LoadRun(on_interval=keep) as run,
            serve_metrics("127.0.0.1:0", latest) as metrics,
            aiohttp.ClientSession() as http,
        ):
            writer = HlogWriter(file, await run.start(plan))
            async with http.get(metrics) as answer:
                assert answer.status == 200
            report = await run.finished()
            async with http.get(metrics) as answer:
                lines = (await answer.text()).splitlines()
    assert "glasscloud_load_offered_total 150" in lines
    assert f"glasscloud_load_ok_total {report.summary.ok}" in lines
    log = read_hlog(path)
    assert [each.start_s for each in log.tags["response"]] == [0.0, 1.0]
    assert log.merged().counts == report.summary.response_histogram.counts
    assert log.began == pytest.approx(report.summary.since, abs=1e-5)


def test_killed_run_keeps_its_finished_seconds(tmp_path: Path) -> None:
    path = tmp_path / "killed.hlog"
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        with contextlib.ExitStack() as stack:
            stack.callback(child.kill)
            assert child.stdout.readline() == "written\n"
    log = read_hlog(path)
    assert ([each.start_s for each in log.tags["response"]], log.merged().total) == ([0.0, 1.0, 2.0], 3)


def test_what_is_not_shown_costs_no_time_to_import() -> None:
    code = "import sys, client.load.outputs, client.load.report.hlog; print(*sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    loaded = {name.split(".")[0] for name in told.stdout.split()}
    assert loaded.isdisjoint({"aiohttp", "structlog", "hdrh", "prometheus_client"})
