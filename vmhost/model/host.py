"""A host: a computer, or a share of one, on which instances are placed. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The size of a host."""

    id: str
    """"host-a"; also what the API sends as Placement.HostId."""
    zone: str
    cpu_cores: float
    """Cores that can be guaranteed: what guests get even while the platform's own programs are busy."""
    memory_mib: int
    pids: int
    cpus: tuple[int, ...] = ()
    """The CPUs that its guests run on; empty if they are unknown."""
    shared: bool = True
    """Whether other hosts run on the same CPUs, so that only a quota of `cpu_cores` divides them."""
    driver: str = ""
    """The driver that runs its guests."""

    @property
    def ceiling_cores(self) -> float:
        """Return the maximum cores that its guests can use together."""
        return self.cpu_cores if self.shared else float(len(self.cpus))


@dataclass(frozen=True, slots=True, kw_only=True)
class HostUse:
    """The resources allocated to the instances on a host."""

    cpu_cores: float = 0.0
    memory_mib: int = 0
    pids: int = 0
    instances: int = 0
