"""Workers that join over real connections: without a proof that they know the token they stay out."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from pathlib import Path

import pytest

from client.load.distributed import handshake
from client.load.distributed.connection import Address
from client.load.distributed.worker_process import NO_COORDINATOR, REFUSED
from client.load.messages import (
    Job,
)
from client.load.plan.model import Plan
from tests.integration.load.distributed_load import (
    LIMIT_S,
    TOKEN,
    Log,
    command,
    gathering,
    greeted,
    process_of,
    spawned,
)
from vmhost.base.errors import Unavailable


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


async def test_missing_coordinator_is_an_error_after_a_while(token_file: Path) -> None:
    async with gathering(token_file) as gathered:
        address = gathered.address
    async with asyncio.timeout(LIMIT_S), spawned(*process_of(address, token_file, wait_s=0.3)) as worker:
        _, said = await worker.communicate()
    assert worker.returncode == NO_COORDINATOR
    assert f"cannot join {address}: " in said.decode()


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
