"""Where guests listen: a loopback address of their own where the OS has them, else a port of their own."""

from __future__ import annotations

import hashlib
import socket
import sys
from collections.abc import Collection, Iterator

from vmhost.base.errors import NoCapacity
from vmhost.model.guest import Booted

SHARED = "127.0.0.1"

_FIRST_OCTET, _OCTETS = 16, 84
_FIRST_PORT, _PORTS = 18_000, 12_000
"""Below the ports that systems give to outgoing connections."""
_ADDRESSES_TRIED = 64
_PORTS_TRIED = 512


def addresses(cloud_key: str) -> Iterator[str]:
    """The cloud's own addresses in 127.16.0.0 to 127.99.255.254, in order: two clouds begin far apart."""
    digest = hashlib.sha256(cloud_key.encode()).digest()
    second = _FIRST_OCTET + digest[0] % _OCTETS
    for step in range(256):
        third = (digest[1] + step) % 256
        for last in range(1, 255):
            yield f"127.{second}.{third}.{last}"


def ports(cloud_key: str) -> Iterator[int]:
    """The cloud's own ports, in order, beginning at a place of its own."""
    start = int.from_bytes(hashlib.sha256(cloud_key.encode()).digest()[2:4])
    for step in range(_PORTS):
        yield _FIRST_PORT + (start + step) % _PORTS


def bindable(address: str, port: int) -> bool:
    """Whether a program could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True


def own_addresses_exist() -> bool:
    """Whether this OS answers on all of 127.0.0.0/8, as Linux does."""
    return sys.platform == "linux" and bindable("127.16.0.1", 0)


def choose(cloud_key: str, port: int, taken: Collection[Booted], *, own_addresses: bool) -> Booted:
    """A free place for a guest whose program listens on `port`; a port of its own where no address can be had.

    Raises NoCapacity when even ports ran out."""
    if own_addresses:
        used = {place.address for place in taken}
        fresh = (address for address in addresses(cloud_key) if address not in used)
        for _, address in zip(range(_ADDRESSES_TRIED), fresh, strict=False):
            if bindable(address, port):
                return Booted(address=address)
    numbers = {place.port for place in taken}
    for _, number in zip(range(_PORTS_TRIED), ports(cloud_key), strict=False):
        if number not in numbers and bindable(SHARED, number):
            return Booted(address=SHARED, port=number)
    raise NoCapacity(f"no port of {SHARED} is free for a guest; expected one of {_PORTS_TRIED} tried")
