from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmhost.base.errors import InvalidInput
from vmhost.catalogue.types import load_types
from vmhost.control.placement import Room, place
from vmhost.control.sizing import limits_of, promise, split
from vmhost.drivers.base import Capacity
from vmhost.model.host import Host, HostUse

TYPES = {kind.name: kind for kind in load_types().types}
HOST = Host(id="host-a", zone="us-east-1a", cpu_cores=0.75, memory_mib=1280, pids=10_000)


def capacity(cores: float, memory_mib: int) -> Capacity:
    return Capacity(cpu_cores=cores, memory_mib=memory_mib, pids=32_768, architecture="x86_64")


def test_the_default_fleet_fits_a_small_engine_with_two_on_each_host() -> None:
    rooms = [Room(host=host, use=HostUse()) for host in split(capacity(2, 3584), 2)]
    placed = []
    for _ in range(4):
        host = place(TYPES["t3.nano"], rooms)
        placed.append(host.id)
        rooms = [room.with_one(TYPES["t3.nano"]) if room.host.id == host.id else room for room in rooms]
    assert sorted(placed) == ["host-a", "host-a", "host-b", "host-b"]


def test_a_quarter_of_a_large_memory_and_half_a_core_are_kept() -> None:
    hosts = split(capacity(8, 16 * 1024), 2)
    assert [(host.id, host.zone) for host in hosts] == [("host-a", "us-east-1a"), ("host-b", "us-east-1b")]
    assert [host.memory_mib for host in hosts] == [6 * 1024] * 2
    assert [host.cpu_cores for host in hosts] == [3.75] * 2


def test_a_gibibyte_of_a_small_memory_is_kept() -> None:
    assert [host.memory_mib for host in split(capacity(2, 2048), 2)] == [512, 512]


@given(
    cores=st.floats(0.1, 256),
    memory=st.integers(128, 2**20),
    hosts=st.integers(1, 6),
)
def test_hosts_are_never_larger_together_than_the_machine(cores: float, memory: int, hosts: int) -> None:
    parts = split(capacity(cores, memory), hosts)
    assert sum(part.memory_mib for part in parts) <= max(0, memory - 1024)
    assert sum(part.cpu_cores for part in parts) <= max(0.0, cores - 0.5) + 0.01
    assert all(part.cpu_cores >= 0 and part.memory_mib >= 0 for part in parts)


@pytest.mark.parametrize("hosts", [0, -1, 7])
def test_a_wrong_number_of_hosts_is_refused(hosts: int) -> None:
    with pytest.raises(InvalidInput, match="expected 1 to 6"):
        split(capacity(4, 8192), hosts)


def test_the_guarantee_is_the_published_baseline_and_the_ceiling_leaves_the_host_room() -> None:
    nano = limits_of(TYPES["t3.nano"], HOST, disk_gib=1)
    assert nano.cpu_guaranteed_cores == 0.1
    assert nano.cpu_quota_cores == 0.5, "two thirds: its neighbours need the rest to go on"
    large_host = Host(id="host-a", zone="us-east-1a", cpu_cores=30, memory_mib=2**20, pids=10_000)
    assert limits_of(TYPES["t3.nano"], large_host, disk_gib=1).cpu_quota_cores == 2
    assert limits_of(TYPES["m5.large"], large_host, disk_gib=1).cpu_guaranteed_cores == 2
    assert (nano.memory_mib, nano.network_mbps, nano.disk_gib) == (512, 5000, 1)


def test_weights_are_proportional_to_guarantees_and_within_the_kernels_scale() -> None:
    host = Host(id="host-a", zone="us-east-1a", cpu_cores=64, memory_mib=2**20, pids=10_000)
    weights = {name: limits_of(kind, host, disk_gib=1) for name, kind in TYPES.items()}
    assert all(1 <= limits.cpu_weight <= 10_000 for limits in weights.values())
    ratios = {round(limits.cpu_weight / limits.cpu_guaranteed_cores) for limits in weights.values()}
    assert ratios == {500}


def test_overcommit_scales_what_a_host_promises_and_not_what_it_is() -> None:
    scaled = promise(HOST, 2)
    assert (scaled.cpu_cores, scaled.memory_mib) == (1.5, 2560)
    assert limits_of(TYPES["m5.large"], HOST, disk_gib=1).cpu_quota_cores == HOST.cpu_cores
