"""Runs with a limited number of requests or data rows, and users who start one by one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from client.load.plan.model import ClosedLoop, DataSource, OpenLoop, Plan, Target
from client.load.run import LoadRun
from client.load.run_report import Report
from client.load.verdict import Verdict


@dataclass
class Service:
    url: str = ""
    paths: list[str] = field(default_factory=list)
    connected: list[float] = field(default_factory=list)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        service.connected.append(asyncio.get_running_loop().time())
        try:
            while True:
                service.paths.append((await reader.readuntil(b"\r\n\r\n")).split()[1].decode())
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    service.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
    yield service
    listener.close()


OPEN = {"open": OpenLoop(rate_per_s=300)}
CLOSED = {"closed": ClosedLoop(users=3)}
loops = pytest.mark.parametrize("loop", [OPEN, CLOSED], ids=["open", "closed"])


def plan(service: Service, loop: dict[str, object], **changes: object) -> Plan:
    return Plan(targets=(Target(url=service.url),), **loop, **changes)  # type: ignore[arg-type]


async def measured(plan: Plan, processes: int = 1) -> Report:
    async with asyncio.timeout(30), LoadRun(processes=processes) as run:
        await run.start(plan)
        return await run.finished()


@loops
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("traced", [True, False])
async def test_a_run_of_n_requests_sends_exactly_n(
    service: Service, loop: dict[str, object], processes: int, traced: bool
) -> None:
    report = await measured(plan(service, loop, requests=50, traced=traced), processes)
    assert report.summary.offered == report.summary.ok == len(service.paths) == 50
    assert report.result.missed == 0
    assert not report.result.stopped


@loops
async def test_time_ends_a_run_before_its_requests(service: Service, loop: dict[str, object]) -> None:
    report = await measured(plan(service, loop, requests=10_000_000, duration_s=0.3))
    assert report.summary.ok == len(service.paths) < 1_000_000


@loops
@pytest.mark.parametrize("processes", [1, 2])
async def test_each_row_is_sent_once_and_the_last_ends_the_run(
    service: Service, loop: dict[str, object], processes: int
) -> None:
    source = DataSource(values=tuple(map(str, range(40))), draw="once")
    made = replace(
        plan(service, loop, duration_s=20.0), targets=(Target(url=service.url + "{id}"),), sources={"id": source}
    )
    report = await measured(made, processes)
    assert sorted(service.paths, key=lambda path: int(path[1:])) == [f"/{number}" for number in range(40)]
    assert report.result.elapsed_s < 10
    assert report.verdict in (Verdict.VALID, Verdict.INVALID)
    if report.verdict is Verdict.VALID:
        assert "it ended with the last row of 'id'" in report.reason


async def test_users_come_one_by_one(service: Service) -> None:
    loop = {"closed": ClosedLoop(users=5, think_s=0.05, ramp_up_s=1.0)}
    report = await measured(plan(service, loop, duration_s=1.2))
    assert report.summary.ok == report.summary.offered
    # The first connection is the look whether the server is there.
    coming = service.connected[1:]
    assert len(coming) == 5
    assert [later - coming[0] for later in coming] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8], abs=0.15)


@pytest.mark.parametrize("loop", [OPEN, {"closed": ClosedLoop(users=3, ramp_up_s=0.3)}], ids=["open", "closed"])
async def test_a_script_has_the_same_bounds(service: Service, loop: dict[str, object], tmp_path: Path) -> None:
    script = tmp_path / "flow.py"
    script.write_text("async def flow(user):\n    await user.get(f'/{user.number}')\n")
    made = Plan(script=str(script), base=service.url, requests=20, timeout_s=5.0, **loop)  # type: ignore[arg-type]
    report = await measured(made, 2)
    assert report.summary.offered == report.summary.ok == 20
    assert sorted(service.paths) == sorted(f"/{number}" for number in range(20))
