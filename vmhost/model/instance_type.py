"""An instance type: its size as EC2 publishes it. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceType:
    """One row of the catalogue, with EC2's published numbers."""

    name: str
    family: str
    vcpus: int
    memory_mib: int
    hypervisor: str
    """"xen" or "nitro"."""
    network_baseline_mbps: int
    network_burst_mbps: int
    price_usd_hour: float
    """Linux on demand, us-east-1, at the catalogue's date."""
    baseline_percent: float | None = None
    """Guaranteed share of each vCPU in percent for burstable types; None means the whole vCPU."""
    network_words: str = ""
    """EC2's description of the network if it publishes no numbers; those above are then our estimate."""
    architectures: tuple[str, ...] = ("x86_64",)

    @property
    def burstable(self) -> bool:
        """Return whether the type earns CPU credits (the t families)."""
        return self.baseline_percent is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeCatalogue:
    """EC2's types and the date of their numbers."""

    as_of: str
    """ISO date on which EC2 published these numbers and prices."""
    region: str
    types: tuple[InstanceType, ...]
