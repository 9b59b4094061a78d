"""Chooses the range of the instance network and the addresses of guests. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from vmhost.base.errors import InvalidInput, NoCapacity

DEFAULTS = ("198.18.0.0/16", "10.213.0.0/16", "172.29.0.0/16")
"""Tried in this order. The first one is reserved for benchmarking (RFC 2544), so few networks use it."""

_RESERVED = 4
"""As in EC2, guests do not get the first addresses of a network: its own, the gateway's and two more."""
_SMALLEST = 27
_SHORTEST_PREFIX = 8
"""Shorter routes are parts of a default route, such as a VPN's 0.0.0.0/1 and 128.0.0.0/1; ours is more specific."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPlan:
    """The division of the instance network's range."""

    network: IPv4Network

    @property
    def gateway(self) -> IPv4Address:
        """The engine's own address on the network."""
        return self.network[1]

    @property
    def joiners(self) -> IPv4Network:
        """The last sixteenth, from which the engine gives addresses to containers that join and are not guests."""
        part = min(self.network.prefixlen + 4, 30)
        return IPv4Network((int(self.network.broadcast_address) + 1 - (1 << (32 - part)), part))

    def next_free(self, taken: Collection[IPv4Address], after: IPv4Address | None) -> IPv4Address:
        """Return the next free guest address, going round from `after`, so that a removed guest's address is not used
        again at once.

        Raises NoCapacity when all are taken."""
        first, last = int(self.network[_RESERVED]), int(self.joiners[0]) - 1
        count = last - first + 1
        start = int(after) + 1 - first if after is not None and first <= int(after) < last else 0
        for step in range(count):
            candidate = IPv4Address(first + (start + step) % count)
            if candidate not in taken:
                return candidate
        raise NoCapacity(f"the instance network {self.network} has {count} addresses and all are taken")


def parse_network(text: str) -> IPv4Network:
    """Parse the range that the user asked for. Raises InvalidInput."""
    try:
        network = IPv4Network(text)
    except ValueError as error:
        raise InvalidInput(f"network {text!r} is not an IPv4 range ({error}); use one such as 198.18.0.0/16") from error
    if network.prefixlen > _SMALLEST:
        raise InvalidInput(f"network {network} is too small for instances; use /{_SMALLEST} or larger")
    return network


def free_networks(wanted: str | None, in_use: Iterable[IPv4Network]) -> tuple[IPv4Network, ...]:
    """Return the networks to try, in order: only the wanted one, or the defaults that overlap nothing in use.

    Raises InvalidInput when the wanted one overlaps, NoCapacity when every default does."""
    used = tuple(in_use)
    if wanted is not None:
        network = parse_network(wanted)
        if clash := next((other for other in used if network.overlaps(other)), None):
            raise InvalidInput(f"network {network} overlaps {clash}, which is in use; choose another with --network")
        return (network,)
    free = tuple(
        network for network in map(IPv4Network, DEFAULTS) if not any(network.overlaps(other) for other in used)
    )
    if not free:
        raise NoCapacity(f"{', '.join(DEFAULTS)} all overlap a route or an engine's network; choose with --network")
    return free


def routed_networks(proc_net_route: str) -> tuple[IPv4Network, ...]:
    """Return the networks in the text of /proc/net/route without the default route, whole or in parts."""
    lines = (line.split() for line in proc_net_route.splitlines()[1:])
    routes = (
        IPv4Network((int(_little_endian(fields[1])), str(_little_endian(fields[7]))))
        for fields in lines
        if len(fields) >= 8
    )
    return tuple(route for route in routes if route.prefixlen >= _SHORTEST_PREFIX)


def _little_endian(text: str) -> IPv4Address:
    return IPv4Address(int.from_bytes(bytes.fromhex(text), "little"))
