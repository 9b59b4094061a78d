"""Which addresses are offered to choose from."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from client.console.share.addresses import (
    Interface,
    default_address,
    interfaces,
    ordered,
    outer,
    own_addresses,
    parse_ports,
    unreachable_reason,
)

PORTS = """
Hardware Port: Ethernet
Device: en5
Ethernet Address: 00:00:00:00:00:00

Hardware Port: Wi-Fi
Device: en0
Ethernet Address: 3c:22:fb:00:00:00
"""


def test_inner_networks_not_offered() -> None:
    addresses = [
        ("lo", "127.0.0.1"),
        ("wlan0", "192.168.1.7"),
        ("eth1", "169.254.3.3"),
        ("docker0", "172.17.0.1"),
        ("br-0a1b2c", "172.18.0.1"),
        ("wg0", "10.8.0.2"),
        ("utun3", "100.64.0.3"),
        ("br0", "192.168.5.2"),
        ("br0", "192.168.6.2"),
    ]
    found = [(each.name, each.address) for each in outer(addresses)]
    assert found == [("wlan0", "192.168.1.7"), ("br0", "192.168.5.2"), ("br0", "192.168.6.2")]


def test_own_addresses_include_loopback() -> None:
    assert "127.0.0.1" in [address for _, address in own_addresses()]


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
