"""Which addresses are offered, from the output of the system's tools."""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path

import pytest

from client.console.share.network_interfaces import (
    Interface,
    default_address,
    interfaces,
    ordered,
    parse_ifconfig,
    parse_ip,
    parse_ports,
    unreachable_reason,
)

IFCONFIG_MACOS = """\
lo0: flags=8049<UP,LOOPBACK,RUNNING,MULTICAST> mtu 16384
\tinet 127.0.0.1 netmask 0xff000000
\tinet6 ::1 prefixlen 128
en0: flags=8863<UP,BROADCAST,SMART,RUNNING,SIMPLEX,MULTICAST> mtu 1500
\tether 3c:22:fb:00:00:00
\tinet6 fe80::1%en0 prefixlen 64 secured scopeid 0xb
\tinet 192.168.1.7 netmask 0xffffff00 broadcast 192.168.1.255
en5: flags=8822<BROADCAST,SMART,SIMPLEX,MULTICAST> mtu 1500
\tinet 10.9.9.9 netmask 0xffffff00 broadcast 10.9.9.255
en7: flags=8863<UP,BROADCAST,SMART,RUNNING,SIMPLEX,MULTICAST> mtu 1500
\tinet 169.254.12.9 netmask 0xffff0000 broadcast 169.254.255.255
bridge100: flags=8a63<UP,BROADCAST,SMART,RUNNING,ALLMULTI,SIMPLEX,MULTICAST> mtu 1500
\tinet 192.168.2.1 netmask 0xffffff00 broadcast 192.168.2.255
utun3: flags=8051<UP,POINTOPOINT,RUNNING,MULTICAST> mtu 1380
\tinet 100.64.0.3 --> 100.64.0.3 netmask 0xffffffff
"""
IFCONFIG_LINUX = """\
wlan0: flags=4163<UP,BROADCAST,RUNNING,MULTICAST>  mtu 1500
        inet 192.168.1.7  netmask 255.255.255.0  broadcast 192.168.1.255
        inet6 fe80::1  prefixlen 64  scopeid 0x20<link>
docker0: flags=4099<UP,BROADCAST,MULTICAST>  mtu 1500
        inet 172.17.0.1  netmask 255.255.0.0  broadcast 172.17.255.255
"""
PORTS = """
Hardware Port: Ethernet
Device: en5
Ethernet Address: 00:00:00:00:00:00

Hardware Port: Wi-Fi
Device: en0
Ethernet Address: 3c:22:fb:00:00:00
"""


def link(name: str, *addresses: str, flags: str = "UP", scope: str = "global") -> dict[str, object]:
    """An interface as `ip -json address` writes it."""
    told = [{"family": "inet", "local": address, "scope": scope} for address in addresses]
    return {"ifname": name, "flags": flags.split(), "addr_info": told}


def test_inner_networks_not_offered() -> None:
    told = [
        link("lo", "127.0.0.1", flags="LOOPBACK UP", scope="host"),
        link("wlan0", "192.168.1.7"),
        link("eth0", "10.0.0.5", flags="BROADCAST"),
        link("eth1", "169.254.3.3", scope="link"),
        link("docker0", "172.17.0.1"),
        link("br-0a1b2c", "172.18.0.1"),
        link("wg0", "10.8.0.2"),
        link("br0", "192.168.5.2", "192.168.6.2"),
        {"ifname": "eth2", "flags": ["UP"], "addr_info": [{"family": "inet6", "local": "fd00::2", "scope": "global"}]},
    ]
    found = [(each.name, each.address) for each in parse_ip(json.dumps(told))]
    assert found == [("wlan0", "192.168.1.7"), ("br0", "192.168.5.2"), ("br0", "192.168.6.2")]


@pytest.mark.parametrize("text", ["", "[]", "no json", "[{}]"])
def test_useless_output_finds_nothing(text: str) -> None:
    assert parse_ip(text) == []
    assert parse_ifconfig(text) == []


def test_ifconfig_of_macos_and_linux() -> None:
    macos = [(each.name, each.address) for each in parse_ifconfig(IFCONFIG_MACOS)]
    assert macos == [("en0", "192.168.1.7"), ("bridge100", "192.168.2.1")]
    assert [(each.name, each.address) for each in parse_ifconfig(IFCONFIG_LINUX)] == [("wlan0", "192.168.1.7")]


def test_macos_says_which_device_is_wi_fi() -> None:
    assert parse_ports(PORTS) == {"en5": "Ethernet", "en0": "Wi-Fi"}


def test_the_way_out_comes_first_then_wi_fi() -> None:
    wired, wifi, out = (
        Interface(name="eth1", address="10.0.0.5"),
        Interface(name="wlan0", address="192.168.1.7", kind="Wi-Fi"),
        Interface(name="eth0", address="10.1.0.5"),
    )
    assert [each.name for each in ordered([wired, wifi, out], "10.1.0.5")] == ["eth0", "wlan0", "eth1"]
    assert [each.name for each in ordered([wired, wifi, out], "")] == ["wlan0", "eth1", "eth0"]
    assert ordered([out], "10.1.0.5")[0].default


def test_label_and_public_flag() -> None:
    wifi = Interface(name="wlan0", address="192.168.1.7", kind="Wi-Fi")
    assert (wifi.label, wifi.public) == ("Wi-Fi wlan0", False)
    assert Interface(name="eth0", address="8.8.4.4").to_json()["public"]
    assert Interface(name="eth0", address="8.8.4.4").label == "eth0"


async def test_offered_addresses_are_not_loopback() -> None:
    found = await interfaces()
    assert all(not ipaddress.ip_address(each.address).is_loopback for each in found)
    assert found or not default_address()


@pytest.mark.parametrize("mark", [".dockerenv", "run/.containerenv"])
def test_container_is_unreachable(tmp_path: Path, mark: str) -> None:
    assert unreachable_reason(tmp_path) == ""
    (tmp_path / mark).parent.mkdir(exist_ok=True)
    (tmp_path / mark).touch()
    assert "run `glasscloud up --share` outside of it" in unreachable_reason(tmp_path)
