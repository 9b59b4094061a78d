"""What the platform tells about itself, as typed values and as JSON: one definition for both ends of the wire.

Readers ignore fields that they do not know, so that an older client understands a newer platform.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Self, TypeAlias

from vmhost.base.errors import Internal


class View:
    """A frozen dataclass that travels as a JSON object."""

    __slots__ = ()
    _nested: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}
    """How to read the members that are views themselves."""

    def to_json(self) -> dict[str, Any]:
        """The object that stands on the wire."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """The view of such an object. Raises Internal when a field is missing or it is no object at all."""
        try:
            values = {f.name: data[f.name] for f in fields(cls) if f.name in data}  # type: ignore[arg-type]
            return cls(**values | {name: read(values[name]) for name, read in cls._nested.items() if name in values})
        except (TypeError, KeyError, AttributeError) as error:
            raise Internal(f"the platform's {cls.__name__} is not understood: {error}") from None


def _each(view: type[View]) -> Callable[[Any], tuple[Any, ...]]:
    return lambda items: tuple(view.from_json(item) for item in items)


def _maybe(view: type[View]) -> Callable[[Any], Any]:
    return lambda item: None if item is None else view.from_json(item)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityView(View):
    """One wall: whether it holds here, and why not."""

    name: str
    enforced: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostView(View):
    """A host: what it may give away, what is promised, and whether a wall stands round it."""

    id: str
    zone: str
    cpu_cores: float
    """What may be promised: its size times the cloud's overcommit."""
    memory_mib: int
    cpu_used: float
    """What is promised to the instances on it."""
    memory_used_mib: int
    enforced: bool
    why: str
    cpus: tuple[int, ...] = ()
    """The CPUs that its instances run on; empty where they are not known."""
    shared: bool = False
    """Whether other hosts run on the same CPUs."""

    _nested: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"cpus": tuple}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonView(View):
    """Why an instance is in its state, in EC2's words."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsView(View):
    """What an instance gets at least and at most on this machine."""

    cpu_guaranteed_cores: float
    cpu_quota_cores: float
    cpu_weight: int
    memory_mib: int
    pids: int
    disk_gib: int
    network_mbps: int
    cpus: tuple[int, ...] = ()
    """The CPUs that it runs on, its host's; empty: any."""

    _nested: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"cpus": tuple}


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceView(View):
    """One instance. What EC2's own answers do not carry (generation, changed_at, limits) is None in those."""

    id: str
    type: str
    state: str
    """One of EC2's six."""
    host: str
    zone: str
    image: str
    launched_at: float
    """Epoch seconds of the last start."""
    address: str | None = None
    port: int | None = None
    """Only where the instance has no address of its own; else its image's."""
    web_port: int | None = None
    """Where a browser on this computer reaches its program; None where it cannot reach the instance's address."""
    tags: Mapping[str, str] = field(default_factory=dict)
    fleet: str | None = None
    reason: ReasonView | None = None
    impaired: str = ""
    """Why it cannot answer though it runs, such as "its container is paused"; EC2's own answers do not carry it."""
    generation: int | None = None
    """One higher at each published change."""
    changed_at: float | None = None
    limits: LimitsView | None = None

    _nested: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"reason": _maybe(ReasonView), "limits": _maybe(LimitsView)}


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultView(View):
    """A fault that someone asked for: it began or it ended."""

    fault_id: str
    fault: str
    """"kill" or "cpu_hog"."""
    instance_id: str
    phase: str
    """"begun" or "ended"."""
    at: float
    until: float | None = None
    """Epoch seconds at which a hog that has begun ends by itself; None where nothing goes on."""
    workers: int = 0
    """How many endless loops a CPU hog runs: the cores that it asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallView(View):
    """A call that changed something or tried to, once it was answered: who asked for what, and how it ended.

    Calls that only read, dry runs and calls of strangers are not told."""

    id: str
    at: float
    action: str
    """EC2's name; for faults "Kill", "HogCpu" and "EndFault"."""
    by: str
    """Who asked: "AWS CLI", "boto3", "Terraform", the program's own name, "unknown"; or the fleet's id."""
    instances: tuple[str, ...]
    """Whom it concerned, also those that it made."""
    outcome: str
    """"ok", or the error's code."""
    message: str
    """The error in words; empty when there was none."""

    _nested: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"instances": tuple}


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot(View):
    """The whole cloud at one moment."""

    cloud: str
    region: str
    driver: str
    stands_for: str
    """In words what an instance is here: "containers: all share one Linux kernel"."""
    one: str = ""
    """The same of one of them, with its kernel: "container, shared kernel 6.18"."""
    capabilities: tuple[CapabilityView, ...]
    overcommit: float
    hosts: tuple[HostView, ...]
    instances: tuple[InstanceView, ...]
    faults: tuple[FaultView, ...] = ()
    """Those under way: begun and not ended."""
    calls: tuple[CallView, ...] = ()
    """The last ones since the platform began, oldest first."""
    allowed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By request ("start", "stop", "reboot", "terminate", "kill", "hog"): the states in which it has an effect."""

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
    """What one instance uses now; None where the driver cannot tell."""

    id: str
    cpu_cores: float | None
    """Cores used on average since the reading before."""
    memory_mib: float
    pids: int | None
    throttled_percent: float | None
    """Share of the time since the reading before in which its CPU ceiling held it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsView(View):
    """What every running instance uses now."""

    at: float
    instances: tuple[UseView, ...]

    _nested: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"instances": _each(UseView)}


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestCpuView(View):
    """What one running instance has had of the CPU since it started, in seconds; None where nothing tells."""

    id: str
    host: str
    at: float
    """When it was measured, on the same clock as the whole reading."""
    used: float
    throttled: float | None
    """Time in which its own CPU limit held it back."""
    waited: float | None
    """Time in which its threads were runnable and waited for a core, summed over those that live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuView(View):
    """Counters of the CPU: the difference of two readings says who had how much of it meanwhile."""

    at: float
    """Seconds on a clock that is never set, of the platform's own."""
    cores: Mapping[str, float]
    """Seconds for which each core was busy since boot, by its number; empty where nothing tells."""
    instances: tuple[GuestCpuView, ...]

    _nested: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"instances": _each(GuestCpuView)}


