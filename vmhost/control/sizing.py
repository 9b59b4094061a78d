"""Divide a computer into hosts, and turn an instance type into limits. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from string import ascii_lowercase

from vmhost.base.errors import InvalidInput
from vmhost.drivers.base import Capacity
from vmhost.model.cpu_share import equal_sets, reserved_cores
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
    """Divide the computer into equal logical hosts, one zone each, without what the platform itself needs.

    Each host is a set of CPUs; if there are more hosts than CPUs, a share of all. Not divided: what busy programs of
    the platform may take (`reserved_cores`), and the larger of 1 GiB and a quarter of the memory.
    Raises InvalidInput for a wrong number of hosts."""
    if not 1 <= hosts <= MAX_HOSTS:
        raise InvalidInput(f"the number of hosts, {hosts}, is out of range (1 to {MAX_HOSTS})")
    memory = max(0, capacity.memory_mib - max(_KEPT_MIB, int(capacity.memory_mib * _KEPT_SHARE)))
    known = tuple(sorted(cpu for core in capacity.cores for cpu in core))
    sets = equal_sets(capacity.cores, hosts)
    own = float(len(sets[0]) * hosts) if sets else capacity.cpu_cores
    kept = reserved_cores(own, leftover=len(known) - int(own) if sets else 0, secured=capacity.weights_guests)
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


def overcommitted(host: Host, overcommit: float) -> Host:
    """Return the host with the capacity that may be allocated: its size times the overcommit factor."""
    return replace(host, cpu_cores=round(host.cpu_cores * overcommit, 3), memory_mib=int(host.memory_mib * overcommit))


def limits_of(itype: InstanceType, host: Host, *, disk_gib: int) -> Limits:
    """Return the limits of an instance of this type on this host.

    Guaranteed CPU: the published baseline of every vCPU (a whole vCPU if none is published). Maximum CPU: the number of
    vCPUs, but not more than the host's cores. Network: the published burst bandwidth."""
    guaranteed = guaranteed_cores(itype)
    ceiling = min(float(itype.vcpus), host.ceiling_cores)
    return Limits(
        cpu_guaranteed_cores=guaranteed,
        cpu_quota_cores=round(max(_MIN_QUOTA_CORES, ceiling), 3),
        cpu_weight=min(10_000, max(1, round(guaranteed * _WEIGHT_PER_CORE))),
        memory_mib=itype.memory_mib,
        pids=min(_pids(itype), host.pids) if host.pids > 0 else _pids(itype),
        disk_gib=disk_gib,
        network_mbps=itype.network_burst_mbps,
        cpus=host.cpus,
    )


def _pids(itype: InstanceType) -> int:
    """Return the maximum number of processes and threads; small types have less memory and get fewer."""
    return min(_PIDS_PER_VCPU * itype.vcpus, itype.memory_mib // _MIB_PER_PID)


def guaranteed_cores(itype: InstanceType) -> float:
    """Return the cores that an instance of this type gets even if all instances are busy."""
    share = 100.0 if itype.baseline_percent is None else itype.baseline_percent
    return round(itype.vcpus * share / 100, 4)


def use_of(itypes: Sequence[InstanceType]) -> HostUse:
    """Return what instances of these types take together."""
    return HostUse(
        cpu_cores=round(sum(guaranteed_cores(itype) for itype in itypes), 4),
        memory_mib=sum(itype.memory_mib for itype in itypes),
        pids=sum(_pids(itype) for itype in itypes),
        instances=len(itypes),
    )
