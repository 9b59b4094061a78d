"""The rules in a guest's network namespace, as text for nft, and its rate, as arguments for tc. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

METADATA_ADDRESS = "169.254.169.254"
METADATA_PORT = 80
LISTENER_PORT = 61680
"""Where the metadata listener really is: a guest's own server may want port 80 of every address, and no ephemeral
port is this high."""
ENGINES_NAME_SERVER = "127.0.0.11"
"""The engine answers here inside each guest, and asks the host's own name servers what it does not know: a guest would
learn of every container on its network, and older engines carry its questions out to the world."""

_BURST_S = 0.02
"""How long a guest may send at full speed after a rest, in seconds of its rate."""
_BURST_BYTES_MIN = 128 * 1024
_QUEUE_MS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestNetwork:
    """What a guest's rules are made from."""

    network: IPv4Network
    gateway: IPv4Address
    mbps: int


def ruleset(guest: GuestNetwork) -> str:
    """Rules under which a guest reaches its own loopback, its metadata and the instance network, and nothing else.

    It may answer whoever reached it, also the host through the gateway, but never begin. The engine's name server
    refuses at once, so that a program that asks for a name need not wait. Loading them again replaces them whole."""
    rate = f"limit rate over {guest.mbps * 125} kbytes/second burst {_burst_bytes(guest.mbps) // 1024} kbytes drop"
    return f"""\
table inet glasscloud {{}}
delete table inet glasscloud
table inet glasscloud {{
  chain metadata {{
    type nat hook output priority -100; policy accept;
    ip daddr {METADATA_ADDRESS} tcp dport {METADATA_PORT} dnat ip to {METADATA_ADDRESS}:{LISTENER_PORT}
  }}
  chain input {{
    type filter hook input priority filter; policy drop;
    iif lo accept
    meta nfproto ipv6 drop
    ip saddr 169.254.0.0/16 drop
    ip daddr 169.254.0.0/16 drop
    {rate}
    ct state established,related accept
    ip saddr {guest.network} accept
  }}
  chain output {{
    type filter hook output priority filter; policy drop;
    ip daddr {METADATA_ADDRESS} oif lo accept
    ip daddr 169.254.0.0/16 reject with icmp type admin-prohibited
    ip daddr {ENGINES_NAME_SERVER} reject with icmp type admin-prohibited
    oif lo accept
    meta nfproto ipv6 drop
    ct state established,related accept
    ip daddr {guest.gateway} reject with icmp type admin-prohibited
    ip daddr {guest.network} accept
    reject with icmp type admin-prohibited
  }}
  chain forward {{
    type filter hook forward priority filter; policy drop;
  }}
}}
"""


def shaping(interface: str, mbps: int) -> tuple[str, ...]:
    """tc's arguments that hold what leaves the interface to a rate; again replaces the rate."""
    burst, latency = f"{_burst_bytes(mbps)}b", f"{_QUEUE_MS}ms"
    return (
        "qdisc",
        "replace",
        "dev",
        interface,
        "root",
        "tbf",
        "rate",
        f"{mbps}mbit",
        "burst",
        burst,
        "latency",
        latency,
    )


def _burst_bytes(mbps: int) -> int:
    return max(_BURST_BYTES_MIN, int(mbps * 125_000 * _BURST_S))
