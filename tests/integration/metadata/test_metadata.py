"""The metadata service as guests and the AWS SDK see it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import botocore.utils
import pytest

from tests.fakes import ManualClock
from vmhost.api.guest_metadata import GuestMetadata
from vmhost.base.errors import NotFound, Unavailable
from vmhost.base.web import listen, url_of
from vmhost.metadata.instance_facts import InstanceFacts
from vmhost.metadata.metadata_server import TOKEN_HEADER, TTL_HEADER, InstanceMetadata

FACTS = InstanceFacts(
    instance_id="i-0a12",
    instance_type="t3.nano",
    image_id="ami-01",
    zone="eu-north-1a",
    region="eu-north-1",
    address="127.20.1.1",
    architecture="x86_64",
    reservation_id="r-01",
    launch_index=0,
    launched_at=1_700_000_000.0,
    account_id="000000000000",
    user_data=bytes(range(256)),
    tags={"Name": "one", "team/x": "a b"},
)
EVERYONE = {"i-0a12": FACTS, "i-0b34": replace(FACTS, instance_id="i-0b34", user_data=b"", tags={})}


class Served:
    """A server on real sockets, one for each instance."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.server = InstanceMetadata(EVERYONE.get, clock=self.clock)

    async def add(self, instance_id: str) -> str:
        sock = listen("127.0.0.1", 0)
        url = url_of(sock)
        await self.server.attach(instance_id, sock)
        return url


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    served = Served()
    yield served
    await served.server.close()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_guest_reads_its_metadata(served: Served) -> None:
    one, other = [GuestMetadata(await served.add(name)) for name in EVERYONE]
    assert await one.get("instance-id") == "i-0a12"
    assert await other.get("instance-id") == "i-0b34"
    assert await one.user_data() == bytes(range(256))
    assert await other.user_data() == b""
    assert await one.tags() == {"Name": "one", "team/x": "a b"}
    assert await other.tags() == {}
    with pytest.raises(NotFound, match="public-hostname"):
        await one.get("public-hostname")


async def test_client_uses_the_sdk_endpoint_variable(served: Served) -> None:
    url = await served.add("i-0a12")
    guest = GuestMetadata(environ={"AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{url}/"})
    assert await guest.get("instance-type") == "t3.nano"


async def test_client_renews_an_expired_token(served: Served) -> None:
    guest = GuestMetadata(await served.add("i-0a12"))
    await guest.get("instance-id")
    served.clock.advance(100_000)
    assert await guest.get("instance-id") == "i-0a12"


async def test_missing_service_is_unavailable(served: Served) -> None:
    url = await served.add("i-0a12")
    await served.server.detach("i-0a12")
    with pytest.raises(Unavailable, match="AWS_EC2_METADATA_SERVICE_ENDPOINT"):
        await GuestMetadata(url).get("instance-id")


async def test_silent_service_times_out() -> None:
    with contextlib.closing(listen("127.0.0.1", 0)) as sock, pytest.raises(Unavailable, match="does not respond"):
        await GuestMetadata(url_of(sock), deadline_s=0.05).get("instance-id")


async def test_sdk_reads_region_with_imdsv2(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
    config = {"ec2_metadata_service_endpoint": await served.add("i-0a12")}
    fetcher = botocore.utils.InstanceMetadataRegionFetcher(timeout=2, env=os.environ.copy(), config=config)
    assert await asyncio.to_thread(fetcher.retrieve_region) == "eu-north-1"


async def test_imdsv1_needs_no_token(served: Served, http: aiohttp.ClientSession) -> None:
    url = await served.add("i-0a12")
    async with http.get(f"{url}/latest/meta-data/instance-id") as answer:
        assert (answer.status, await answer.text(), answer.content_type) == (200, "i-0a12", "text/plain")
    async with http.get(f"{url}/latest/user-data") as answer:
        assert (answer.content_type, await answer.read()) == ("application/octet-stream", bytes(range(256)))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({TTL_HEADER: "60"}, 200),
        ({}, 400),
        ({TTL_HEADER: "0"}, 400),
        ({TTL_HEADER: "21601"}, 400),
        ({TTL_HEADER: "60", "X-Forwarded-For": "198.18.0.9"}, 403),
    ],
)
async def test_token_needs_a_direct_valid_request(
    served: Served, http: aiohttp.ClientSession, headers: dict[str, str], status: int
) -> None:
    async with http.put(f"{await served.add('i-0a12')}/latest/api/token", headers=headers) as answer:
        assert answer.status == status
        if status == 200:
            assert answer.headers[TTL_HEADER] == "60"


async def test_foreign_or_expired_token_is_refused(served: Served, http: aiohttp.ClientSession) -> None:
    one, other = [await served.add(name) for name in EVERYONE]
    async with http.put(f"{one}/latest/api/token", headers={TTL_HEADER: "60"}) as answer:
        token = {TOKEN_HEADER: await answer.text()}
    async with http.get(f"{one}/latest/meta-data/", headers=token) as answer:
        assert answer.status == 200
    async with http.get(f"{other}/latest/meta-data/", headers=token) as answer:
        assert answer.status == 401
    served.clock.advance(61)
    async with http.get(f"{one}/latest/meta-data/", headers=token) as answer:
        assert answer.status == 401


