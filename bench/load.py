"""The load generator compared with wrk, hey and Locust, and the accuracy of its measurements.

An nginx on core 1 responds with 1 KB; the generators take turns on core 0.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measurement import Measurement, MissingPrerequisite, at_least, at_most, spread
from bench.nginx import free_ports, nginx_arguments, pinned, require_nginx
from bench.platform_setup import first_response, until_file

ROUNDS = 3
SECONDS = 4
CONNECTIONS = 50
_LOCUST = """
from locust import FastHttpUser, task
class User(FastHttpUser):
    @task
    def get(self):
        self.client.get("/")
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """The speed of one generator: requests per second, and per CPU-second."""

    per_s: float
    per_cpu_s: float


async def run() -> list[Measurement]:
    """Speed, accuracy of the schedule, and two tests of the measured latencies."""
    nginx = require_nginx()
    if shutil.which("wrk") is None:
        raise MissingPrerequisite("needs wrk (apt install wrk)")
    with tempfile.TemporaryDirectory(prefix="glasscloud-bench-") as text:
        folder = Path(text)
        (port,) = free_ports(1)
        page = "x" * 1023
        http = f"server {{ listen 127.0.0.1:{port}; default_type text/plain; location / {{ return 200 '{page}\n'; }} }}"
        async with pinned([nginx, *nginx_arguments(folder, "target", http)], core=1) as server:
            await first_response("127.0.0.1", port)
            url = f"http://127.0.0.1:{port}/"
            speed, wrk_per_cpu_s = await _speed(url, folder)
            exact = await _exactness(url, wrk_per_cpu_s)
            stopped = await _stopped(url, server.pid)
    return [*speed, *exact, *stopped, *await _stalls()]


async def _speed(url: str, folder: Path) -> tuple[list[Measurement], float]:
    """The speed of each generator, and wrk's requests per CPU-second."""
    rounds: dict[str, list[Speed]] = {}
    peers = [name for name in ("wrk", "glasscloud", "hey", "locust") if name == "glasscloud" or shutil.which(name)]
    for _ in range(ROUNDS):
        for name in peers:
            rounds.setdefault(name, []).append(await _ONE[name](url, folder))
    wrk = rounds["wrk"]
    figures = []
    for name, measured in rounds.items():
        ratio = statistics.median(one.per_cpu_s / peer.per_cpu_s for one, peer in zip(measured, wrk, strict=True))
        detail = (
            f"{spread([one.per_s for one in measured])} requests/s,"
            f" {spread([one.per_cpu_s for one in measured])} for each CPU-second"
        )
        title = f"{name}: requests per CPU-second, beside wrk -t1 -c{CONNECTIONS}"
        if name == "glasscloud":
            figures.append(at_least(title, ratio, 0.95, "x", detail))
        else:
            figures.append(Measurement(name=title, value=f"{ratio:.3g} x", detail=detail))
    return figures, statistics.median(each.per_cpu_s for each in wrk)


