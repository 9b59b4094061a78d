"""The leaf as a program: it reads its shard from the instance metadata, serves, and stops on SIGTERM."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from server.corpus.build_index import Sources, build
from server.leaf.main import identity_of
from vmhost.api.guest_metadata import ENDPOINT_VARIABLE
from vmhost.base.errors import InvalidInput
from vmhost.base.web import listen, serve


@pytest.fixture
def index(tmp_path: Path) -> Path:
    texts = tmp_path / "texts"
    texts.mkdir()
    for number in range(20):
        (texts / f"{number}.txt").write_text(f"Text {number}\n\nEach text has a server in it.")
    build(Sources(corpus=texts), shards=2, out=tmp_path / "index", report=lambda _: None)
    return tmp_path / "index"


@pytest.fixture
async def metadata(index: Path) -> AsyncIterator[str]:
    async def token(_request: web.Request) -> web.Response:
        return web.Response(text="t")

    async def instance_id(_request: web.Request) -> web.Response:
        return web.Response(text="i-0b34")

    async def user_data(_request: web.Request) -> web.Response:
        return web.json_response({"shard": 1, "shards": 2, "index": str(index)})

    app = web.Application()
    app.router.add_put("/latest/api/token", token)
    app.router.add_get("/latest/meta-data/instance-id", instance_id)
    app.router.add_get("/latest/user-data", user_data)
    async with serve(app, listen("127.0.0.1", 0)) as url:
        yield url


async def start(*arguments: str, **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server", "leaf", *arguments, env={**os.environ, "PORT": "0", **environment},
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def ready(path: Path, process: asyncio.subprocess.Process) -> str:
    async with asyncio.timeout(20):
        while not path.exists():
            assert process.returncode is None, await process.stderr.read() if process.stderr else ""
            await asyncio.sleep(0.02)
    url: str = json.loads(path.read_text())["url"]
    return url


async def test_leaf_serves_the_shard_of_its_user_data(metadata: str, tmp_path: Path) -> None:
    process = await start("--ready", str(tmp_path / "ready"), **{ENDPOINT_VARIABLE: metadata, "HOST": "127.0.0.1"})
    try:
        url = await ready(tmp_path / "ready", process)
        async with aiohttp.ClientSession(url) as session:
            async with session.get("/healthz") as response:
                health = await response.json()
            async with session.get("/search?q=server") as response:
                answer = await response.json()
        assert (health["instance"], health["shard"], health["shards"]) == ("i-0b34", 1, 2)
        assert 0 < answer["total"] == health["documents"] < 20
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            _, errors = await process.communicate()
    assert process.returncode == 0
    assert errors == b""


async def test_missing_index_ends_the_leaf_with_a_reason(tmp_path: Path) -> None:
    process = await start("--shard", "0", "--index", str(tmp_path / "none"))
    async with asyncio.timeout(20):
        _, errors = await process.communicate()
    assert process.returncode == 1
    assert b"has no index; build one with python -m server index" in errors
    assert b"Traceback" not in errors


@pytest.mark.parametrize(
    "user_data",
    [b"", b"#!/bin/sh", b"[]", b"3", b"{}", b'{"shard": 2, "shards": 2}', b'{"shard": "0", "shards": 2}',
     b'{"shard": true, "shards": 2}', b'{"shard": 0, "shards": 2, "index": 5}'],
)  # fmt: skip
def test_other_user_data_is_refused(user_data: bytes) -> None:
    with pytest.raises(InvalidInput):
        identity_of("i-1", user_data)
