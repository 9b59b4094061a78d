"""The instance network's range and its guests' addresses."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmhost.base.errors import InvalidInput, NoCapacity
from vmhost.drivers.container.addresses import AddressPlan, free_networks, routed_networks

ROUTES = """\
Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
tun0\t000012C6\t00000000\t0001\t0\t0\t0\t0000FEFF\t0\t0\t0
"""


def test_routes_are_read_without_the_default_one() -> None:
    assert routed_networks(ROUTES) == (IPv4Network("192.168.0.0/24"), IPv4Network("198.18.0.0/15"))


def test_the_first_default_that_overlaps_nothing_comes_first() -> None:
    assert str(free_networks(None, [])[0]) == "198.18.0.0/16"
    free = free_networks(None, routed_networks(ROUTES))
    assert [str(one) for one in free] == ["10.213.0.0/16", "172.29.0.0/16"]


def test_a_wanted_network_must_be_free_and_large_enough() -> None:
    assert free_networks("10.9.0.0/24", []) == (IPv4Network("10.9.0.0/24"),)
    with pytest.raises(InvalidInput, match="overlaps"):
        free_networks("192.168.0.0/16", routed_networks(ROUTES))
    for wrong in ("10.9.0.0/29", "10.9.0.1/24", "nonsense"):
        with pytest.raises(InvalidInput):
            free_networks(wrong, [])


def test_no_free_default_says_so() -> None:
    with pytest.raises(NoCapacity, match="--network"):
        free_networks(None, [IPv4Network("0.0.0.0/0")])


@given(prefix=st.integers(16, 27), taken=st.sets(st.integers(0, 40)), after=st.none() | st.integers(0, 70_000))
def test_a_guest_never_gets_a_reserved_or_taken_address(prefix: int, taken: set[int], after: int | None) -> None:
    plan = AddressPlan(network=IPv4Network(("10.9.0.0", prefix)))
    used = {plan.network.network_address + one for one in taken}
    last = None if after is None else plan.network.network_address + after
    try:
        address = plan.next_free(used, last)
    except NoCapacity:
        guests = {plan.network[4] + step for step in range(int(plan.joiners[0]) - int(plan.network[4]))}
        assert guests <= used
        return
    assert address in plan.network
    assert address not in used
    assert address not in plan.joiners
    assert address not in (plan.gateway, plan.network.network_address)


def test_address_not_reused_at_once() -> None:
    plan = AddressPlan(network=IPv4Network("10.9.0.0/24"))
    first = plan.next_free(set(), None)
    assert plan.next_free(set(), first) == first + 1
    assert plan.next_free(set(), plan.joiners[0] - 1) == IPv4Address("10.9.0.4")


def test_split_default_route_blocks_no_network() -> None:
    vpn = ROUTES.splitlines()[0] + "".join(
        f"\ntun0\t{half}\t0100080A\t0003\t0\t0\t0\t00000080\t0\t0\t0" for half in ("00000000", "00000080")
    )
    assert str(free_networks(None, routed_networks(vpn))[0]) == "198.18.0.0/16"
