"""Limits: an instance type's promise turned into what a driver can enforce on this machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one guest gets at least and at most."""

    cpu_guaranteed_cores: float
    """Cores it gets when all want them; what placement counts."""
    cpu_quota_cores: float
    """Cores it never exceeds; already cut to the host's cores."""
    cpu_weight: int
    """cgroup v2 scale, 1 to 10000; proportional to the guarantee."""
    memory_mib: int
    """Memory with no swap on top."""
    pids: int
    disk_gib: int
    network_mbps: int
    cpus: tuple[int, ...] = ()
    """The CPUs that it runs on; empty: any."""
