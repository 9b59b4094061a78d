"""The platform's state as typed values and as JSON, defined once for both ends of the wire.

Readers ignore unknown fields, so that an older client understands a newer platform.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Self, TypeAlias

from vmhost.base.errors import Internal


class View:
    """A frozen dataclass that is sent as a JSON object."""

    __slots__ = ()
    _nested: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}
    """How to parse the members that are views themselves."""

    def to_json(self) -> dict[str, Any]:
        """Convert to the JSON object on the wire."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Convert from the JSON object on the wire. Raises Internal if a field is missing or it is not an object."""
        try:
            values = {f.name: data[f.name] for f in fields(cls) if f.name in data}  # type: ignore[arg-type]
            return cls(**values | {name: read(values[name]) for name, read in cls._nested.items() if name in values})
        except (TypeError, KeyError, AttributeError) as error:
            raise Internal(f"invalid {cls.__name__} from the platform: {error}") from None


def _each(view: type[View]) -> Callable[[Any], tuple[Any, ...]]:
    return lambda items: tuple(view.from_json(item) for item in items)


def _maybe(view: type[View]) -> Callable[[Any], Any]:
    return lambda item: None if item is None else view.from_json(item)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityView(View):
    """One isolation property: whether it is enforced here, and why not."""

    name: str
    enforced: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostView(View):
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

    _nested: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"cpus": tuple}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonView(View):
    """Why an instance is in its state, as EC2's StateReason."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsView(View):
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

    _nested: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"cpus": tuple}


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceView(View):
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

    _nested: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"reason": _maybe(ReasonView), "limits": _maybe(LimitsView)}


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultView(View):
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
class CallView(View):
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

    _nested: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"instances": tuple}


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot(View):
    """The whole cloud at one moment."""

    cloud: str
    region: str
    driver: str
    stands_for: str
    """What an instance is here: "containers: all share one Linux kernel"."""
    one: str = ""
    """The same for one instance, with its kernel: "container, shared kernel 6.18"."""
    capabilities: tuple[CapabilityView, ...]
    overcommit: float
    hosts: tuple[HostView, ...]
    instances: tuple[InstanceView, ...]
    faults: tuple[FaultView, ...] = ()
    """Running faults."""
    calls: tuple[CallView, ...] = ()
    """The last calls since the platform started, oldest first."""
    allowed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By request ("start", "stop", "reboot", "terminate", "kill", "cpu_hog"): the states in which it has an effect."""

    _nested: ClassVar[Mapping[str, Callable[[Any], Any]]] = {
        "allowed": lambda states: {request: tuple(each) for request, each in states.items()},
        "capabilities": _each(CapabilityView),
        "hosts": _each(HostView),
        "instances": _each(InstanceView),
        "faults": _each(FaultView),
        "calls": _each(CallView),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class UseView(View):
    """What one instance uses now; None if the driver does not know."""

    id: str
    cpu_cores: float | None
    """Cores used on average since the last measurement."""
    memory_mib: float
    pids: int | None
    throttled_percent: float | None
    """Share of the time since the last measurement in which its CPU ceiling throttled it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsView(View):
    """What all running instances use now."""

    at: float
    instances: tuple[UseView, ...]

    _nested: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"instances": _each(UseView)}


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestCpuView(View):
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
class CpuView(View):
    """CPU time counters: the difference of two measurements shows the use in between."""

    at: float
    """Seconds on the platform's monotonic clock."""
    cores: Mapping[str, float]
    """Busy seconds of each core since boot, by its number; empty if unknown."""
    instances: tuple[GuestCpuView, ...]

    _nested: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"instances": _each(GuestCpuView)}


CloudEvent: TypeAlias = Snapshot | InstanceView | HostView | FaultView | CallView | StatsView
"""An event of `/_glasscloud/events`. A Snapshot comes first, and again after every gap."""

EVENTS: Mapping[str, Callable[[Any], CloudEvent]] = {
    "snapshot": Snapshot.from_json,
    "instance": InstanceView.from_json,
    "host": HostView.from_json,
    "fault": FaultView.from_json,
    "call": CallView.from_json,
    "stats": StatsView.from_json,
}
"""Parsers by the event's name on the wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomView(View):
    """How many more instances of a type fit on a host."""

    host: str
    fits: int
    why: str
    """What the host lacks if not even one fits; else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeView(View):
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

    _nested: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"limits": LimitsView.from_json, "rooms": _each(RoomView)}


@dataclass(frozen=True, slots=True, kw_only=True)
class TypesView(View):
    """The catalogue of instance types."""

    as_of: str
    """Date of its figures and prices (ISO 8601)."""
    region: str
    """The region of its prices."""
    types: tuple[TypeView, ...]

    _nested: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"types": _each(TypeView)}


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChangeView(View):
    """The state change of one instance by start, stop or terminate."""

    id: str
    previous: str
    current: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageView(View):
    """An image from which instances start."""

    id: str
    name: str
    description: str
    architecture: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateView(View):
    """A launch template."""

    id: str
    name: str
    default_version: int
    latest_version: int
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetView(View):
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
