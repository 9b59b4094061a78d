"""The firewall rules of a guest's network namespace, as text for nft, and its rate, as arguments for tc. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from string import Template

from vmhost.drivers.container.addresses import AddressPlan

METADATA_ADDRESS = "169.254.169.254"
METADATA_PORT = 80
LISTENER_PORTS = range(61680, 61744)
"""The metadata service listens on the first free one: a guest's own server may need port 80 on every address. No
ephemeral port is this high."""
ENGINES_NAME_SERVER = "127.0.0.11"
"""The engine's name server in each guest. It is blocked: it would reveal every container on the network, and older
engines forward queries to the host's name servers."""

FLOWS_MAX = 4096
"""Connections and UDP exchanges that a guest may have open with others. Where bridged packets pass the host's own
filters, each takes a place in the host's connection table, which has 65,536 to 262,144 of them."""
NEW_FLOWS_PER_S, NEW_FLOWS_BURST = 200, 4000
"""How fast a guest may open new ones: closed connections stay in the table for two minutes."""
DESTINATIONS_MAX, DESTINATIONS_FOR = 64, "1m"
"""Addresses that a guest may send to within a minute without having been sent to. Each takes a place in the kernel's
neighbor table, which has 1024 of them for all network namespaces together."""

_BURST_S = 0.02
"""The burst that a guest may send after a pause, in seconds of its rate."""
_BURST_BYTES_MIN = 128 * 1024
_QUEUE_MS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestNetwork:
    """The parameters of a guest's rules."""

    network: IPv4Network
    gateway: IPv4Address
    mbps: int
    counted: bool = True
    """Whether the kernel can count a guest's connections (`nft_connlimit`)."""


_RULES = Template("""\
table inet glasscloud {}
delete table inet glasscloud
table inet glasscloud {
  set destinations {
    type ipv4_addr; flags dynamic,timeout; size $destinations_max; timeout $destinations_for;
  }
  set sources {
    type ipv4_addr; flags dynamic; size 65535;
  }
  chain metadata {
    type nat hook output priority -100; policy accept;
    ip daddr $metadata tcp dport $metadata_port dnat ip to $metadata:$listener_port
  }
  chain input {
    type filter hook input priority filter; policy drop;
    iif lo accept
    meta nfproto ipv6 drop
    ip saddr 169.254.0.0/16 drop
    ip daddr 169.254.0.0/16 drop
    meta pkttype { broadcast, multicast } drop
    limit rate over $kbytes kbytes/second burst $burst_kbytes kbytes drop
    ip saddr $gateway ct direction reply drop
    ct state established,related accept
    ip saddr { $gateway, $joiners } accept
    $flows_from_one
    ip saddr $network accept
  }
  chain output {
    type filter hook output priority filter; policy drop;
    ip daddr $metadata oif lo accept
    ip daddr 169.254.0.0/16 reject with icmp type admin-prohibited
    ip daddr $engines_name_server reject with icmp type admin-prohibited
    oif lo accept
    meta nfproto ipv6 drop
    ip daddr { $first, $last, 255.255.255.255, 224.0.0.0/4 } drop
    ip daddr $gateway ct direction original reject with icmp type admin-prohibited
    ct state established,related accept
    ip daddr $gateway reject with icmp type admin-prohibited
    ct state invalid drop
    limit rate over $new_flows/second burst $new_flows_burst packets drop
    $flows_to_all
    ip daddr $network update @destinations { ip daddr } accept
    reject with icmp type admin-prohibited
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
  }
}
""")


def ruleset(guest: GuestNetwork, listener_port: int = LISTENER_PORTS[0]) -> str:
    """Return rules that let a guest reach its own loopback, its metadata and the instance network, and nothing else.

    A guest may respond to the host through the gateway on connections that the host opened, but never open one.
    Broadcasts, to which the host's services would respond, are dropped first. Queries to the engine's name server are
    rejected at once, so that a program that looks up a name does not wait. Loading the rules again replaces them."""
    above = f"ct count over {FLOWS_MAX}"
    return _RULES.substitute(
        metadata=METADATA_ADDRESS,
        metadata_port=METADATA_PORT,
        listener_port=listener_port,
        engines_name_server=ENGINES_NAME_SERVER,
        network=guest.network,
        first=guest.network.network_address,
        last=guest.network.broadcast_address,
        gateway=guest.gateway,
        joiners=AddressPlan(network=guest.network).joiners,
        kbytes=guest.mbps * 125,
        burst_kbytes=_burst_bytes(guest.mbps) // 1024,
        flows_from_one=f"ct state new add @sources {{ ip saddr {above} }} drop" if guest.counted else "",
        flows_to_all=f"{above} drop" if guest.counted else "",
        new_flows=NEW_FLOWS_PER_S,
        new_flows_burst=NEW_FLOWS_BURST,
        destinations_max=DESTINATIONS_MAX,
        destinations_for=DESTINATIONS_FOR,
    )


def shaping(interface: str, mbps: int) -> tuple[str, ...]:
    """Return tc's arguments that limit what leaves the interface to a rate, replacing an earlier rate."""
    rate = ("rate", f"{mbps}mbit", "burst", f"{_burst_bytes(mbps)}b", "latency", f"{_QUEUE_MS}ms")
    return ("qdisc", "replace", "dev", interface, "root", "tbf", *rate)


def _burst_bytes(mbps: int) -> int:
    return max(_BURST_BYTES_MIN, int(mbps * 125_000 * _BURST_S))
