"""What a guest can fill that others use too: connection tables, the neighbor table, and how it finds the host."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from container_guest import Guest
from engine_world import World, docker

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="module")]

_CONNTRACK = Path("/proc/sys/net/netfilter/nf_conntrack_count")
_FLOWS_MAX = 4096
_DESTINATIONS_MAX = 64

_KNOCK = """
import json, socket, sys
addresses, port = json.loads(sys.argv[1]), int(sys.argv[2])
answered = []
for address in addresses:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        for bound in (False, True):
            with socket.socket(family, kind) as sock:
                sock.settimeout(0.2)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                try:
                    if bound:
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
                    where = socket.getaddrinfo(address, port, family, kind)[0][4]
                    if kind == socket.SOCK_STREAM:
                        sock.connect(where)
                        answered.append(f"tcp {address}")
                    else:
                        sock.sendto(b"knock", where)
                        answered.append(f"udp {address} from {sock.recvfrom(99)[1][0]}")
                except OSError:
                    pass
print(answered)
"""
_SCATTER = """
import socket, sys
network, count = sys.argv[1].rsplit(".", 2)[0], int(sys.argv[2])
sent = 0
for number in range(count):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.sendto(b"x", (f"{network}.{32 + number // 250}.{number % 250 + 1}", 9))
            sent += 1
        except OSError:
            pass
print(sent, len(open("/proc/net/arp").readlines()) - 1)
"""
_FLOWS = """
import socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sent = 0
for port in range(1, 1 + int(sys.argv[2])):
    try:
        sock.sendto(b"x", (sys.argv[1], port))
        sent += 1
    except OSError:
        pass
print(sent)
"""
_CONNECTIONS = """
import socket, sys
print(sum(socket.create_connection((sys.argv[1], 8080), timeout=2).close() is None for _ in range(int(sys.argv[2]))))
"""
_ACCEPT = "import socket\ns = socket.create_server(('0.0.0.0', 8080), backlog=512)\nwhile True: s.accept()[0].close()"


async def test_a_guest_reaches_no_address_of_the_host(cloud: World, make_guest: Callable[..., Guest]) -> None:
    """Over TCP and UDP, IPv4 and IPv6, by unicast, broadcast and multicast; nor after a broadcast."""
    subnet = docker("network", "inspect", cloud.cloud, "-f", "{{(index .IPAM.Config 0).Subnet}}")
    gateway = docker("network", "inspect", cloud.cloud, "-f", "{{(index .IPAM.Config 0).Gateway}}")
    with _answering_service() as (port, heard):
        async with make_guest() as guest:
            addresses = [*_broadcasts(subnet), gateway, *_host_addresses(), "224.0.0.1", "224.0.0.251", "ff02::1%eth0"]
            assert await guest.python(_KNOCK, json.dumps([*addresses, gateway]), str(port)) == "[]"
        assert heard() == []


async def test_a_guest_answers_the_host_but_opens_nothing(cloud: World, make_guest: Callable[..., Guest]) -> None:
    gateway = docker("network", "inspect", cloud.cloud, "-f", "{{(index .IPAM.Config 0).Gateway}}")
    with _answering_service() as (port, heard):
        async with make_guest() as guest:
            listen = (
                "import socket, sys; s = socket.socket(2, 2); s.bind(('', 8081)); s.settimeout(5)\n"
                "d, a = s.recvfrom(9)\n"
                "s.sendto(b'fine', a)\n"
                "try: s.sendto(b'knock', (a[0], int(sys.argv[1])))\n"
                "except OSError as error: print(error)"
            )
            asked = asyncio.create_task(guest.python(listen, str(port)))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.bind((gateway, 0))
                sock.settimeout(0.2)
                assert await asyncio.to_thread(_ask, sock, guest.endpoint.address) == b"fine"
            assert "not permitted" in await asked
        assert heard() == []


async def test_scattered_datagrams_leave_few_neighbor_entries(make_guest: Callable[..., Guest]) -> None:
    """The kernel has one neighbor table for all network namespaces, of 1024 entries."""
    async with make_guest() as guest:
        sent, neighbors = map(int, (await guest.python(_SCATTER, guest.endpoint.address, "400")).split())
        assert sent == _DESTINATIONS_MAX
        assert neighbors <= _DESTINATIONS_MAX


async def test_a_flood_of_new_flows_is_bounded(make_guest: Callable[..., Guest]) -> None:
    """Where bridged packets pass the host's own filters, each flow of a guest takes a place in the host's table."""
    async with make_guest() as guest, make_guest() as neighbor:
        before = _tracked()
        sent = int(await guest.python(_FLOWS, neighbor.endpoint.address, "20000"))
        assert 1000 < sent <= _FLOWS_MAX
        assert _tracked() - before <= _FLOWS_MAX


async def test_usual_connections_between_guests_are_unaffected(make_guest: Callable[..., Guest]) -> None:
    async with make_guest() as guest, make_guest() as neighbor:
        serving = asyncio.create_task(
            neighbor.driver.shell.execute(neighbor.id, ["python", "-c", _ACCEPT], timeout_s=30)
        )
        async with asyncio.timeout(5):
            while not await guest.reaches(neighbor.endpoint.address, 8080):
                await asyncio.sleep(0.05)
        assert await guest.python(_CONNECTIONS, neighbor.endpoint.address, "1000") == "1000"
        serving.cancel()
        await asyncio.wait([serving])


@contextlib.contextmanager
def _answering_service() -> Iterator[tuple[int, Callable[[], list[bytes]]]]:
    """A TCP listener and a UDP echo on every address of the host, and what the echo has received."""
    code = (
        "import socket, sys; t = socket.create_server(('::', 0), family=10, dualstack_ipv6=True)\n"
        "p = t.getsockname()[1]\n"
        "u = socket.socket(10, 2); u.setsockopt(41, 26, 0); u.bind(('::', p)); print(p, flush=True)\n"
        "while True: d, a = u.recvfrom(99); print(d, flush=True); u.sendto(b'secret', a)"
    )
    with subprocess.Popen(["python3", "-c", code], stdout=subprocess.PIPE) as echo:
        assert echo.stdout
        port = int(echo.stdout.readline())

        def heard() -> list[bytes]:
            echo.kill()
            assert echo.stdout
            return echo.stdout.read().splitlines()

        try:
            yield port, heard
        finally:
            echo.kill()


def _ask(sock: socket.socket, address: str) -> bytes:
    for _ in range(50):
        sock.sendto(b"ask", (address, 8081))
        with contextlib.suppress(OSError):
            return sock.recv(9)
    return b""


def _broadcasts(subnet: str) -> list[str]:
    network = IPv4Network(subnet)
    return [str(network.broadcast_address), str(network.network_address), "255.255.255.255"]


def _host_addresses() -> list[str]:
    shown = subprocess.run(["ip", "-j", "address"], capture_output=True, check=True).stdout
    found = [info for link in json.loads(shown) for info in link["addr_info"]]
    addresses = [one["local"] + ("%eth0" if one["scope"] == "link" else "") for one in found if one["scope"] != "host"]
    return addresses + [one["broadcast"] for one in found if "broadcast" in one]


def _tracked() -> int:
    return int(_CONNTRACK.read_text()) if _CONNTRACK.exists() else 0
