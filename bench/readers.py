"""The cost of readers of the flow: the front end's CPU per request at half of its capacity.

The front end runs on core 0, its leaves and the load on core 1; console and Chromium run where the system puts them.
Three cases take turns: no reader, a console, and a console with its page open.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.chromium import chromium
from bench.console_page import console, opened, require_chromium
from bench.frontend import TARGET, leaves
from bench.measurement import Measurement, MissingPrerequisite, at_most, spread
from bench.nginx import free_ports, nginx_arguments, pinned, require_nginx
from bench.platform_setup import cpu_seconds, first_response

if TYPE_CHECKING:
    from playwright.async_api import Browser


ROUNDS, SECONDS, SETTLE_S = 3, 5.0, 1.5
LOAD_SHARE = 0.5
COST_PERCENT_MAX = 5.0
CONNECTIONS = "64"
"""As from a load balancer. Without a limit a moment's delay opens hundreds of connections, and these are measured."""
_CAPACITY_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredFrontEnd:
    """A running front end: its address and its process."""

    url: str
    pid: int

    async def cpu_us(self, rate_per_s: float, seconds: float) -> float:
        """CPU microseconds per request under that load. Raises MissingPrerequisite if requests fail."""
        before = cpu_seconds(self.pid)
        report = await _load(self.url, "--rate", f"{rate_per_s:.0f}", "-c", CONNECTIONS, "--for", f"{seconds}s")
        spent_s = cpu_seconds(self.pid) - before
        requests = report["requests"]
        if requests["ok"] < requests["offered"]:
            result = f"{requests['ok']:,} of {requests['offered']:,} requests succeeded at half load"
            raise MissingPrerequisite(f"needs a computer without other load: {result}")
        return 1e6 * spent_s / float(requests["completed"])

    async def capacity_per_s(self) -> float:
        """Requests per CPU-second when it is never idle."""
        before = cpu_seconds(self.pid)
        report = await _load(self.url, "--rate", "max", "-c", "32", "--for", f"{_CAPACITY_S}s")
        return float(report["requests"]["completed"]) / (cpu_seconds(self.pid) - before)


async def run() -> list[Measurement]:
    """The medians of the ratios of three rounds."""
    require_chromium()
    async with chromium() as browser, _front_end() as front_end:
        rate = LOAD_SHARE * await front_end.capacity_per_s()
        rounds = [await _round(browser, front_end, rate) for _ in range(ROUNDS)]
    alone, read, opened_page = zip(*rounds, strict=True)
    detail = f"{rate:,.0f} requests/s; {spread(alone)} us per request without a reader"
    return [
        _cost("front end at half load: a console that reads its flow costs it", alone, read, detail),
        _cost(
            "  a console and Chromium on the same two cores",
            alone,
            opened_page,
            f"{spread(opened_page)} us per request",
        ),
    ]


async def _round(browser: Browser, front_end: MeasuredFrontEnd, rate: float) -> tuple[float, float, float]:
    """CPU microseconds per request: without a reader, with a console, with a console whose page is open."""
    alone = await front_end.cpu_us(rate, SECONDS)
    async with console(speed=1, front_end=front_end.url) as url:
        # By then the replay's first minute is over, and the console has read the past.
        await asyncio.sleep(SETTLE_S)
        read = await front_end.cpu_us(rate, SECONDS)
        async with opened(browser, url):
            opened_page = await front_end.cpu_us(rate, SECONDS)
    return alone, read, opened_page


def _cost(name: str, without: Sequence[float], reading: Sequence[float], detail: str) -> Measurement:
    costs = [100 * (more / less - 1) for less, more in zip(without, reading, strict=True)]
    return at_most(
        name, statistics.median(costs), COST_PERCENT_MAX, "% CPU per request", f"{spread(costs)} %; {detail}"
    )


@contextlib.asynccontextmanager
async def _front_end() -> AsyncIterator[MeasuredFrontEnd]:
    nginx = require_nginx()
    with tempfile.TemporaryDirectory(prefix="glasscloud-bench-") as folder:
        first, second, port = free_ports(3)
        command = [sys.executable, "-m", "bench.frontend_program", *map(str, (port, first, second))]
        async with (
            pinned([nginx, *nginx_arguments(Path(folder), "leaf", leaves(first, second))], core=1),
            pinned(command, core=0) as process,
        ):
            await asyncio.gather(*(first_response("127.0.0.1", each) for each in (first, port)))
            yield MeasuredFrontEnd(url=f"http://127.0.0.1:{port}", pid=process.pid)


async def _load(url: str, *arguments: str) -> dict[str, Any]:
    """Run the load generator on core 1; returns its report."""
    command = ["taskset", "-c", "1", sys.executable, "-m", "client", "load", f"{url}{TARGET}", *arguments, "--json"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(SECONDS + 20):
        output, _ = await process.communicate()
    report: dict[str, Any] = json.loads(output)
    return report
