"""From a machine to hosts, and from an instance type to limits. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from string import ascii_lowercase

from vmhost.base.errors import InvalidInput
from vmhost.drivers.base import Capacity
from vmhost.model.cpu_share import equal_sets, kept_cores
from vmhost.model.host import Host, HostUse
from vmhost.model.instance_type import InstanceType
from vmhost.model.limits import Limits

REGION = "us-east-1"
MAX_HOSTS = 6
"""us-east-1 has six zones, a to f."""
_KEPT_MIB = 1024
_KEPT_SHARE = 0.25
_WEIGHT_PER_CORE = 500
_PIDS_PER_VCPU, _MIB_PER_PID = 512, 2
_MIN_QUOTA_CORES = 0.01


def split(capacity: Capacity, hosts: int) -> tuple[Host, ...]:
    """The machine as equal logical hosts, one zone each, after what the platform and the rest of it keep.

    Each host is a set of CPUs; with more hosts than CPUs, a share of all. Kept: what busy programs of the platform may
    take (`kept_cores`), and the larger of 1 GiB and a quarter of the memory. Raises InvalidInput for a wrong number."""
    if not 1 <= hosts <= MAX_HOSTS:
        raise InvalidInput(f"{hosts} hosts are not possible; expected 1 to {MAX_HOSTS}")
    memory = max(0, capacity.memory_mib - max(_KEPT_MIB, int(capacity.memory_mib * _KEPT_SHARE)))
    known = tuple(sorted(cpu for core in capacity.cores for cpu in core))
    sets = equal_sets(capacity.cores, hosts)
    own = float(len(sets[0]) * hosts) if sets else capacity.cpu_cores
    kept = kept_cores(own, leftover=len(known) - int(own) if sets else 0, secured=capacity.secures_guests)
    return tuple(
        Host(
            id=f"host-{letter}",
            zone=f"{REGION}{letter}",
            cpu_cores=round(max(0.0, own - kept) / hosts, 3),
            memory_mib=memory // hosts,
            pids=capacity.pids // (hosts + 1),
            cpus=cpus,
            shared=not sets,
        )
        for letter, cpus in zip(ascii_lowercase[:hosts], sets or (known,) * hosts, strict=True)
    )


def promise(host: Host, overcommit: float) -> Host:
    """What the host may give away: its size times the overcommit factor."""
    return replace(host, cpu_cores=round(host.cpu_cores * overcommit, 3), memory_mib=int(host.memory_mib * overcommit))


def limits_of(kind: InstanceType, host: Host, *, disk_gib: int) -> Limits:
    """What an instance of this type gets on this host.

    The guarantee is the published baseline of every vCPU (a whole one where there is none); the ceiling is the vCPU
    count or, where that is less, the host's cores; the network ceiling is the published burst."""
    guaranteed = guaranteed_cores(kind)
    ceiling = min(float(kind.vcpus), host.ceiling_cores)
    return Limits(
        cpu_guaranteed_cores=guaranteed,
        cpu_quota_cores=round(max(_MIN_QUOTA_CORES, ceiling), 3),
        cpu_weight=min(10_000, max(1, round(guaranteed * _WEIGHT_PER_CORE))),
        memory_mib=kind.memory_mib,
        pids=min(_pids(kind), host.pids) if host.pids > 0 else _pids(kind),
        disk_gib=disk_gib,
        network_mbps=kind.network_burst_mbps,
        cpus=host.cpus,
    )


def _pids(kind: InstanceType) -> int:
    """Processes and threads of an instance; fewer for small types, whose memory would not do for more either."""
    return min(_PIDS_PER_VCPU * kind.vcpus, kind.memory_mib // _MIB_PER_PID)


def guaranteed_cores(kind: InstanceType) -> float:
    """Cores that an instance of this type gets when all want theirs."""
    share = 100.0 if kind.baseline_percent is None else kind.baseline_percent
    return round(kind.vcpus * share / 100, 4)


def use_of(kinds: Sequence[InstanceType]) -> HostUse:
    """What instances of these types are promised together."""
    return HostUse(
        cpu_cores=round(sum(guaranteed_cores(kind) for kind in kinds), 4),
        memory_mib=sum(kind.memory_mib for kind in kinds),
        pids=sum(_pids(kind) for kind in kinds),
        instances=len(kinds),
    )
