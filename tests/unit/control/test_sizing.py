from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmhost.base.errors import InvalidInput
from vmhost.catalogue.type_catalogue import load_types
from vmhost.control.placement import HostRoom, limits_of, overcommitted, place
from vmhost.drivers.logical_hosts import Capacity, split
from vmhost.model.host import Host, HostUse, equal_sets, guests_weight, reserved_cores

TYPES = {kind.name: kind for kind in load_types().types}
HOST = Host(id="host-a", zone="us-east-1a", cpu_cores=0.75, memory_mib=1280, pids=10_000, cpus=(0,), shared=False)


def capacity(cpus: int, memory_mib: int, *, threads: int = 1, secured: bool = True) -> Capacity:
    cores = tuple(tuple(range(cpu, cpu + threads)) for cpu in range(0, cpus, threads))
    return Capacity(cpu_cores=cpus, memory_mib=memory_mib, pids=32_768, cores=cores, weights_guests=secured)


def test_default_fleet_fits_a_small_engine() -> None:
    rooms = [HostRoom(host=host, use=HostUse()) for host in split(capacity(2, 3584), 2)]
    placed = []
    for _ in range(4):
        host = place(TYPES["t3.nano"], rooms)
        placed.append(host.id)
        rooms = [room.with_one(TYPES["t3.nano"]) if room.host.id == host.id else room for room in rooms]
    assert sorted(placed) == ["host-a", "host-a", "host-b", "host-b"]


def test_quarter_of_memory_and_half_core_are_kept() -> None:
    hosts = split(capacity(8, 16 * 1024), 2)
    assert [(host.id, host.zone) for host in hosts] == [("host-a", "us-east-1a"), ("host-b", "us-east-1b")]
    assert [host.memory_mib for host in hosts] == [6 * 1024] * 2
    assert [host.cpu_cores for host in hosts] == [3.75] * 2
    assert [host.cpus for host in hosts] == [(0, 1, 2, 3), (4, 5, 6, 7)]


def test_host_is_a_set_of_cpus_and_guarantees_less() -> None:
    """Busy programs of the platform run on the same CPUs; without a weight against them they may take half."""
    secured, unsecured = split(capacity(2, 4096), 2), split(capacity(2, 4096, secured=False), 2)
    assert [(host.cpus, host.cpu_cores, host.ceiling_cores) for host in secured] == [((0,), 0.75, 1), ((1,), 0.75, 1)]
    assert [(host.cpus, host.cpu_cores, host.ceiling_cores) for host in unsecured] == [((0,), 0.5, 1), ((1,), 0.5, 1)]


@pytest.mark.parametrize(
    ("name", "pids"), [("t3.nano", 256), ("t3.micro", 512), ("t3.small", 1024), ("m5.large", 1024)]
)
def test_small_types_have_fewer_processes(name: str, pids: int) -> None:
    assert limits_of(TYPES[name], HOST, disk_gib=1).pids == pids


def test_threads_of_a_core_stay_on_one_host() -> None:
    assert [host.cpus for host in split(capacity(8, 4096, threads=2), 3)] == [(0, 1), (2, 3), (4, 5)]
    assert [host.cpus for host in split(capacity(2, 4096, threads=2), 2)] == [(0,), (1,)], "one core for two hosts"


def test_leftover_cpus_are_the_platforms() -> None:
    hosts = split(capacity(5, 4096), 2)
    assert [(host.cpus, host.cpu_cores) for host in hosts] == [((0, 1), 2.0), ((2, 3), 2.0)]
    assert [host.cpu_cores for host in split(capacity(5, 4096, secured=False), 2)] == [1.0, 1.0], "nothing moves them"


def test_more_hosts_than_cpus_share_them_by_quota() -> None:
    hosts = split(capacity(2, 8192), 6)
    assert {(host.cpus, host.shared, host.cpu_cores) for host in hosts} == {((0, 1), True, 0.25)}
    assert limits_of(TYPES["t3.nano"], hosts[0], disk_gib=1).cpu_quota_cores == 0.25