async def test_errors_look_like_ec2(served: Served, http: aiohttp.ClientSession) -> None:
    url = await served.add("i-0a12")
    async with http.get(f"{url}/latest/meta-data/nothing") as answer:
        assert (answer.status, answer.content_type) == (404, "text/html")
        assert "404 - Not Found" in await answer.text()
    async with http.post(f"{url}/latest/meta-data/", data=b"x") as answer:
        assert answer.status == 405
    async with http.get(f"{url}/latest/api/token") as answer:
        assert answer.status == 405


async def test_terminated_instance_has_no_metadata(served: Served, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{await served.add('i-unknown')}/latest/meta-data/") as answer:
        assert answer.status == 404


async def test_long_headers_are_refused(served: Served, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{await served.add('i-0a12')}/latest/", headers={"X-Long": "x" * 6000}) as answer:
        assert answer.status == 400


async def test_connection_limit_applies_per_guest(served: Served) -> None:
    greedy, quiet = [await served.add(name) for name in EVERYONE]
    host, port = greedy.removeprefix("http://").split(":")
    with contextlib.ExitStack() as hoard:
        for _ in range(40):
            hoard.enter_context(contextlib.closing(socket.create_connection((host, int(port)), timeout=2)))
        await asyncio.sleep(0.05)
        with pytest.raises(Unavailable):
            await GuestMetadata(greedy, deadline_s=1).get("instance-id")
        assert await GuestMetadata(quiet, deadline_s=1).get("instance-id") == "i-0b34"


async def test_attach_again_uses_the_new_socket(served: Served) -> None:
    before = await served.add("i-0a12")
    after = await served.add("i-0a12")
    assert await GuestMetadata(after).get("instance-id") == "i-0a12"
    with pytest.raises(Unavailable):
        await GuestMetadata(before, deadline_s=1).get("instance-id")


async def test_foreign_host_name_is_refused(served: Served, http: aiohttp.ClientSession) -> None:
    url = await served.add("i-0a12")
    port = url.rpartition(":")[2]
    for host, status in (
        (f"evil.example:{port}", 403),
        ("evil.example", 403),
        (f"127.0.0.1:{port}", 200),
        ("169.254.169.254", 200),
    ):
        async with http.get(f"{url}/latest/user-data", headers={"Host": host}) as answer:
            assert answer.status == status, host


async def test_requests_above_the_rate_are_throttled(served: Served, http: aiohttp.ClientSession) -> None:
    greedy, quiet = [await served.add(name) for name in EVERYONE]
    path = "/latest/meta-data/instance-id"
    for _ in range(300):
        async with http.get(greedy + path) as answer:
            assert answer.status == 200
    refused = asyncio.ensure_future(http.get(greedy + path))
    await _until_one_waits(served.clock)
    assert not refused.done()
    async with http.get(quiet + path) as answer:
        assert answer.status == 200
    served.clock.advance(1)
    answer = await refused
    assert answer.status == 503
    assert "503 - Service Unavailable" in await answer.text()
    async with http.get(greedy + path) as answer:
        assert answer.status == 200


async def test_connections_above_the_rate_wait(served: Served) -> None:
    url = await served.add("i-0a12")
    host, port = url.removeprefix("http://").split(":")
    for _ in range(300):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        assert await reader.read()
        writer.close()
    await _until_one_waits(served.clock)
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    response = asyncio.ensure_future(reader.read())
    served.clock.advance(1)
    assert b"1.0" in await response
    writer.close()


async def _until_one_waits(clock: ManualClock) -> None:
    async with asyncio.timeout(5):
        while not clock.sleeping:
            await asyncio.sleep(0.001)


async def test_endless_body_is_not_read(served: Served) -> None:
    url = await served.add("i-0a12")
    host, port = url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    with contextlib.closing(writer):
        head = (
            f"PUT /latest/api/token HTTP/1.1\r\nHost: {host}\r\n{TTL_HEADER}: 60\r\nContent-Length: 10000000000\r\n\r\n"
        )
        writer.write(head.encode())
        async with asyncio.timeout(5):
            with pytest.raises(ConnectionError):
                await _write_forever(writer)


async def _write_forever(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(bytes(65536))
        await writer.drain()


async def test_cancelled_attach_leaves_no_socket_open(served: Served) -> None:
    await served.add("i-0a12")
    former = served.server._listeners["i-0a12"].sock
    new = listen("127.0.0.1", 0)
    attaching = asyncio.create_task(served.server.attach("i-0a12", new))
    await asyncio.sleep(0)
    attaching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attaching
    assert (former.fileno(), new.fileno()) == (-1, -1)
