"""The connections to one leaf: bounded and reused, and no request waits forever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from server.frontend.leaf_connections import LeafConnections, LeafRequest
from tests.integration.server_frontend.leaves import StubLeaf, leaves, until
from vmhost.base.http1 import Failure
from vmhost.base.http_response import Response

RAW = b"GET /healthz HTTP/1.1\r\nHost: leaf\r\n\r\n"


class RecordedRequest(LeafRequest):
    """A request that records how it ended."""

    __slots__ = ("ends",)

    def __init__(self) -> None:
        super().__init__(RAW)
        self.ends: list[int | Failure | None] = []

    def on_done(self, response: Response | None, failure: Failure | None) -> None:
        self.ends.append(response.status if response is not None else failure)


@pytest_asyncio.fixture
async def leaf() -> AsyncIterator[StubLeaf]:
    async with leaves((0, "a")) as (started,):
        yield started


def send(connections: LeafConnections, count: int) -> tuple[list[RecordedRequest], list[bool]]:
    requests = [RecordedRequest() for _ in range(count)]
    return requests, [connections.send(each) for each in requests]


def all_done(requests: list[RecordedRequest]) -> bool:
    return all(each.ends for each in requests)


async def test_requests_wait_for_a_connection(leaf: StubLeaf) -> None:
    async with asyncio.TaskGroup() as tasks:
        connections = LeafConnections("127.0.0.1", leaf.port, spawn=tasks.create_task, limit=3)
        requests, _ = send(connections, 30)
        await until(lambda: all_done(requests))
        assert leaf.connections == 3
        again, _ = send(connections, 3)
        await until(lambda: all_done(again))
        connections.close()
    assert [each.ends for each in requests + again] == [[200]] * 33
    assert leaf.connections == 3


async def test_full_queue_refuses_requests(leaf: StubLeaf) -> None:
    async with asyncio.TaskGroup() as tasks:
        connections = LeafConnections("127.0.0.1", leaf.port, spawn=tasks.create_task, limit=1, waiting_max=2)
        _, accepted = send(connections, 4)
        assert accepted == [True, True, False, False]
        connections.close()
        assert send(connections, 1)[1] == [False]


async def test_refused_connection_fails_waiting_requests() -> None:
    async with leaves((0, "a")) as (gone,):
        port = gone.port
    async with asyncio.TaskGroup() as tasks:
        connections = LeafConnections("127.0.0.1", port, spawn=tasks.create_task, limit=1)
        requests, _ = send(connections, 5)
        await until(lambda: all_done(requests), within_s=1)
    assert {end for each in requests for end in each.ends} == {Failure.CONNECT}


async def test_abort_frees_waiting_and_sent_requests(leaf: StubLeaf) -> None:
    leaf.delay_s = 30
    async with asyncio.TaskGroup() as tasks:
        connections = LeafConnections("127.0.0.1", leaf.port, spawn=tasks.create_task, limit=1)
        (sent, waiting, last), _ = send(connections, 3)
        await until(lambda: leaf.heads)
        waiting.abort(Failure.TIMEOUT)
        leaf.delay_s = 0
        sent.abort(Failure.TIMEOUT)
        await until(lambda: last.ends)
        connections.close()
    assert [sent.ends, waiting.ends, last.ends] == [[Failure.TIMEOUT], [Failure.TIMEOUT], [200]]


async def test_close_fails_each_request_once(leaf: StubLeaf) -> None:
    leaf.delay_s = 30
    async with asyncio.TaskGroup() as tasks:
        connections = LeafConnections("127.0.0.1", leaf.port, spawn=tasks.create_task, limit=1)
        requests, _ = send(connections, 3)
        await until(lambda: leaf.heads)
        connections.close()
    assert [each.ends for each in requests] == [[Failure.RESET]] * 3
