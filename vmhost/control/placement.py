"""Turns an instance type into limits and adds up what instances take of a host; chooses the host of a new instance, or
explains why no host has room. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vmhost.base.errors import InvalidInput, NoCapacity, NotFound
from vmhost.model.host import Host, HostUse
from vmhost.model.image import Image
from vmhost.model.instance_type import InstanceType
from vmhost.model.limits import Limits

_WEIGHT_PER_CORE = 500
_PIDS_PER_VCPU, _MIB_PER_PID = 512, 2
_MIN_QUOTA_CORES = 0.01
_CPU_SLACK = 1e-6


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


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRoom:
    """A host's capacity (overcommit included) and what is allocated of it."""

    host: Host
    use: HostUse

    @property
    def free_cores(self) -> float:
        """Return the cores that are not allocated."""
        return max(0.0, round(self.host.cpu_cores - self.use.cpu_cores, 4))

    @property
    def free_mib(self) -> int:
        """Return the memory that is not allocated."""
        return max(0, self.host.memory_mib - self.use.memory_mib)

    def fits(self, itype: InstanceType) -> bool:
        """Return whether one more instance of this type fits."""
        return self.how_many(itype) > 0

    def how_many(self, itype: InstanceType) -> int:
        """Return how many more instances of this type fit."""
        return min(self._by_cores(itype), self._by_memory(itype))

    def shortage(self, itype: InstanceType) -> str:
        """Return what the host has too little of for one more instance of this type; empty if it fits."""
        short = []
        if not self._by_cores(itype):
            free = f"{self.free_cores:g} of {self.host.cpu_cores:g} cores"
            short.append((free, f"{guaranteed_cores(itype):g} cores"))
        if not self._by_memory(itype):
            short.append((f"{self.free_mib} of {self.host.memory_mib} MiB", f"{itype.memory_mib} MiB"))
        if not short:
            return ""
        free, needed = (" and ".join(parts) for parts in zip(*short, strict=True))
        return f"{self.host.id} has {free} free; {itype.name} needs {needed}"

    def _by_cores(self, itype: InstanceType) -> int:
        return int((self.free_cores + _CPU_SLACK) / guaranteed_cores(itype))

    def _by_memory(self, itype: InstanceType) -> int:
        return self.free_mib // itype.memory_mib

    def with_one(self, itype: InstanceType) -> HostRoom:
        """Return the host with one more instance of this type."""
        use = HostUse(
            cpu_cores=self.use.cpu_cores + guaranteed_cores(itype),
            memory_mib=self.use.memory_mib + itype.memory_mib,
            pids=self.use.pids,
            instances=self.use.instances + 1,
        )
        return replace(self, use=use)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementConstraint:
    """Zone or host that the caller requires, and the image that the host's driver must be able to boot; None: any."""

    zone: str | None = None
    host_id: str | None = None
    image: Image | None = None

    def allows(self, host: Host) -> bool:
        """Return whether the caller allows the host."""
        return self.zone in (None, host.zone) and self.host_id in (None, host.id)

    def can_boot(self, host: Host) -> bool:
        """Return whether the host's driver can boot the image."""
        return self.image is None or host.driver in self.image.boots


def place(
    itype: InstanceType,
    rooms: Sequence[HostRoom],
    *,
    constraint: PlacementConstraint | None = None,
    peers: Mapping[str, int] | None = None,
    overcommit: float = 1.0,
) -> Host:
    """Return the host for one more instance: the one with the fewest `peers` (instances to keep away from, per host),
    then the emptiest, then the first by id. Of several drivers that can boot the image, the first in `rooms` gets it.

    Raises NoCapacity, naming what is needed, what is free and what to do; NotFound for an unknown zone or host,
    InvalidInput if none of the allowed hosts can boot the image."""
    constraint, peers = constraint or PlacementConstraint(), peers or {}
    allowed = [room for room in rooms if constraint.allows(room.host)]
    if not allowed:
        raise NotFound(_unknown(constraint, rooms), code="InvalidParameterValue")
    able = [room for room in allowed if constraint.can_boot(room.host)]
    if not able:
        raise InvalidInput(_cannot_boot(constraint, allowed), code="InvalidParameterCombination")
    able = [room for room in able if room.host.driver == able[0].host.driver]
    fitting = [room for room in able if room.fits(itype)]
    if not fitting:
        raise NoCapacity(refusal(itype, able, overcommit))
    best = min(fitting, key=lambda room: (peers.get(room.host.id, 0), _fullness(room.with_one(itype)), room.host.id))
    return best.host


def refusal(itype: InstanceType, rooms: Sequence[HostRoom], overcommit: float) -> str:
    """Return what is needed, what is free on each host, and the option that allocates more."""
    free = "; ".join(f"{room.host.id} has {room.free_cores:g} cores and {room.free_mib} MiB" for room in rooms)
    factor = f"--overcommit N (now {overcommit:g})"
    return (
        f"{itype.name} needs {guaranteed_cores(itype):g} cores and {itype.memory_mib} MiB; free: {free}. "
        f"Terminate an instance, choose a smaller type, or allocate more than the hosts have with {factor}"
    )


def _fullness(room: HostRoom) -> float:
    cores = room.use.cpu_cores / room.host.cpu_cores if room.host.cpu_cores else 1.0
    memory = room.use.memory_mib / room.host.memory_mib if room.host.memory_mib else 1.0
    return round(max(cores, memory), 6)


def _cannot_boot(constraint: PlacementConstraint, rooms: Sequence[HostRoom]) -> str:
    image = constraint.image
    assert image is not None, "a host that boots any image was refused"
    hosts = ", ".join(f"{room.host.id} ({room.host.driver} driver)" for room in rooms)
    return (
        f"image {image.id} ({image.name}) boots with {', '.join(sorted(image.boots))}; none of the hosts that the "
        f"request allows has such a driver: {hosts}"
    )


def _unknown(constraint: PlacementConstraint, rooms: Sequence[HostRoom]) -> str:
    required = " in ".join(part for part in (constraint.host_id or "host", constraint.zone) if part)
    known = ", ".join(f"{room.host.id} in {room.host.zone}" for room in rooms)
    return f"there is no {required} here; there are {known}"
