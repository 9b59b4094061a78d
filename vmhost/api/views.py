"""The platform's state as typed values and as JSON, defined once for both ends of the wire.

Readers ignore unknown fields, so that an older client understands a newer platform.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

import msgspec

from vmhost.base.errors import Internal

V = TypeVar("V")


def decode(kind: type[V], data: object) -> V:
    """Return the view in the parsed JSON from the platform. Raises Internal, which names the view and the field."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise Internal(f"invalid {kind.__name__} from the platform: {error}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityView:
    """One isolation property: whether it is enforced here, and why not."""

    name: str
    enforced: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostView:
    """A host: its capacity, what is reserved, and whether its limits are enforced."""

    id: str
    zone: str
    cpu_cores: float
    """Capacity for reservations: its size times the cloud's overcommit."""
    memory_mib: int
    cpu_used: float
    """Reserved for the instances on it."""
    memory_used_mib: int
    enforced: bool
    why: str
    cpus: tuple[int, ...] = ()
    """The CPUs on which its instances run; empty if unknown."""
    shared: bool = False
    """Whether other hosts use the same CPUs."""
    driver: str = ""
    """The driver that runs its instances."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonView:
    """Why an instance is in its state, as EC2's StateReason."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsView:
    """What an instance gets at least and at most on its host."""

    cpu_guaranteed_cores: float
    cpu_quota_cores: float
    cpu_weight: int
    memory_mib: int
    pids: int
    disk_gib: int
    network_mbps: int
    cpus: tuple[int, ...] = ()
    """The CPUs on which it runs, those of its host; empty: any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceView:
    """One instance. EC2's own responses lack generation, changed_at and limits; there they are None."""

    id: str
    type: str
    state: str
    """One of EC2's six states."""
    host: str
    zone: str
    image: str
    launched_at: float
    """Epoch seconds of the last start."""
    address: str | None = None
    port: int | None = None
    """Only if the instance has no address of its own; None: its image's port."""
    web_port: int | None = None
    """Where a browser on this computer reaches its program; None if it cannot reach the instance's address."""
    tags: Mapping[str, str] = field(default_factory=dict)
    fleet: str | None = None
    reason: ReasonView | None = None
    impaired: str = ""
    """Why it cannot respond though it runs, such as "its container is paused"; EC2's own responses lack it."""
    generation: int | None = None
    """Increases by one at each published change."""
    changed_at: float | None = None
    limits: LimitsView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterView:
    """A number that users may set, with its bounds. `whole`: only whole numbers are allowed."""

    name: str
    label: str
    """Its name on a form: "busy loops per vCPU"."""
    default: float
    least: float
    most: float
    unit: str = ""
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultKindView:
    """A fault that can be injected, with all that clients need to offer it and to show it."""

    name: str
    title: str
    """In sentences and, with a capital, on buttons: "CPU hog"."""
    summary: str
    """What it does to the instance; follows "it": "uses all the CPU it can get"."""
    action: str
    """Its name in the log of calls."""
    lasts: bool
    """Whether it goes on for a while; one that does not cannot be ended early."""
    ends_as: str
    """How the instance's program has ended by it: "killed"; empty if it goes on."""
    parameters: tuple[ParameterView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultView:
    """An injected fault that has started or ended."""

    fault_id: str
    fault: str
    """Its name, such as "kill" or "cpu_hog"."""
    instance_id: str
    phase: str
    """"started" or "ended"."""
    at: float
    until: float | None = None
    """Epoch seconds at which a fault that has started ends by itself; None for one that does not last."""
    details: Mapping[str, float] = field(default_factory=dict)
    """Numbers of this fault, such as the `workers` of a CPU hog."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallView:
    """A completed call that changed something or tried to: its client, action and outcome.

    Read-only, unauthenticated and dry-run calls are not logged."""

    id: str
    at: float
    action: str
    """EC2's name; for faults "Kill", "HogCpu" and "EndFault"."""
    by: str
    """The client: "AWS CLI", "boto3", "Terraform", the program's own name, "unknown"; or the fleet's id."""
    instances: tuple[str, ...]
    """The affected instances, including new ones."""
    outcome: str
    """"ok", or the error's code."""
    message: str
    """The error message; empty without an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverView:
    """One of the drivers of a cloud; the fields as in Snapshot."""

    name: str
    stands_for: str
    one: str
    capabilities: tuple[CapabilityView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The whole cloud at one moment."""

    cloud: str
    region: str
    driver: str
    """Its driver, or several: "process,container"."""
    stands_for: str
    """What an instance is here: "containers: all share one Linux kernel"."""
    one: str = ""
    """The same for one instance, with its kernel: "container, shared kernel 6.18"."""
    capabilities: tuple[CapabilityView, ...]
    """Of all drivers together: a limit is enforced if every driver enforces it."""
    drivers: tuple[DriverView, ...] = ()
    """Each driver alone."""
    notes: tuple[str, ...] = ()
    """Sentences that people should know, such as which instances cannot reach each other."""
    overcommit: float
    hosts: tuple[HostView, ...]
    instances: tuple[InstanceView, ...]
    faults: tuple[FaultView, ...] = ()
    """Running faults."""
    fault_kinds: tuple[FaultKindView, ...] = ()
    """The faults that can be injected."""
    calls: tuple[CallView, ...] = ()
    """The last calls since the platform started, oldest first."""
    allowed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By request ("start", "stop", "reboot", "terminate", "kill", "cpu_hog"): the states in which it has an effect."""

    def capabilities_on(self, host_id: str) -> tuple[CapabilityView, ...]:
        """Return the capabilities of the host's driver."""
        driver = self.driver_of(host_id)
        return next((each.capabilities for each in self.drivers if each.name == driver), self.capabilities)

    def driver_of(self, host_id: str) -> str:
        """Return the driver of the host."""
        return next((host.driver for host in self.hosts if host.id == host_id and host.driver), self.driver)


@dataclass(frozen=True, slots=True, kw_only=True)
class UseView:
    """What one instance uses now; None if the driver does not know."""

    id: str
    cpu_cores: float | None
    """Cores used on average since the last measurement."""
    memory_mib: float
    pids: int | None
    throttled_percent: float | None
    """Share of the time since the last measurement in which its CPU ceiling throttled it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsView:
    """What all running instances use now."""

    at: float
    instances: tuple[UseView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestCpuView:
    """CPU time of a running instance since it started, in seconds; None if unknown."""

    id: str
    host: str
    at: float
    """When it was measured, on the clock of CpuView.at."""
    used: float
    throttled: float | None
    """Time in which its own CPU limit throttled it."""
    waited: float | None
    """Time for which its living threads were runnable and waited for a core, summed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuView:
    """CPU time counters: the difference of two measurements shows the use in between."""

    at: float
    """Seconds on the platform's monotonic clock."""
    cores: Mapping[str, float]
    """Busy seconds of each core since boot, by its number; empty if unknown."""
    instances: tuple[GuestCpuView, ...]


CloudEvent: TypeAlias = Snapshot | InstanceView | HostView | FaultView | CallView | StatsView
"""An event of `/_glasscloud/events`. A Snapshot comes first, and again after every gap."""

EVENTS: Mapping[str, type[CloudEvent]] = {
    "snapshot": Snapshot,
    "instance": InstanceView,
    "host": HostView,
    "fault": FaultView,
    "call": CallView,
    "stats": StatsView,
}
"""The views by their event's name on the wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomView:
    """How many more instances of a type fit on a host."""

    host: str
    fits: int
    why: str
    """What the host lacks if not even one fits; else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeView:
    """An instance type: EC2's figures, its limits here, and where there is room for it now."""

    name: str
    vcpus: int
    memory_mib: int
    price_usd_hour: float
    """Linux on demand, in the catalogue's region and time."""
    baseline_percent: float | None
    """Guaranteed share of each vCPU of a burstable type; None: the whole vCPU."""
    limits: LimitsView
    """With the disk of the smallest image that can start here."""
    rooms: tuple[RoomView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TypesView:
    """The catalogue of instance types."""

    as_of: str
    """Date of its figures and prices (ISO 8601)."""
    region: str
    """The region of its prices."""
    types: tuple[TypeView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChangeView:
    """The state change of one instance by start, stop or terminate."""

    id: str
    previous: str
    current: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageView:
    """An image from which instances start."""

    id: str
    name: str
    description: str
    architecture: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateView:
    """A launch template."""

    id: str
    name: str
    default_version: int
    latest_version: int
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetView:
    """A fleet: the number of instances that it should keep, and that there are."""

    id: str
    state: str
    """submitted, active, modifying, deleted_running, deleted_terminating or deleted."""
    type: str
    target: int
    fulfilled: float
    template_id: str
    template_version: str
    tags: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    """Why the last launch failed; empty if it succeeded."""
