"""Limits of the generator itself are named as its own, and not blamed on the service."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TAKES_S = 0.5


@pytest.fixture
async def slow() -> AsyncIterator[str]:
    """A service that takes half a second for each answer, whatever their number."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(TAKES_S)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1024)
    yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
    listener.close()


async def load(*arguments: str, files: tuple[int, int] | None = None) -> tuple[int | None, str]:
    """The command's exit code and output, with that soft and hard limit of open files."""

    def limit() -> None:
        assert files is not None
        resource.setrlimit(resource.RLIMIT_NOFILE, files)

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "client", "load", *arguments, cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, preexec_fn=limit if files else None,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, out.decode()


async def test_connections_grow_with_the_rate(slow: str) -> None:
    code, out = await load(slow, "--rate", "200", "--for", "2s", "--json")
    told = json.loads(out)
    assert told["errors"] == {}
    assert told["generator"]["own_limits"]["connections"] == 400
    assert code in (0, 3), told["reason"]


async def test_too_few_connections_are_not_the_services_fault(slow: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    code, out = await load(slow, "--rate", "200", "--for", "2s", "-c", "20", "--report", str(page))
    assert code == 3
    assert out.startswith("INVALID: all 20 connections of the generator were busy")
    assert "try --connections 400" in out
    assert "because the generator had too few of them" in page.read_text()


async def test_too_few_places_for_flows_are_not_the_services_fault(slow: str, tmp_path: Path) -> None:
    script = tmp_path / "flow.py"
    script.write_text("async def flow(user):\n    await user.get('/')\n")
    code, out = await load(str(script), "--url", slow, "--rate", "60", "--for", "2s", "-c", "5")
    assert code == 3
    assert out.startswith("INVALID: all 5 places for flows of the generator were busy")


async def test_sweep_reports_no_knee_that_is_the_generators(slow: str) -> None:
    options = ("--from", "20", "--to", "200", "--steps", "4", "--for", "2s", "--rest", "0s", "--json")
    code, out = await load("sweep", slow, *options, "-c", "20")
    told = json.loads(out)
    assert code == 3
    assert told["reason"].startswith("the generator is the limit at")
    assert told["broken_per_s"] is None
    if "sent late" not in told["reason"]:
        assert "all 20 connections" in told["reason"]


@pytest.mark.parametrize("how", [("--users", "300"), ("--rate", "300")])
async def test_files_that_run_out_are_named_with_a_remedy(slow: str, how: tuple[str, str]) -> None:
    code, out = await load(slow, *how, "--for", "1s", files=(90, 90))
    assert code == 3
    assert out.startswith("INVALID: the generator ran out of open files (limit 90 per process)")
    assert "ulimit -Hn" in out


async def test_soft_limit_of_files_is_raised(slow: str) -> None:
    code, out = await load(slow, "--users", "300", "--for", "1s", files=(90, 2000))
    assert (code, out.split(":")[0]) == (0, "VALID")