CloudEvent: TypeAlias = Snapshot | InstanceView | HostView | FaultView | CallView | StatsView
"""What `/_glasscloud/events` carries. A Snapshot comes first, and again after every gap."""

EVENTS: Mapping[str, Callable[[Any], CloudEvent]] = {
    "snapshot": Snapshot.from_json,
    "instance": InstanceView.from_json,
    "host": HostView.from_json,
    "fault": FaultView.from_json,
    "call": CallView.from_json,
    "stats": StatsView.from_json,
}
"""By the event's name on the wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomView(View):
    """How many instances of one type still fit on one host."""

    host: str
    fits: int
    why: str
    """What the host is short of, where not even one fits; else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeView(View):
    """An instance type: what EC2 says of it, what it gets here, and where there is room for it now."""

    name: str
    vcpus: int
    memory_mib: int
    price_usd_hour: float
    """Linux on demand, where and when the catalogue says."""
    baseline_percent: float | None
    """Guaranteed share of each vCPU of a burstable type; None means the whole vCPU."""
    limits: LimitsView
    """With the disk of the smallest image that boots here."""
    rooms: tuple[RoomView, ...]

    _nested: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"limits": LimitsView.from_json, "rooms": _each(RoomView)}


@dataclass(frozen=True, slots=True, kw_only=True)
class TypesView(View):
    """The catalogue of instance types."""

    as_of: str
    """ISO date of its figures and prices."""
    region: str
    """Whose prices they are."""
    types: tuple[TypeView, ...]

    _nested: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"types": _each(TypeView)}


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChangeView(View):
    """What a start, stop or terminate did to one instance."""

    id: str
    previous: str
    current: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageView(View):
    """An image that instances can boot."""

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
    """A fleet: how many it should keep, and how many there are."""

    id: str
    state: str
    """EC2's words: submitted, active, modifying, deleted_running, deleted_terminating, deleted."""
    type: str
    target: int
    fulfilled: float
    template_id: str
    template_version: str
    tags: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""
    """Why the last launch did not succeed; empty when it did."""
