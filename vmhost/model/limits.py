"""Limits: what a driver enforces for an instance of some type on this computer. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The guaranteed and the maximum resources of one guest."""

    cpu_guaranteed_cores: float
    """Cores that it gets even if all guests are busy; placement counts these."""
    cpu_quota_cores: float
    """Cores that it never exceeds; at most those of its host."""
    cpu_weight: int
    """cgroup v2 scale, 1 to 10000; proportional to the guarantee."""
    memory_mib: int
    """Memory; there is no swap."""
    pids: int
    disk_gib: int
    network_mbps: int
    cpus: tuple[int, ...] = ()
    """The CPUs that it may run on; empty: any."""
