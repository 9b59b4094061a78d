"""A guest: what the control plane and the drivers tell each other about it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from vmhost.model.image import Boot
from vmhost.model.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestSpec:
    """Everything that a driver needs to create a guest."""

    instance_id: str
    host_id: str
    boot: Boot
    limits: Limits
    environment: Mapping[str, str] = field(default_factory=dict)
    record: str = ""
    """The instance's record at its launch. The driver keeps it with the guest and returns it in the guest's status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The address of a started guest."""

    address: str
    port: int | None = None
    """Set only if the guest shares its address with others and has another port than its image says."""


class GuestPhase(StrEnum):
    """Whether a guest runs, as its driver sees it."""

    STOPPED = "stopped"
    """Created but not running: never started, stopped or dead."""
    RUNNING = "running"


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """The end of a guest's program."""

    exit_code: int | None
    """The program's exit code, None if unknown; 128 + n means signal n."""
    oom: bool = False
    detail: str = ""
    """More information, such as "above its memory limit of 512 MiB (watched)"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestStatus:
    """A guest as measured now."""

    instance_id: str
    phase: GuestPhase
    endpoint: Endpoint | None = None
    impaired: str = ""
    """Why a running guest cannot respond, such as "its container is paused"; empty if it can."""
    death: Death | None = None
    record: str = ""
    """The record from the guest's spec; empty if unknown, as for a guest created by an older version."""
    driver: str = ""
    """The driver that has it; empty if the cloud has only one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestEvent:
    """A driver noticed that a guest started or died, or that its impairment changed. The control plane inspects the
    guest before it acts on the event."""

    instance_id: str
    phase: GuestPhase
    death: Death | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestStats:
    """The resources that a guest uses now; None where this driver cannot measure them."""

    instance_id: str
    cpu_seconds: float
    """CPU time used since it started; a rate needs two readings."""
    memory_mib: float
    pids: int | None = None
    throttled_seconds: float | None = None
    """Time that it was throttled by its CPU quota since it started."""
    oom_kills: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestCpu:
    """CPU time of a guest since it started, in seconds; None where this driver cannot measure it."""

    used: float
    throttled: float | None = None
    """Time that it was throttled by its own CPU limit."""
    waited: float | None = None
    """Time that its threads were runnable and waited for a core, summed over its living threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """One kind of isolation: whether this driver enforces it here, and why not."""

    name: str
    """crash, cpu, cores, memory, pids, disk, network, host …"""
    enforced: bool
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a driver can do on this computer. Callers check this, never the driver's name."""

    driver: str
    stands_for: str
    """A description, such as "containers: all share one Linux kernel"."""
    one: str = ""
    """A short description of one instance: "container, shared kernel 6.18"."""
    items: tuple[Capability, ...]
    addresses_reachable: bool = True
    """Whether other programs on this computer can connect to the instances' addresses."""
    not_kept: str = ""
    """Why its instances end with the platform; empty if they can be kept."""
    network: str = ""
    """The network of its instances: "the loopback network of this computer"."""
    shares_host_network: bool = False
    """Whether its instances can connect to whatever programs on this computer can."""
    notes: tuple[str, ...] = ()
    """Sentences that people should know."""
    parts: tuple[Capabilities, ...] = ()
    """Those of each driver, if several serve the cloud."""

    def of(self, name: str) -> Capability:
        """Return the capability; one that the driver does not list is not enforced."""
        for item in self.items:
            if item.name == name:
                return item
        return Capability(name=name, enforced=False, why=f"the {self.driver} driver does not have it")

    @property
    def by_driver(self) -> Mapping[str, Capabilities]:
        """Return the capabilities of each driver, in the order in which the drivers were named."""
        return {part.driver: part for part in self.parts or (self,)}
