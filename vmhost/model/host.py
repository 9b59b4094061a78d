"""A host: a machine, or a share of one, that instances are placed on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What a host has, and what of it placement may give away."""

    id: str
    """"host-a"; also what the API sends as Placement.HostId."""
    zone: str
    cpu_cores: float
    """Cores that may be guaranteed: what guests receive even while the platform's own programs are busy."""
    memory_mib: int
    pids: int
    cpus: tuple[int, ...] = ()
    """The CPUs that its guests run on; empty where they are not known."""
    shared: bool = True
    """Whether other hosts run on the same CPUs, so that only a quota of `cpu_cores` divides them."""

    @property
    def ceiling_cores(self) -> float:
        """Cores that its guests can use together at most."""
        return self.cpu_cores if self.shared else float(len(self.cpus))


@dataclass(frozen=True, slots=True, kw_only=True)
class HostUse:
    """What the instances placed on a host were promised together."""

    cpu_cores: float = 0.0
    memory_mib: int = 0
    pids: int = 0
    instances: int = 0
