"""What control and drivers say to each other about one guest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from vmhost.model.image import Boot
from vmhost.model.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestSpec:
    """Everything a driver needs to make one guest."""

    instance_id: str
    host_id: str
    boot: Boot
    limits: Limits
    environment: Mapping[str, str] = field(default_factory=dict)
    record: str = ""
    """The instance's record at its launch, which the driver keeps with the guest and gives back in its status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a started guest can be reached."""

    address: str
    port: int | None = None
    """Set only where the guest shares its address with others and was told another port than its image's."""


class GuestPhase(StrEnum):
    """What a driver sees of a guest."""

    STOPPED = "stopped"
    """Made, not running (never started, stopped or dead)."""
    RUNNING = "running"


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """How a guest's program ended."""

    exit_code: int | None
    """The program's code, or None when the OS did not say; 128 + n means signal n."""
    oom: bool = False
    detail: str = ""
    """A few words more, such as "above its memory limit of 512 MiB (watched)"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestStatus:
    """One guest as measured now."""

    instance_id: str
    phase: GuestPhase
    endpoint: Endpoint | None = None
    impaired: str = ""
    """Why a running guest cannot answer, such as "its container is paused"; empty when it can."""
    death: Death | None = None
    record: str = ""
    """What the guest's spec said; empty where it is not known, such as for a guest of an older version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestEvent:
    """A driver noticed that a guest started, died, or became or ceased to be impaired; `control` inspects before it
    acts on it."""

    instance_id: str
    phase: GuestPhase
    death: Death | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestStats:
    """What a guest uses now; None where this driver cannot tell."""

    instance_id: str
    cpu_seconds: float
    """CPU time used since it started; a rate needs two readings."""
    memory_mib: float
    pids: int | None = None
    throttled_seconds: float | None = None
    """Time it was held back by its CPU quota since it started."""
    oom_kills: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestCpu:
    """What a guest has had of the CPU since it started, in seconds; None where this driver cannot tell."""

    used: float
    throttled: float | None = None
    """Time in which its own CPU limit held it back."""
    waited: float | None = None
    """Time in which its threads were runnable and waited for a core, summed over those that live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """One kind of isolation: whether this driver enforces it here, and if not, why."""

    name: str
    """crash, cpu, cores, memory, pids, disk, network, host …"""
    enforced: bool
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a driver can do on this machine. Callers ask this, never the driver's type."""

    driver: str
    stands_for: str
    """In words: "containers: all share one Linux kernel"."""
    one: str = ""
    """What one instance is, in three words and its kernel: "container, shared kernel 6.18"."""
    items: tuple[Capability, ...]
    addresses_reachable: bool = True
    """Whether other programs on this computer can connect to the instances' addresses."""
    not_kept: str = ""
    """Why its instances end with the platform; empty where they can be kept."""

    def of(self, name: str) -> Capability:
        """The named capability; one that the driver does not list is not enforced."""
        for item in self.items:
            if item.name == name:
                return item
        return Capability(name=name, enforced=False, why=f"the {self.driver} driver does not have it")