def test_drivers_share_a_computer() -> None:
    first, second = (split(capacity(8, 8192), 2, driver=name, part=part, parts=2) for part, name in enumerate("xy"))
    assert [(host.id, host.driver, host.cpus) for host in (*first, *second)] == [
        ("host-a", "x", (0, 1)), ("host-b", "x", (2, 3)), ("host-a", "y", (4, 5)), ("host-b", "y", (6, 7)),
    ]  # fmt: skip
    assert {host.memory_mib for host in (*first, *second)} == {6144 // 4}
    assert {host.zone for host in second} == {"us-east-1a", "us-east-1b"}


def test_cores_of_each_kind_are_divided_equally() -> None:
    """Such as two large cores of two threads each and three small ones of one."""
    mixed = ((0, 1), (2, 3), (4,), (5,), (6,))
    assert equal_sets(mixed, 2) == ((0, 1, 4), (2, 3, 5))
    assert equal_sets(mixed, 7) == tuple((cpu,) for cpu in range(7))
    assert equal_sets(mixed, 8) == ()


@pytest.mark.parametrize("cpus", [1, 2, 4, 8, 16, 64])
def test_guarantee_holds_beside_three_busy_programs(cpus: int) -> None:
    """Each program on a CPU of its own, or all on as few as there are, by the scheduler's own arithmetic."""
    each = guests_weight(cpus) / cpus / 100
    spread = min(3, cpus)
    taken = sum((3 / spread) / (each + 3 / spread) for _ in range(spread))
    assert cpus - taken >= cpus - reserved_cores(cpus, leftover=0, secured=True)


def test_limits_are_recomputed_on_another_computer() -> None:
    small, large = split(capacity(2, 4096), 2)[0], split(capacity(8, 16384), 2)[0]
    before, after = (limits_of(TYPES["t3.nano"], host, disk_gib=1) for host in (small, large))
    assert (before.cpus, before.cpu_quota_cores) == ((0,), 1)
    assert (after.cpus, after.cpu_quota_cores) == ((0, 1, 2, 3), 2)


def test_a_gibibyte_of_a_small_memory_is_kept() -> None:
    assert [host.memory_mib for host in split(capacity(2, 2048), 2)] == [512, 512]


@given(
    cores=st.integers(1, 256),
    secured=st.booleans(),
    memory=st.integers(128, 2**20),
    hosts=st.integers(1, 6),
)
def test_hosts_never_exceed_the_computer(cores: int, secured: bool, memory: int, hosts: int) -> None:
    parts = split(capacity(cores, memory, secured=secured), hosts)
    assert sum(part.memory_mib for part in parts) <= max(0, memory - 1024)
    leftover = cores % hosts if cores >= hosts else 0
    assert sum(part.cpu_cores for part in parts) <= cores - min(0.5, cores / 2) + min(0.5, leftover) + 0.01
    assert len({cpu for part in parts for cpu in part.cpus}) <= cores
    assert all(part.cpu_cores >= 0 and part.memory_mib >= 0 for part in parts)


@pytest.mark.parametrize("hosts", [0, -1, 7])
def test_wrong_number_of_hosts_is_refused(hosts: int) -> None:
    with pytest.raises(InvalidInput, match=r"out of range \(1 to 6\)"):
        split(capacity(4, 8192), hosts)


def test_guarantee_is_baseline_and_ceiling_vcpus_or_host() -> None:
    nano = limits_of(TYPES["t3.nano"], HOST, disk_gib=1)
    assert nano.cpu_guaranteed_cores == 0.1
    assert nano.cpu_quota_cores == 1, "its host's only CPU"
    large_host = Host(id="host-a", zone="us-east-1a", cpu_cores=30, memory_mib=2**20, pids=10_000)
    assert limits_of(TYPES["t3.nano"], large_host, disk_gib=1).cpu_quota_cores == 2
    assert limits_of(TYPES["m5.large"], large_host, disk_gib=1).cpu_guaranteed_cores == 2
    assert (nano.memory_mib, nano.network_mbps, nano.disk_gib) == (512, 5000, 1)


def test_weights_are_proportional_to_guarantees() -> None:
    host = Host(id="host-a", zone="us-east-1a", cpu_cores=64, memory_mib=2**20, pids=10_000)
    weights = {name: limits_of(kind, host, disk_gib=1) for name, kind in TYPES.items()}
    assert all(1 <= limits.cpu_weight <= 10_000 for limits in weights.values())
    ratios = {round(limits.cpu_weight / limits.cpu_guaranteed_cores) for limits in weights.values()}
    assert ratios == {500}


def test_overcommit_scales_allocatable_capacity_only() -> None:
    scaled = overcommitted(HOST, 2)
    assert (scaled.cpu_cores, scaled.memory_mib) == (1.5, 2560)
    assert limits_of(TYPES["m5.large"], HOST, disk_gib=1).cpu_quota_cores == 1
