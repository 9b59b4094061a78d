"""What the engine's answers mean, as typed values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from vmhost.base.cpus import parse_cpus
from vmhost.base.units import mib
from vmhost.drivers.container.labels import ADDRESS, HOST, INSTANCE, RECORD
from vmhost.drivers.container.shares import Conversion, conversion_of
from vmhost.model.guest import Booted, Death, GuestPhase, GuestStats, GuestStatus

INIT_FOLDER = "/.glasscloud"
"""Where a guest's first process of ours is mounted."""
_NEVER = "0001-"
_USUAL_PERIOD_US = 100_000
_LISTED_RUNNING = frozenset({"running", "paused", "restarting"})
_LIMITS = {"cpu": "CpuCfsQuota", "memory": "MemoryLimit", "swap": "SwapLimit", "pids": "PidsLimit", "cpuset": "CPUSet"}
"""By the limit's name here, the engine's word on whether its kernel can hold it; it only warns where it cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """The machine under the engine, as the engine tells it."""

    cpus: int
    memory_mib: int
    architecture: str
    cgroup_version: int
    cgroup_driver: str
    storage: str
    """Storage driver and what it lies on: "overlay2 on extfs"."""
    operating_system: str
    kernel: str = ""
    """Its release, such as 6.18.3."""
    rootless: bool = False
    """Whether the engine itself has no root: its networks are then in a namespace of its own."""

    maps_users: bool = False
    """Whether a container's users are others to the kernel, within a small range."""
    conversion: Conversion = Conversion.NONE
    """What its runtime makes of CPU shares."""
    lacks: frozenset[str] = frozenset()
    """Which of cpu, memory, swap, pids and cpuset its kernel cannot limit."""

    @property
    def elsewhere(self) -> str:
        """Why the engine's networks cannot be this machine's, as far as the engine itself tells; empty if they may."""
        if "Docker Desktop" in self.operating_system:
            return "Docker Desktop keeps its networks in a virtual machine"
        return "an engine without root keeps its networks to itself" if self.rootless else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container as the engine shows it now."""

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
    """The CPUs that the engine pins it to; empty for any."""
    addresses: Mapping[str, str]
    """By the name of each network that it belongs to, running or not; "" while it has no address there."""
    image: str = ""
    """As it was asked for."""
    limited_output: bool = False
    """Whether its first process is ours, which limits what it prints."""
    user: str = ""
    """As it was asked for; empty: the image's own."""

    @property
    def instance_id(self) -> str:
        return self.labels.get(INSTANCE, "")

    @property
    def host_id(self) -> str:
        return self.labels.get(HOST, "")

    @property
    def wanted_address(self) -> str:
        """The address that it was given when it was made, and has at every boot."""
        return self.labels.get(ADDRESS, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One container as it stands in the engine's list, which costs one call for all of them."""

    id: str
    name: str
    labels: Mapping[str, str]
    running: bool
    paused: bool
    addresses: Mapping[str, str]
    """By the name of each network that it belongs to; "" while it has no address there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One network of the engine."""

    id: str
    name: str
    labels: Mapping[str, str]
    subnets: tuple[IPv4Network, ...]


def read_info(info: Mapping[str, Any], components: Iterable[Mapping[str, Any]] = ()) -> EngineInfo:
    """The machine from what the engine's info call says, and the components from its version call."""
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
        lacks=frozenset(name for name, word in _LIMITS.items() if info.get(word) is False),
    )


def read_container(found: Mapping[str, Any]) -> Container:
    """A container from what the engine's inspect call says."""
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


def read_listed(found: Mapping[str, Any]) -> Listed:
    """A container from its place in the engine's list."""
    state = str(found.get("State") or "")
    networks = (found.get("NetworkSettings") or {}).get("Networks") or {}
    return Listed(
        id=str(found["Id"]),
        name=next(iter(found.get("Names") or ()), "").lstrip("/"),
        labels=found.get("Labels") or {},
        running=state in _LISTED_RUNNING,
        paused=state == "paused",
        addresses={name: str(one.get("IPAddress") or "") for name, one in networks.items()},
    )


def listed_status(listed: Listed, network: str, *, frozen: bool = False) -> GuestStatus:
    """A guest's status from the list; how a stopped one ended is not told there."""
    address = listed.addresses.get(network, "")
    return GuestStatus(
        instance_id=listed.labels.get(INSTANCE, ""),
        phase=GuestPhase.RUNNING if listed.running else GuestPhase.STOPPED,
        booted=Booted(address=address) if listed.running and address else None,
        impaired=_impaired(listed, network, frozen=frozen),
        record=listed.labels.get(RECORD, ""),
    )


def _quota_cores(config: Mapping[str, Any]) -> float:
    return max(0, int(config.get("CpuQuota") or 0)) / int(config.get("CpuPeriod") or _USUAL_PERIOD_US)


def read_network(found: Mapping[str, Any]) -> Network:
    ranges = ((found.get("IPAM") or {}).get("Config")) or []
    subnets = (one.get("Subnet", "") for one in ranges)
    return Network(
        id=str(found["Id"]),
        name=str(found["Name"]),
        labels=found.get("Labels") or {},
        subnets=tuple(IPv4Network(subnet, strict=False) for subnet in subnets if subnet and ":" not in subnet),
    )


def _impaired(one: Container | Listed, network: str, *, frozen: bool) -> str:
    """Why a container cannot answer; empty when it can, or does not run."""
    if not one.running:
        return ""
    if one.paused:
        return "its container is paused"
    if frozen:
        return "its program is stopped by a signal (SIGSTOP)"
    return "" if one.addresses.get(network) else "it is not connected to the instance network"


def status(container: Container, network: str, *, frozen: bool = False) -> GuestStatus:
    """A guest's status from its container; its address is the one that the engine reports on the instance network."""
    address = container.addresses.get(network, "")
    death = None
    if not container.running and container.started_at:
        death = Death(exit_code=container.exit_code, oom=container.oom, detail=container.error)
    return GuestStatus(
        instance_id=container.instance_id,
        phase=GuestPhase.RUNNING if container.running else GuestPhase.STOPPED,
        booted=Booted(address=address) if container.running and address else None,
        impaired=_impaired(container, network, frozen=frozen),
        death=death,
        record=container.labels.get(RECORD, ""),
    )


def read_stats(instance_id: str, found: Mapping[str, Any]) -> GuestStats | None:
    """A guest's use from the engine's one-shot statistics, cgroup v1 or v2; None when it does not run."""
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


def promised_addresses(containers: Iterable[Container]) -> dict[str, IPv4Address]:
    """The addresses promised to guests, running or not, by instance id."""
    return {one.instance_id: IPv4Address(one.wanted_address) for one in containers if one.wanted_address}
