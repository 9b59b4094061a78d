"""An instance type: EC2's published promise of a machine's size, before it becomes limits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceType:
    """One row of the catalogue; figures as EC2 publishes them."""

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
    """What EC2 says of the network where it gives no figures: those above are then ours, to lay a limit by."""
    architectures: tuple[str, ...] = ("x86_64",)

    @property
    def burstable(self) -> bool:
        """Whether the type earns CPU credits (the t families)."""
        return self.baseline_percent is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeCatalogue:
    """EC2's types and the date of their figures."""

    as_of: str
    """ISO date at which figures and prices were those that EC2 publishes."""
    region: str
    types: tuple[InstanceType, ...]
