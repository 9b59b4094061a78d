"""The connections to one leaf: bounded, reused, and nothing waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from server.frontend.link import Flight, Link
from tests.integration.server_frontend.leaves import StubLeaf, leaves, until
from vmhost.base.http1 import Failure, Response

RAW = b"GET /healthz HTTP/1.1\r\nHost: leaf\r\n\r\n"


class Passenger(Flight):
    """A flight that remembers how it ended."""

    __slots__ = ("ends",)

    def __init__(self) -> None:
        super().__init__(RAW)
        self.ends: list[int | Failure | None] = []

    def done(self, response: Response | None, failure: Failure | None) -> None:
        self.ends.append(response.status if response is not None else failure)


@pytest_asyncio.fixture
async def leaf() -> AsyncIterator[StubLeaf]:
    async with leaves((0, "a")) as (started,):
        yield started


def send(link: Link, count: int) -> tuple[list[Passenger], list[bool]]:
    passengers = [Passenger() for _ in range(count)]
    return passengers, [link.send(each) for each in passengers]


def landed(passengers: list[Passenger]) -> bool:
    return all(each.ends for each in passengers)


async def test_more_requests_than_connections_wait_and_are_all_answered(leaf: StubLeaf) -> None:
    async with asyncio.TaskGroup() as tasks:
        link = Link("127.0.0.1", leaf.port, spawn=tasks.create_task, limit=3)
        passengers, _ = send(link, 30)
        await until(lambda: landed(passengers))
        assert leaf.connections == 3
        again, _ = send(link, 3)
        await until(lambda: landed(again))
        link.close()
    assert [each.ends for each in passengers + again] == [[200]] * 33
    assert leaf.connections == 3


async def test_beyond_its_waiting_room_it_takes_nobody(leaf: StubLeaf) -> None:
    async with asyncio.TaskGroup() as tasks:
        link = Link("127.0.0.1", leaf.port, spawn=tasks.create_task, limit=1, waiting_max=2)
        _, taken = send(link, 4)
        assert taken == [True, True, False, False]
        link.close()
        assert send(link, 1)[1] == [False]


async def test_a_peer_that_is_not_there_fails_all_who_wait_at_once() -> None:
    async with leaves((0, "a")) as (gone,):
        port = gone.port
    async with asyncio.TaskGroup() as tasks:
        link = Link("127.0.0.1", port, spawn=tasks.create_task, limit=1)
        passengers, _ = send(link, 5)
        await until(lambda: landed(passengers), within_s=1)
    assert {end for each in passengers for end in each.ends} == {Failure.CONNECT}


async def test_giving_up_frees_the_place_of_whoever_waits_and_of_whoever_flies(leaf: StubLeaf) -> None:
    leaf.delay_s = 30
    async with asyncio.TaskGroup() as tasks:
        link = Link("127.0.0.1", leaf.port, spawn=tasks.create_task, limit=1)
        (flying, waiting, last), _ = send(link, 3)
        await until(lambda: leaf.heads)
        waiting.give_up(Failure.TIMEOUT)
        leaf.delay_s = 0
        flying.give_up(Failure.TIMEOUT)
        await until(lambda: last.ends)
        link.close()
    assert [flying.ends, waiting.ends, last.ends] == [[Failure.TIMEOUT], [Failure.TIMEOUT], [200]]


async def test_closing_ends_everybody_once(leaf: StubLeaf) -> None:
    leaf.delay_s = 30
    async with asyncio.TaskGroup() as tasks:
        link = Link("127.0.0.1", leaf.port, spawn=tasks.create_task, limit=1)
        passengers, _ = send(link, 3)
        await until(lambda: leaf.heads)
        link.close()
    assert [each.ends for each in passengers] == [[Failure.RESET]] * 3
