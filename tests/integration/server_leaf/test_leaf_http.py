"""The leaf over real HTTP: responses, headers, deadlines, refusals."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from server.api.results import Document, SearchAnswer
from server.index.shard_index import ShardIndex
from server.leaf.leaf_app import WAITING_MAX, Identity, Leaf
from server.query import Query
from vmhost.base.web import listen, serve

DOCUMENTS = [
    Document(id=f"page.{number}", title=f"Server {number}", kind="page", body=f"A <b>server</b> & client {number}. ☃")
    for number in range(15)
]
IDENTITY = Identity(instance_id="i-0a12", shard=1, shards=2, index=Path("index"))


class SlowIndex(ShardIndex):
    """A shard whose searches take `search_s` seconds."""

    search_s = 0.0

    def search(self, query: Query, n: int, offset: int = 0) -> Any:
        until = time.monotonic() + self.search_s
        while time.monotonic() < until:
            pass
        return super().search(query, n, offset)


@pytest.fixture
def shard() -> SlowIndex:
    shard = SlowIndex.build(DOCUMENTS)
    assert isinstance(shard, SlowIndex)
    return shard


@pytest.fixture
async def leaf(shard: SlowIndex) -> AsyncIterator[aiohttp.ClientSession]:
    app = Leaf(IDENTITY, shard, "d1", time.monotonic).app()
    async with (
        serve(app, listen("127.0.0.1", 0)) as url,
        aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        yield session


async def test_search_returns_hits_total_and_time(leaf: aiohttp.ClientSession) -> None:
    async with leaf.get("/search", params={"q": "server -7", "n": "3"}) as response:
        assert response.status == 200
        assert response.headers["X-Instance"] == "i-0a12"
        name, _, dur = response.headers["Server-Timing"].partition(";dur=")
        assert (name, float(dur) > 0) == ("search", True)
        answer = msgspec.convert(await response.json(), SearchAnswer)
    assert (answer.query, answer.total, answer.partial, len(answer.hits)) == ("server -7", 14, False, 3)
    assert answer.hits[0].url == f"/doc/{answer.hits[0].id}"
    assert ("server", True) in answer.hits[0].snippet


@pytest.mark.parametrize("query", ["server", "nothing", "7"])
async def test_hits_stand_on_lines_of_their_own(leaf: aiohttp.ClientSession, query: str) -> None:
    async with leaf.get("/search", params={"q": query}) as response:
        total, *scores = response.headers["X-Hits"].split()
        body = await response.text()
    first, *lines, last = body.split("\n")
    answer = json.loads(body)
    assert int(total) == answer["total"]
    assert first.endswith('"hits":[')
    assert last == "]}"
    assert [line.endswith(",") for line in lines] == [True] * (len(lines) - 1) + [False] * bool(lines)
    assert [json.loads(line.rstrip(",")) for line in lines] == answer["hits"]
    assert [float(score) for score in scores] == [hit["score"] for hit in answer["hits"]]


async def test_document_is_returned_complete(leaf: aiohttp.ClientSession) -> None:
    async with leaf.get("/doc", params={"id": "page.3"}) as response:
        assert msgspec.convert(await response.json(), Document) == DOCUMENTS[3]
    async with leaf.get("/doc", params={"id": "page.99"}) as response:
        assert response.status == 404
        assert (await response.json())["error"]["kind"] == "not_found"


async def test_health_names_the_shard_and_index(leaf: aiohttp.ClientSession) -> None:
    async with leaf.get("/healthz") as response:
        health = await response.json()
    assert {name: health[name] for name in ("status", "instance", "shard", "shards", "documents", "digest")} == {
        "status": "ok",
        "instance": "i-0a12",
        "shard": 1,
        "shards": 2,
        "documents": 15,
        "digest": "d1",
    }


@pytest.mark.parametrize(
    "target",
    [
        "/search",
        "/search?q=",
        "/search?q=%22",
        "/search?q=a+OR",
        "/search?q=%00",
        "/search?q=" + "x" * 5000,
        "/search?q=a&n=-1",
        "/search?q=a&n=101",
        "/search?q=a&n=x",
        "/search?q=a&offset=99999999999",
    ],
)
async def test_invalid_requests_are_refused(leaf: aiohttp.ClientSession, target: str) -> None:
    async with leaf.get(target) as response:
        assert response.status == 400
        assert (await response.json())["error"]["message"]


async def test_other_addresses_are_not_found(leaf: aiohttp.ClientSession) -> None:
    async with leaf.get("/etc/passwd") as response:
        assert response.status == 404
        assert response.headers["X-Instance"] == "i-0a12"


async def test_passed_deadline_is_refused_at_once(leaf: aiohttp.ClientSession, shard: SlowIndex) -> None:
    shard.search_s = 0.3
    started = time.monotonic()
    async with leaf.get("/search?q=server", headers={"X-Deadline-Ms": "0"}) as response:
        assert response.status == 503
    assert time.monotonic() - started < 0.25
    async with leaf.get("/search?q=server", headers={"X-Deadline-Ms": "soon"}) as response:
        assert response.status == 400


async def test_late_request_is_refused_without_a_search(leaf: aiohttp.ClientSession, shard: SlowIndex) -> None:
    shard.search_s = 0.02

    async def search() -> int:
        async with leaf.get("/search?q=server", headers={"X-Deadline-Ms": "50"}) as response:
            return response.status

    started = time.monotonic()
    statuses = await asyncio.gather(*(search() for _ in range(30)))
    assert 1 <= statuses.count(200) <= 4
    assert set(statuses) <= {200, 503, 504}
    assert time.monotonic() - started < 0.4


async def test_requests_beyond_the_queue_are_shed(leaf: aiohttp.ClientSession, shard: SlowIndex) -> None:
    shard.search_s = 0.004

    async def search() -> int:
        async with leaf.get("/search?q=server") as response:
            return response.status

    statuses = await asyncio.gather(*(search() for _ in range(WAITING_MAX * 3)))
    assert statuses.count(200) >= WAITING_MAX
    assert statuses.count(200) + statuses.count(503) == len(statuses)
    assert statuses.count(503) > 0
    async with leaf.get("/search?q=server") as response:
        assert response.status == 200