async def _wrk(url: str, _folder: Path) -> Speed:
    output, cpu_s = await _timed(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", url])
    match = re.search(r"(\d+) requests in", output)
    assert match is not None, output
    return Speed(per_s=int(match[1]) / SECONDS, per_cpu_s=int(match[1]) / cpu_s)


async def _ours(url: str, _folder: Path) -> Speed:
    """The speed of the process that sends, without starting it and writing its report."""
    report = await _load(url, "--rate", "max", "-c", str(CONNECTIONS), "--for", f"{SECONDS}s")
    per_s = float(report["completed_per_s"])
    return Speed(per_s=per_s, per_cpu_s=100 * per_s / float(report["generator"]["cpu_percent"]))


async def _hey(url: str, _folder: Path) -> Speed:
    output, cpu_s = await _timed(["hey", "-cpus", "1", "-z", f"{SECONDS}s", "-c", str(CONNECTIONS), url])
    match = re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert match is not None, output
    return Speed(per_s=float(match[1]), per_cpu_s=float(match[1]) * SECONDS / cpu_s)


async def _locust(url: str, folder: Path) -> Speed:
    file = folder / "locustfile.py"
    file.write_text(_LOCUST)
    command = ["locust", "-f", str(file), "--headless", "-u", str(CONNECTIONS), "-r", "1000", "-t", f"{SECONDS}s"]
    output, cpu_s = await _timed([*command, "-H", url.rstrip("/"), "--only-summary", "--json"])
    stats = json.loads(output[output.index("[") :])[0]
    seconds = stats["last_request_timestamp"] - stats["start_time"]
    return Speed(per_s=stats["num_requests"] / seconds, per_cpu_s=stats["num_requests"] / cpu_s)


_ONE = {"wrk": _wrk, "glasscloud": _ours, "hey": _hey, "locust": _locust}


async def _exactness(url: str, wrk_per_cpu_s: float) -> list[Measurement]:
    """How late requests are sent at 10,000 arrivals per second, and the CPU for it beside wrk."""
    rounds = [await _load(url, "--rate", "10000", "--for", f"{SECONDS}s") for _ in range(ROUNDS)]
    lags = [float(one["send_lag_ms"]["generator"]["p99"]) for one in rounds]
    cpus = [float(one["generator"]["cpu_percent"]) for one in rounds]
    ratio = 100 * 10_000 / statistics.median(cpus) / wrk_per_cpu_s
    detail = f"{spread(cpus)} % of a core"
    return [
        at_most("generator late at 10,000 arrivals/s: p99", statistics.median(lags), 0.3, "ms", spread(lags)),
        at_least("  requests per CPU-second meanwhile, beside wrk at full speed", ratio, 0.15, "x", detail),
    ]


async def _stopped(url: str, server_pid: int) -> list[Measurement]:
    """nginx is stopped for one second of eight at 1,000 requests per second, so the p99 is almost the whole second."""
    errors = []
    for _ in range(ROUNDS):
        running = asyncio.ensure_future(_load(url, "--rate", "1000", "--for", "8s"))
        await asyncio.sleep(3)
        started = time.monotonic()
        os.kill(server_pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(1)
        finally:
            os.kill(server_pid, signal.SIGCONT)
        stall_ms = 1000 * (time.monotonic() - started)
        p99 = float((await running)["response_ms"]["p99"])
        errors.append(100 * abs(p99 / (stall_ms - 80) - 1))
    return [at_most("p99 of a 1 s stop of nginx, off by", statistics.median(errors), 2.0, "%", spread(errors))]


async def _stalls() -> list[Measurement]:
    """A server that stalls 1 s every 5 s, 21,000 arrivals: percentiles compared with those that the stalls cause."""
    rate, seconds = 500, 42
    with tempfile.TemporaryDirectory(prefix="glasscloud-bench-") as text:
        ready, stalls_file = Path(text) / "ready", Path(text) / "stalls.json"
        command = [sys.executable, "-m", "bench.stalling_server", str(ready), str(stalls_file)]
        async with pinned(command, core=1) as server:
            await until_file(ready, server)
            port = int(ready.read_text())
            report = await _load(f"http://127.0.0.1:{port}/", "--rate", str(rate), "--for", f"{seconds}s", "-c", "200")
        stalls = json.loads(stalls_file.read_text())
    expected = _waits(stalls, began=float(report["began"]), rate=rate, count=rate * seconds)
    figures = []
    for name, percent in (("p90", 90.0), ("p99", 99.0), ("p999", 99.9)):
        caused, measured = _percentile(expected, percent), float(report["response_ms"][name])
        off = 100 * abs(measured / caused - 1)
        detail = f"{measured:.0f} ms, by the stalls {caused:.0f} ms"
        figures.append(at_most(f"a server that stalls 1 s in 5 s: {name} off by", off, 2.0, "%", detail))
    median = float(report["response_ms"]["p50"])
    quiet = float(report["service_ms"]["p50"])
    figures.append(at_most("  and p50 off by", abs(median - quiet), 0.2, "ms", f"{median} ms"))
    return figures


def _waits(stalls: Sequence[tuple[float, float]], *, began: float, rate: int, count: int) -> list[float]:
    """How long each request must wait for the end of a stall, in ms, sorted."""
    waits = []
    for number in range(count):
        due = began + number / rate
        waits.append(next((1000 * (end - due) for begin, end in stalls if begin <= due < end), 0.0))
    return sorted(waits)


def _percentile(values: Sequence[float], percent: float) -> float:
    return values[max(0, -int(-len(values) * percent // 100) - 1)]


async def _load(url: str, *arguments: str) -> dict[str, Any]:
    """Run the load generator on core 0; returns its report."""
    command = [sys.executable, "-m", "client", "load", url, *arguments, "--json"]
    output, _ = await _timed(command)
    report: dict[str, Any] = json.loads(output)
    return report


async def _timed(command: Sequence[str]) -> tuple[str, float]:
    """Run a command on core 0; returns its output and the CPU-seconds that it used."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = await asyncio.create_subprocess_exec(
        "taskset", "-c", "0", *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    async with asyncio.timeout(120):
        output, _ = await process.communicate()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return output.decode(), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
