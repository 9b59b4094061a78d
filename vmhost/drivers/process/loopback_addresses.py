"""Where guests listen: on a loopback address of their own where the OS has them, else on a port of their own."""

from __future__ import annotations

import hashlib
import socket
import sys
from collections.abc import Collection, Iterator

from vmhost.base.errors import NoCapacity
from vmhost.model.guest import Endpoint

SHARED = "127.0.0.1"

_FIRST_OCTET, _OCTETS = 16, 84
_FIRST_PORT, _PORTS = 18_000, 12_000
"""Below the ports that the OS uses for outgoing connections."""
_ADDRESSES_TRIED = 64
_PORTS_TRIED = 512


def addresses(cloud_key: str) -> Iterator[str]:
    """Yield the cloud's addresses in 127.16.0.0 to 127.99.255.254, in order. Two clouds start far apart."""
    digest = hashlib.sha256(cloud_key.encode()).digest()
    second = _FIRST_OCTET + digest[0] % _OCTETS
    for step in range(256):
        third = (digest[1] + step) % 256
        for last in range(1, 255):
            yield f"127.{second}.{third}.{last}"


def ports(cloud_key: str) -> Iterator[int]:
    """Yield the cloud's ports, in order. Two clouds start far apart."""
    start = int.from_bytes(hashlib.sha256(cloud_key.encode()).digest()[2:4])
    for step in range(_PORTS):
        yield _FIRST_PORT + (start + step) % _PORTS


def bindable(address: str, port: int) -> bool:
    """Return whether a program could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True


def has_own_addresses() -> bool:
    """Return whether this OS answers on all of 127.0.0.0/8, as Linux does."""
    return sys.platform == "linux" and bindable("127.16.0.1", 0)


def choose_endpoint(cloud_key: str, port: int, taken: Collection[Endpoint], *, own_addresses: bool) -> Endpoint:
    """Choose a free endpoint for a guest whose program listens on `port`; with a port of its own where no address is
    free.

    Raises NoCapacity when no port is free either."""
    if own_addresses:
        used = {endpoint.address for endpoint in taken}
        fresh = (address for address in addresses(cloud_key) if address not in used)
        for _, address in zip(range(_ADDRESSES_TRIED), fresh, strict=False):
            if bindable(address, port):
                return Endpoint(address=address)
    numbers = {endpoint.port for endpoint in taken}
    for _, number in zip(range(_PORTS_TRIED), ports(cloud_key), strict=False):
        if number not in numbers and bindable(SHARED, number):
            return Endpoint(address=SHARED, port=number)
    raise NoCapacity(f"no port of {SHARED} is free for an instance ({_PORTS_TRIED} tried); stop other programs")
