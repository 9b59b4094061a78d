"""A name with several addresses: connections go to all of them, and not to one that is dead."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from client.load.engine.endpoint import REST_S, Addresses, Endpoint, reach
from client.load.plan.urls import Origin
from vmhost.base.errors import Unavailable
from vmhost.base.http1 import HttpFailure


@asynccontextmanager
async def listening(*hosts: str) -> AsyncIterator[tuple[int, Counter[str]]]:
    """A server at these loopback addresses: its port, and how many connections each has had."""
    counted: Counter[str] = Counter()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        counted[writer.get_extra_info("sockname")[0]] += 1
        writer.close()

    first = await asyncio.start_server(accept, hosts[0], 0)
    port = first.sockets[0].getsockname()[1]
    servers = [first, *[await asyncio.start_server(accept, host, port) for host in hosts[1:]]]
    try:
        yield port, counted
    finally:
        for server in servers:
            server.close()


async def opened(endpoint: Endpoint, count: int) -> None:
    for _ in range(count):
        (await endpoint.connect(1.0)).close()
    await asyncio.sleep(0.05)


async def test_connections_are_spread_over_all_addresses() -> None:
    async with listening("127.0.0.1", "127.0.0.2", "127.0.0.3") as (port, counted):
        hosts = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
        await opened(Endpoint(host=hosts[0], port=port, tls=None, addresses=Addresses(hosts)), 30)
    assert counted == dict.fromkeys(hosts, 10)


async def test_a_dead_address_is_left_out_and_tried_again_later() -> None:
    now_s = 100.0
    hosts = ("127.0.0.1", "127.0.0.2")
    addresses = Addresses(hosts, clock_s=lambda: now_s)
    async with listening("127.0.0.1") as (port, counted):
        endpoint = Endpoint(host=hosts[0], port=port, tls=None, addresses=addresses)
        await opened(endpoint, 10)
        assert counted == {"127.0.0.1": 10}
        assert {addresses.pick() for _ in range(10)} == {"127.0.0.1"}
        now_s += REST_S
        assert {addresses.pick() for _ in range(10)} == set(hosts)


async def test_all_addresses_dead_is_a_failure() -> None:
    async with listening("127.0.0.1") as (port, _):
        pass
    hosts = ("127.0.0.1", "127.0.0.2")
    with pytest.raises(HttpFailure):
        await Endpoint(host=hosts[0], port=port, tls=None, addresses=Addresses(hosts)).connect(1.0)
    with pytest.raises(Unavailable, match="cannot be reached"):
        await reach(Origin(tls=False, host="localhost", port=port), 1.0)
