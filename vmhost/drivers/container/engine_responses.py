"""The engine's JSON responses as typed values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from vmhost.base.cpus import parse_cpus
from vmhost.base.units import mib
from vmhost.drivers.container.cpu_shares import ShareConversion, conversion_of
from vmhost.drivers.container.labels import ADDRESS, HOST, INSTANCE, RECORD
from vmhost.model.guest import Death, Endpoint, GuestPhase, GuestStats, GuestStatus

INIT_FOLDER = "/.glasscloud"
"""Where our init program is mounted in guests."""
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
class Container:
    """A container's present state and settings."""

    id: str
    name: str
    labels: Mapping[str, str]
    running: bool
    paused: bool = False
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
    addresses: Mapping[str, str]
    """By network name, running or not; "" while it has no address there."""
    image: str = ""
    """As given when it was created."""
    limited_output: bool = False
    """Whether it has our init program, which limits its output."""
    user: str = ""
    """As given when it was created; empty for the image's own."""

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
class ListedContainer:
    """A container in the engine's list, which takes one call for all containers but has fewer fields."""

    id: str
    name: str
    labels: Mapping[str, str]
    running: bool
    paused: bool
    addresses: Mapping[str, str]
    """By network name; "" while it has no address there."""


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
    state = found.get("State") or {}
    started = str(state.get("StartedAt") or "")
    networks = (found.get("NetworkSettings") or {}).get("Networks") or {}
    return Container(
        id=str(found["Id"]),
        name=str(found.get("Name", "")).lstrip("/"),
        labels=(found.get("Config") or {}).get("Labels") or {},
        running=bool(state.get("Running")),
        paused=bool(state.get("Paused")),
        pid=int(state.get("Pid") or 0),
        started_at="" if started.startswith(_NEVER) else started,
        exit_code=int(state.get("ExitCode") or 0),
        oom=bool(state.get("OOMKilled")),
        error=str(state.get("Error") or ""),
        image=str((found.get("Config") or {}).get("Image") or ""),
        limited_output=any(one.get("Destination") == INIT_FOLDER for one in found.get("Mounts") or ()),
        user=str((found.get("Config") or {}).get("User") or ""),
        cpu_quota_cores=_quota_cores(found.get("HostConfig") or {}),
        cpus=parse_cpus((found.get("HostConfig") or {}).get("CpusetCpus") or ""),
        addresses={name: str(one.get("IPAddress") or "") for name, one in networks.items()},
    )


def read_listed(found: Mapping[str, Any]) -> ListedContainer:
    """Read an entry of the engine's list."""
    state = str(found.get("State") or "")
    networks = (found.get("NetworkSettings") or {}).get("Networks") or {}
    return ListedContainer(
        id=str(found["Id"]),
        name=next(iter(found.get("Names") or ()), "").lstrip("/"),
        labels=found.get("Labels") or {},
        running=state in _LISTED_RUNNING,
        paused=state == "paused",
        addresses={name: str(one.get("IPAddress") or "") for name, one in networks.items()},
    )


def listed_status(listed: ListedContainer, network: str, *, frozen: bool = False) -> GuestStatus:
    """Return a guest's status from a list entry, which does not say how a stopped guest ended."""
    address = listed.addresses.get(network, "")
    return GuestStatus(
        instance_id=listed.labels.get(INSTANCE, ""),
        phase=GuestPhase.RUNNING if listed.running else GuestPhase.STOPPED,
        endpoint=Endpoint(address=address) if listed.running and address else None,
        impaired=_impaired(listed, network, frozen=frozen),
        record=listed.labels.get(RECORD, ""),
    )


def _quota_cores(config: Mapping[str, Any]) -> float:
    return max(0, int(config.get("CpuQuota") or 0)) / int(config.get("CpuPeriod") or _USUAL_PERIOD_US)


def read_network(found: Mapping[str, Any]) -> EngineNetwork:
    ranges = ((found.get("IPAM") or {}).get("Config")) or []
    subnets = (one.get("Subnet", "") for one in ranges)
    return EngineNetwork(
        id=str(found["Id"]),
        name=str(found["Name"]),
        labels=found.get("Labels") or {},
        subnets=tuple(IPv4Network(subnet, strict=False) for subnet in subnets if subnet and ":" not in subnet),
    )


def _impaired(one: Container | ListedContainer, network: str, *, frozen: bool) -> str:
    """Return why a running container cannot respond; empty when it can, or is not running."""
    if not one.running:
        return ""
    if one.paused:
        return "its container is paused"
    if frozen:
        return "its program is stopped by a signal (SIGSTOP)"
    return "" if one.addresses.get(network) else "it is not connected to the instance network"


def status(container: Container, network: str, *, frozen: bool = False) -> GuestStatus:
    """Return a guest's status. Its address is the one that the engine reports on the instance network."""
    address = container.addresses.get(network, "")
    death = None
    if not container.running and container.started_at:
        death = Death(exit_code=container.exit_code, oom=container.oom, detail=container.error)
    return GuestStatus(
        instance_id=container.instance_id,
        phase=GuestPhase.RUNNING if container.running else GuestPhase.STOPPED,
        endpoint=Endpoint(address=address) if container.running and address else None,
        impaired=_impaired(container, network, frozen=frozen),
        death=death,
        record=container.labels.get(RECORD, ""),
    )


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


def reserved_addresses(containers: Iterable[Container]) -> dict[str, IPv4Address]:
    """Return the addresses reserved for guests, running or not, by instance id."""
    return {one.instance_id: IPv4Address(one.wanted_address) for one in containers if one.wanted_address}
