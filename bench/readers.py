"""What readers of the flow cost the service: the front end's CPU for each request at half of what it can do.

The front end stands on core 0, its leaves and the load on core 1; console and Chromium run wherever the system puts
them. Nobody, a console, and a console that is looked at take turns.
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
from bench.consoles import console, need_chromium, opened
from bench.figures import Figure, Missing, at_most, spread
from bench.frontend import TARGET, leaves
from bench.machines import cpu_seconds, first_answer
from bench.nginx import free_ports, need_nginx, nginx_arguments, pinned

if TYPE_CHECKING:
    from playwright.async_api import Browser


ROUNDS, SECONDS, SETTLE_S = 3, 5.0, 1.5
LOAD_SHARE = 0.5
COST_PERCENT_MAX = 5.0
CONNECTIONS = "64"
"""As from a load balancer. Without a limit a moment's delay opens hundreds of connections, and these are measured."""
_CAPACITY_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontEnd:
    """One that runs: where it is asked, and its process."""

    url: str
    pid: int

    async def cpu_us(self, rate_per_s: float, seconds: float) -> float:
        """Microseconds of its CPU for each request under that load. Raises Missing where requests fail."""
        before = cpu_seconds(self.pid)
        report = await _load(self.url, "--rate", f"{rate_per_s:.0f}", "-c", CONNECTIONS, "--for", f"{seconds}s")
        spent_s = cpu_seconds(self.pid) - before
        requests = report["requests"]
        if requests["ok"] < requests["offered"]:
            told = f"{requests['ok']:,} of {requests['offered']:,} requests went well at half load"
            raise Missing(f"needs a machine that others leave alone: {told}")
        return 1e6 * spent_s / float(requests["completed"])

    async def capacity_per_s(self) -> float:
        """Requests for each second of its CPU when it is never idle."""
        before = cpu_seconds(self.pid)
        report = await _load(self.url, "--rate", "max", "-c", "32", "--for", f"{_CAPACITY_S}s")
        return float(report["requests"]["completed"]) / (cpu_seconds(self.pid) - before)


async def run() -> list[Figure]:
    """The medians of three rounds' ratios."""
    need_chromium()
    async with chromium() as browser, _front_end() as front_end:
        rate = LOAD_SHARE * await front_end.capacity_per_s()
        rounds = [await _round(browser, front_end, rate) for _ in range(ROUNDS)]
    alone, read, seen = zip(*rounds, strict=True)
    told = f"{rate:,.0f} requests/s; {spread(alone)} us for each without a reader"
    return [
        _cost("front end at half load: a console that reads its flow costs it", alone, read, told),
        _cost("  a console and Chromium on the same two cores", alone, seen, f"{spread(seen)} us for each"),
    ]


async def _round(browser: Browser, front_end: FrontEnd, rate: float) -> tuple[float, float, float]:
    """Microseconds for a request: without a reader, with a console, with a console that is looked at."""
    alone = await front_end.cpu_us(rate, SECONDS)
    async with console(speed=1, front_end=front_end.url) as url:
        # The replay's first minute is over then, and whoever reads has read what was there.
        await asyncio.sleep(SETTLE_S)
        read = await front_end.cpu_us(rate, SECONDS)
        async with opened(browser, url):
            seen = await front_end.cpu_us(rate, SECONDS)
    return alone, read, seen


def _cost(name: str, without: Sequence[float], reading: Sequence[float], detail: str) -> Figure:
    costs = [100 * (more / less - 1) for less, more in zip(without, reading, strict=True)]
    return at_most(
        name, statistics.median(costs), COST_PERCENT_MAX, "% CPU per request", f"{spread(costs)} %; {detail}"
    )


@contextlib.asynccontextmanager
async def _front_end() -> AsyncIterator[FrontEnd]:
    nginx = need_nginx()
    with tempfile.TemporaryDirectory(prefix="glasscloud-bench-") as folder:
        first, second, port = free_ports(3)
        command = [sys.executable, "-m", "bench.frontend_child", *map(str, (port, first, second))]
        async with (
            pinned([nginx, *nginx_arguments(Path(folder), "leaf", leaves(first, second))], core=1),
            pinned(command, core=0) as process,
        ):
            await asyncio.gather(*(first_answer("127.0.0.1", each) for each in (first, port)))
            yield FrontEnd(url=f"http://127.0.0.1:{port}", pid=process.pid)


async def _load(url: str, *arguments: str) -> dict[str, Any]:
    """The load generator's report, on core 1."""
    command = ["taskset", "-c", "1", sys.executable, "-m", "client", "load", f"{url}{TARGET}", *arguments, "--json"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(SECONDS + 20):
        output, _ = await process.communicate()
    report: dict[str, Any] = json.loads(output)
    return report
