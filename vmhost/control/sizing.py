"""Turns an instance type into limits, and adds up what instances take of a host. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vmhost.model.host import Host, HostUse
from vmhost.model.instance_type import InstanceType
from vmhost.model.limits import Limits

_WEIGHT_PER_CORE = 500
_PIDS_PER_VCPU, _MIB_PER_PID = 512, 2
_MIN_QUOTA_CORES = 0.01


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
