"""The engine's JSON responses as typed values. Pure.

They are read by hand, because types with the engine's own nesting would need a property for each of these fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from vmhost.base.units import mib, parse_cpus
from vmhost.drivers.container.container_config import INIT_FOLDER, ShareConversion, conversion_of
from vmhost.drivers.container.labels import ADDRESS, HOST, INSTANCE, RECORD
from vmhost.model.guest import Death, Endpoint, GuestPhase, GuestStats, GuestStatus

_NEVER = "0001-"
_USUAL_PERIOD_US = 100_000
_LISTED_RUNNING = frozenset({"running", "paused", "restarting"})
_LIMITS = {"cpu": "CpuCfsQuota", "memory": "MemoryLimit", "swap": "SwapLimit", "pids": "PidsLimit", "cpuset": "CPUSet"}
"""For each limit, the engine's field that says whether its kernel supports it; the engine only warns if not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """The computer under the engine."""

    cpus: int
    memory_mib: int
    architecture: str
    cgroup_version: int
    cgroup_driver: str
    storage: str
    """Storage driver and file system: "overlay2 on extfs"."""
    operating_system: str
    kernel: str = ""
    """Kernel release, such as 6.18.3."""
    rootless: bool = False
    """Whether the engine runs without root; its networks are then in a namespace of its own."""

    maps_users: bool = False
    """Whether the engine maps containers' users to a small range of kernel users."""
    conversion: ShareConversion = ShareConversion.NONE
    """How its runtime converts CPU shares."""
    unsupported_limits: frozenset[str] = frozenset()
    """Those of cpu, memory, swap, pids and cpuset that its kernel cannot limit."""

    @property
    def elsewhere(self) -> str:
        """Why the engine's networks are not on this computer, as far as it says; empty if they may be."""
        if "Docker Desktop" in self.operating_system:
            return "Docker Desktop keeps its networks in a virtual machine"
        return "an engine without root keeps its networks to itself" if self.rootless else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedContainer:
    """A container in the engine's list, which takes one call for all containers but has fewer fields."""

    id: str
    labels: Mapping[str, str]
    running: bool
    paused: bool = False
    addresses: Mapping[str, str]
    """By network name, running or not; "" while it has no address there."""

    @property
    def instance_id(self) -> str:
        return self.labels.get(INSTANCE, "")

    @property
    def host_id(self) -> str:
        return self.labels.get(HOST, "")

    @property
    def wanted_address(self) -> str:
        """The address that was reserved for it when it was created; it gets the same one at every boot."""
        return self.labels.get(ADDRESS, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Container(ListedContainer):
    """A container's present state and settings."""

    name: str
    pid: int
    started_at: str
    """Empty when it never ran."""
    exit_code: int
    oom: bool
    error: str
    cpu_quota_cores: float
    """Its CPU ceiling; 0 for none."""
    cpus: tuple[int, ...]
    """The CPUs that it is pinned to; empty for any."""
    image: str = ""
    """As given when it was created."""
    limited_output: bool = False
    """Whether it has our init program, which limits its output."""
    user: str = ""
    """As given when it was created; empty for the image's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineNetwork:
    """A network of the engine."""

    id: str
    name: str
    labels: Mapping[str, str]
    subnets: tuple[IPv4Network, ...]


def read_info(info: Mapping[str, Any], components: Iterable[Mapping[str, Any]] = ()) -> EngineInfo:
    """Read the engine's info response and the components of its version response."""
    version = int(info.get("CgroupVersion") or 1)
    backing = dict(pair for pair in info.get("DriverStatus") or () if len(pair) == 2).get("Backing Filesystem", "")
    storage = str(info.get("Driver", "unknown"))
    machine = str(info.get("Architecture", ""))
    return EngineInfo(
        cpus=int(info["NCPU"]),
        memory_mib=int(mib(int(info["MemTotal"]))),
        architecture={"aarch64": "arm64", "amd64": "x86_64"}.get(machine, machine),
        cgroup_version=version,
        cgroup_driver=str(info.get("CgroupDriver", "")),
        storage=f"{storage} on {backing}" if backing else storage,
        operating_system=str(info.get("OperatingSystem", "")),
        kernel=str(info.get("KernelVersion", "")),
        rootless=any("rootless" in option for option in info.get("SecurityOptions") or ()),
        maps_users=any("userns" in one or "rootless" in one for one in info.get("SecurityOptions") or ()),
        conversion=conversion_of(version, components),
        unsupported_limits=frozenset(name for name, field in _LIMITS.items() if info.get(field) is False),
    )


def read_container(found: Mapping[str, Any]) -> Container:
    """Read the engine's response to inspect."""
    state, config, host = (found.get(part) or {} for part in ("State", "Config", "HostConfig"))
    started = str(state.get("StartedAt") or "")
    return Container(
        id=str(found["Id"]),
        name=str(found.get("Name", "")).lstrip("/"),
        labels=config.get("Labels") or {},
        running=bool(state.get("Running")),
        paused=bool(state.get("Paused")),
        pid=int(state.get("Pid") or 0),
        started_at="" if started.startswith(_NEVER) else started,
        exit_code=int(state.get("ExitCode") or 0),
        oom=bool(state.get("OOMKilled")),
        error=str(state.get("Error") or ""),
        image=str(config.get("Image") or ""),
        limited_output=any(one.get("Destination") == INIT_FOLDER for one in found.get("Mounts") or ()),
        user=str(config.get("User") or ""),
        cpu_quota_cores=max(0, int(host.get("CpuQuota") or 0)) / int(host.get("CpuPeriod") or _USUAL_PERIOD_US),
        cpus=parse_cpus(host.get("CpusetCpus") or ""),
        addresses=_addresses(found),
    )


def read_listed(found: Mapping[str, Any]) -> ListedContainer:
    """Read an entry of the engine's list."""
    state = str(found.get("State") or "")
    return ListedContainer(
        id=str(found["Id"]),
        labels=found.get("Labels") or {},
        running=state in _LISTED_RUNNING,
        paused=state == "paused",
        addresses=_addresses(found),
    )


def _addresses(found: Mapping[str, Any]) -> Mapping[str, str]:
    networks = (found.get("NetworkSettings") or {}).get("Networks") or {}
    return {name: str(one.get("IPAddress") or "") for name, one in networks.items()}


def read_network(found: Mapping[str, Any]) -> EngineNetwork:
    ranges = ((found.get("IPAM") or {}).get("Config")) or []
    subnets = (one.get("Subnet", "") for one in ranges)
    return EngineNetwork(
        id=str(found["Id"]),
        name=str(found["Name"]),
        labels=found.get("Labels") or {},
        subnets=tuple(IPv4Network(subnet, strict=False) for subnet in subnets if subnet and ":" not in subnet),
    )


def status(container: ListedContainer, network: str, *, frozen: bool = False) -> GuestStatus:
    """Return a guest's status, without its death if the container is a list's entry.

    Its address is the one that the engine reports on the instance network."""
    address = container.addresses.get(network, "")
    death = None
    if isinstance(container, Container) and not container.running and container.started_at:
        death = Death(exit_code=container.exit_code, oom=container.oom, detail=container.error)
    return GuestStatus(
        instance_id=container.instance_id,
        phase=GuestPhase.RUNNING if container.running else GuestPhase.STOPPED,
        endpoint=Endpoint(address=address) if container.running and address else None,
        impaired=_impaired(container, address, frozen=frozen) if container.running else "",
        death=death,
        record=container.labels.get(RECORD, ""),
    )


def _impaired(running: ListedContainer, address: str, *, frozen: bool) -> str:
    """Return why a running container cannot respond; empty when it can."""
    if running.paused:
        return "its container is paused"
    if frozen:
        return "its program is stopped by a signal (SIGSTOP)"
    return "" if address else "it is not connected to the instance network"


def read_stats(instance_id: str, found: Mapping[str, Any]) -> GuestStats | None:
    """Return a guest's usage from the engine's one-shot statistics, cgroup v1 or v2; None when it is not running."""
    cpu = found.get("cpu_stats") or {}
    memory = found.get("memory_stats") or {}
    if "usage" not in memory:
        return None
    details = memory.get("stats") or {}
    cache = details.get("total_inactive_file", details.get("inactive_file", 0))
    throttled = (cpu.get("throttling_data") or {}).get("throttled_time")
    return GuestStats(
        instance_id=instance_id,
        cpu_seconds=int((cpu.get("cpu_usage") or {}).get("total_usage", 0)) / 1e9,
        memory_mib=mib(max(0, int(memory["usage"]) - int(cache))),
        pids=(found.get("pids_stats") or {}).get("current"),
        throttled_seconds=None if throttled is None else int(throttled) / 1e9,
    )
