"""`glasscloud load sweep` with a server of known capacity: one request at a time, five milliseconds each."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
COMMAND = "import sys; from client.cli import main; sys.exit(main(sys.argv[1:]))"
CAPACITY_PER_S = 200
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Its address, and whether it has been asked."""

    url: str
    asked: asyncio.Event


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    turn, made = asyncio.Lock(), Server()
    made.asked = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                made.asked.set()
                async with turn:
                    await asyncio.sleep(1 / CAPACITY_PER_S)
                writer.write(ANSWER)
        writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
    yield made
    listener.close()


async def sweep(*options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", COMMAND, "load", "sweep", *options,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def test_knee_is_below_the_capacity(server: Server, tmp_path: Path) -> None:
    page = tmp_path / "sweep.html"
    process = await sweep(
        server.url, "--from", "100", "--to", "800", "--steps", "4", "--for", "1s", "--rest", "0.1s", "--timeout", "1s",
        "--json", "--report", str(page),
    )  # fmt: skip
    out, err = await process.communicate()
    data = json.loads(out)
    lowest, highest = data["steps"][0], data["steps"][-1]
    if data["reason"].startswith("the generator is the limit") or (lowest["response_ms"]["p50"] or 1000) > 20:
        pytest.skip(f"this machine is too busy to measure on: {data['reason']}")
    assert process.returncode == 0, err
    assert lowest["rate_per_s"] <= data["knee_per_s"] < CAPACITY_PER_S
    # The next rung of the ladder was never asked: the sweep broke off at the first rate that the server cannot do.
    assert (highest["rate_per_s"], highest["health"]) == (283, "broken")
    assert len(data["steps"]) == len(err.splitlines()) == 4
    assert f"knee {data['knee_per_s']:g}/s" in page.read_text()


async def test_ctrl_c_prints_the_steps_so_far(server: Server) -> None:
    process = await sweep(server.url, "--from", "100", "--to", "800", "--for", "1s", "--rest", "1h")
    assert process.stderr is not None
    told = await process.stderr.readline()
    assert b"100/s" in told
    if b"unknown" in told:
        await process.communicate()
        pytest.skip(f"this machine is too busy to measure on: {told.decode()}")
    process.send_signal(signal.SIGINT)
    out, err = await process.communicate()
    assert b"offered/s" in out
    assert err == b""


async def test_incomplete_step_is_dropped(server: Server) -> None:
    process = await sweep(server.url, "--from", "100", "--to", "800", "--for", "1h")
    await server.asked.wait()
    process.send_signal(signal.SIGTERM)
    assert await process.communicate() == (b"nothing was measured: stopped\n", b"")
    assert process.returncode == 128 + signal.SIGTERM


async def test_unreachable_server_and_unwritable_page_are_errors(tmp_path: Path) -> None:
    process = await sweep("http://127.0.0.1:1/", "--from", "50", "--to", "800")
    out, err = await process.communicate()
    assert (process.returncode, out) == (2, b"")
    assert err.startswith(b"glasscloud load sweep: ")
    process = await sweep("http://127.0.0.1:1/", "--from", "50", "--to", "800", "--json")
    out, _ = await process.communicate()
    assert process.returncode == 2
    assert "127.0.0.1:1 cannot be reached" in json.loads(out)["error"]["message"]
    process = await sweep(
        "http://127.0.0.1:1/", "--from", "50", "--to", "800", "--report", str(tmp_path / "none" / "page.html")
    )
    out, err = await process.communicate()
    assert process.returncode == 2
    assert b"cannot be written" in err


async def test_ignored_proxy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:2")
    process = await sweep("http://127.0.0.1:1/", "--from", "50", "--to", "800")
    _, err = await process.communicate()
    assert b"http_proxy is set but not used" in err
