"""A host: a machine, or a share of one, that instances are placed on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A host's promise: what placement may give away on it."""

    id: str
    """"host-a"; also what the API sends as Placement.HostId."""
    zone: str
    cpu_cores: float
    memory_mib: int
    pids: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostUse:
    """What the instances placed on a host were promised together."""

    cpu_cores: float = 0.0
    memory_mib: int = 0
    pids: int = 0
    instances: int = 0
