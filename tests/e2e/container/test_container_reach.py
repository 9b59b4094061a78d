"""What a guest can reach: its metadata, its neighbours, and nothing of the host or beyond."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator

import pytest
from container_guest import Guest
from engine_world import IMAGE, World, docker

from vmhost.model.image import Boot

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="module")]

METADATA = "169.254.169.254"
SERVER = Boot(image=IMAGE, command=("python", "-m", "http.server", "8080", "--directory", "/tmp"), read_only=True)


@pytest.fixture
def host_service() -> Iterator[int]:
    """A service that listens on every address of the host."""
    with socket.create_server(("0.0.0.0", 0)) as server:
        yield int(server.getsockname()[1])


async def test_a_guest_reaches_no_address_of_the_host(
    cloud: World, make_guest: Callable[..., Guest], host_service: int
) -> None:
    gateway = docker("network", "inspect", cloud.cloud, "-f", "{{(index .IPAM.Config 0).Gateway}}")
    others = docker("network", "inspect", "bridge", "-f", "{{(index .IPAM.Config 0).Gateway}}")
    with socket.create_connection((gateway, host_service), timeout=2):
        pass
    async with make_guest() as guest:
        for address in (gateway, others):
            assert not await guest.reaches(address, host_service), address


async def test_guest_reaches_only_the_metadata_link_local_address(make_guest: Callable[..., Guest]) -> None:
    async with make_guest() as guest:
        assert await guest.reaches(METADATA, 80)
        assert not await guest.reaches(METADATA, 22)
        assert not await guest.reaches("169.254.1.1", 80)
        assert not await guest.reaches("192.0.2.1", 80)


_ASK_NAME_SERVER = """
import socket, sys
name = b"".join(bytes([len(label)]) + label.encode() for label in sys.argv[1].split("."))
query = bytes.fromhex("abcd01000001000000000000") + name + bytes.fromhex("0000010001")
for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.settimeout(2)
        try:
            sock.connect(("127.0.0.11", 53))
            sock.sendall(query if kind is socket.SOCK_DGRAM else len(query).to_bytes(2, "big") + query)
            print("answered", sock.recv(512))
        except OSError as error:
            print("refused" if not isinstance(error, TimeoutError) else "silent")
"""
_RESOLVE = """
import socket, sys, time
started = time.monotonic()
try:
    print(socket.gethostbyname(sys.argv[1]))
except OSError:
    print("unknown", time.monotonic() - started < 2)
"""


async def test_name_lookups_in_guests_fail_at_once(make_guest: Callable[..., Guest]) -> None:
    async with make_guest() as guest, make_guest() as neighbour:
        for name in (neighbour.container, "example.com"):
            assert await guest.python(_ASK_NAME_SERVER, name) == "refused\nrefused", name
            assert await guest.python(_RESOLVE, name) == "unknown True", name
        assert await guest.python(_RESOLVE, guest.id) == guest.endpoint.address


async def test_the_host_and_neighbours_reach_a_guest(make_guest: Callable[..., Guest]) -> None:
    async with make_guest(boot=SERVER) as server, make_guest() as neighbour:
        with socket.create_connection((server.endpoint.address, 8080), timeout=2):
            pass
        assert await neighbour.reaches(server.endpoint.address, 8080)
        assert not await neighbour.reaches(server.endpoint.address, 61680)


async def test_guest_may_use_port_80(make_guest: Callable[..., Guest]) -> None:
    boot = Boot(image=IMAGE, command=("python", "-m", "http.server", "80", "--directory", "/tmp"))
    async with make_guest(boot=boot) as guest:
        assert await guest.reaches("127.0.0.1", 80)
        fetch = "import urllib.request as u; print(u.urlopen('http://169.254.169.254/', timeout=2).headers['server'])"
        assert "SimpleHTTP" not in await guest.python(fetch)


@pytest.mark.parametrize("again", ["kill", "stop", "outside"])
async def test_rules_set_and_address_kept_at_every_boot(make_guest: Callable[..., Guest], again: str) -> None:
    async with make_guest() as guest:
        if again == "stop":
            await guest.driver.instances.stop(guest.id, grace_s=0)
        else:
            await guest.driver.instances.kill(guest.id)
        if again == "outside":
            docker("start", guest.container)
        assert await guest.driver.instances.start(guest.id) == guest.endpoint
        assert await guest.reaches(METADATA, 80)
        assert not await guest.reaches("169.254.1.1", 80)


async def test_a_guest_cannot_undo_its_rules(make_guest: Callable[..., Guest]) -> None:
    async with make_guest() as guest:
        status = await guest.says("cat", "/proc/self/status")
        assert "CapBnd:\t0000000000000000" in status
        assert "NoNewPrivs:\t1" in status
        assert "Operation not permitted" in await guest.says("nft", "flush", "ruleset")
        assert "Read-only file system" in await guest.says("sh", "-c", "echo x > /opt/x || true")


async def test_labelled_containers_join_the_network(cloud: World, make_guest: Callable[..., Guest]) -> None:
    name = f"{cloud.cloud}-joiner"
    docker("create", "--name", name, "--label", f"glasscloud.join={cloud.cloud}", "--entrypoint", "sleep", IMAGE, "60")
    try:
        async with make_guest(boot=SERVER) as guest:
            docker("start", name)
            connect = f"import socket; socket.create_connection(('{guest.endpoint.address}', 8080), timeout=2)"
            async with asyncio.timeout(2):
                while cloud.cloud not in docker("inspect", name, "-f", "{{json .NetworkSettings.Networks}}"):
                    await asyncio.sleep(0.02)
            assert await asyncio.to_thread(docker, "exec", name, "python", "-c", connect) == ""
    finally:
        docker("rm", "-f", name)


async def test_network_rate_holds(make_guest: Callable[..., Guest]) -> None:
    limits = make_guest().limits
    slow = type(limits)(**{name: getattr(limits, name) for name in limits.__slots__} | {"network_mbps": 8})
    receive = (
        "import socket, time; s = socket.create_server(('0.0.0.0', 8080)); c, _ = s.accept(); started = time.time()\n"
        "while c.recv(65536): pass\n"
        "print('took', time.time() - started, flush=True); time.sleep(60)"
    )
    send = (
        "import socket, sys; c = socket.create_connection((sys.argv[1], 8080), timeout=5); "
        "c.sendall(bytes(750_000)); c.shutdown(1); c.recv(1)"
    )
    boot = Boot(image=IMAGE, command=("python", "-c", receive))
    async with make_guest(boot=boot) as receiver, make_guest(limits=slow) as sender:
        for _ in range(50):
            if "Connection refused" not in await sender.python(send, receiver.endpoint.address):
                break
        took = float((await receiver.driver.shell.console(receiver.id)).split()[-1])
        # 0.75 MB are 6 Mbit; the bucket lets the first Mbit through at once.
        assert 0.4 < took < 2.5
