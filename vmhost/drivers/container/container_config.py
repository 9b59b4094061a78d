"""A guest's program, limits and privileges as the engine's JSON. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from ipaddress import IPv4Address
from typing import Any

from vmhost.base.units import MIB, format_cpus
from vmhost.drivers.cgroup_limits import bandwidth, ceiling_period_us
from vmhost.drivers.container import labels
from vmhost.model.guest import GuestSpec
from vmhost.model.image import OWN_USER
from vmhost.model.limits import Limits

_OPEN_FILES_MAX = 4096
"""Per process; the kernel has a fixed number for all processes together."""
INIT_FOLDER = "/.glasscloud"
"""Where our init program is mounted in guests."""
INIT = f"{INIT_FOLDER}/init"
_FIRST_USER = 1 << 30
"""The engine takes user ids up to 2^31 - 1. Ids this high are not used by people and services."""
_LOG = {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "2"}}
_SHARES_MIN, _SHARES_MAX = 2, 262_144
_SHARES_PER_WEIGHT_V1 = 10.24
_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
_LOGARITHMIC_SINCE = {"runc": (1, 3, 2), "crun": (1, 23, 0)}
"""The first version of each runtime with the newer formula."""


class ShareConversion(Enum):
    """How the runtime under the engine converts CPU shares to the weight of a guest's control group.

    The engine's API knows only the shares of control groups version 1, and runtimes changed the formula in 2025."""

    NONE = auto()
    """Version 1 uses shares; the default is 1024, where a weight has 100."""
    LINEAR = auto()
    """weight = 1 + (shares - 2) * 9999 / 262142"""
    LOGARITHMIC = auto()
    """weight = 10 ^ ((l^2 + 125 l) / 612 - 7 / 34) with l = log2(shares), so that 1024 becomes 100
    (github.com/opencontainers/cgroups, ConvertCPUSharesToCgroupV2Value)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedConfig:
    """What all guests of a cloud on an engine have in common."""

    cloud: str
    network: str
    conversion: ShareConversion
    """How CPU shares are converted to the weight of a guest's control group."""
    init_volume: str = ""
    """The volume with our init program, which limits what guests print; empty for the engine's own, which does not."""
    own_users: bool
    """Whether this engine can run a guest as any user."""
    disk_limited: bool
    """Whether this engine's storage can limit the size of a guest's disk."""
    owner_labels: Mapping[str, str] = field(default_factory=dict)
    """The labels that name the owner."""


def container_name(cloud: str, instance_id: str) -> str:
    return f"{cloud}-{instance_id}"


def container_config(
    spec: GuestSpec, setting: SharedConfig, *, program: Sequence[str], address: IPv4Address, cgroup_parent: str | None
) -> dict[str, Any]:
    """Return the container's configuration: its program, its limits, and the labels by which it is found again.

    `program` is what runs in it: the image's own if the catalogue names none. Its address on the instance network is
    reserved in a label, so that it is the same at every boot."""
    boot = spec.boot
    environment = {"HOST": "0.0.0.0", "PORT": str(boot.port), **boot.environment, **spec.environment}
    config: dict[str, Any] = {
        "Image": boot.image,
        "Hostname": spec.instance_id,
        "Env": [f"{name}={value}" for name, value in environment.items()],
        "Labels": labels.NOT_COMPOSES
        | {
            labels.CLOUD: setting.cloud,
            **setting.owner_labels,
            labels.RECORD: spec.record,
            labels.INSTANCE: spec.instance_id,
            labels.HOST: spec.host_id,
            labels.ADDRESS: str(address),
            labels.MBPS: str(spec.limits.network_mbps),
        },
        # The image's own health check would run programs in the guest.
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": _host_config(spec, setting, cgroup_parent),
    }
    # The program is complete: the image's entry point would be put before it.
    config |= {"Entrypoint": [*([INIT] if setting.init_volume else ()), *program], "Cmd": []}
    if boot.user != OWN_USER:
        config["User"] = boot.user or ""
    elif setting.own_users:
        config["User"] = own_user(address)
    return config


def _host_config(spec: GuestSpec, setting: SharedConfig, cgroup_parent: str | None) -> dict[str, Any]:
    config: dict[str, Any] = {
        **resources(spec.limits, setting.conversion),
        "NetworkMode": setting.network,
        # An init process forwards signals and reaps children, which services rarely do.
        **({"Mounts": [mount(setting.init_volume, read_only=True)]} if setting.init_volume else {"Init": True}),
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "RestartPolicy": {"Name": "no"},
        "IpcMode": "private",
        "Ulimits": [{"Name": "nofile", "Soft": _OPEN_FILES_MAX, "Hard": _OPEN_FILES_MAX}],
        "LogConfig": _LOG,
    }
    if spec.boot.read_only:
        # Files here count as the guest's memory.
        size = max(1, spec.limits.memory_mib // 4)
        config |= {"ReadonlyRootfs": True, "Tmpfs": {"/tmp": f"rw,nosuid,nodev,size={size}m,mode=1777"}}
    elif setting.disk_limited:
        config["StorageOpt"] = {"size": f"{spec.limits.disk_gib}G"}
    if cgroup_parent is not None:
        config["CgroupParent"] = cgroup_parent
    return config


def mount(volume: str, *, read_only: bool) -> dict[str, Any]:
    """Return the mount of the volume with our init program."""
    options = {"NoCopy": True}
    return {"Type": "volume", "Source": volume, "Target": INIT_FOLDER, "ReadOnly": read_only, "VolumeOptions": options}


def resources(limits: Limits, conversion: ShareConversion) -> dict[str, Any]:
    """Return the limits that can be changed while the guest exists.

    The ceiling is given as a quota, because the engine refuses a number of CPUs that is above its own."""
    pinned = {"CpusetCpus": format_cpus(limits.cpus)} if limits.cpus else {}
    return {
        **pinned,
        "CpuShares": cpu_shares(limits.cpu_weight, conversion),
        **ceiling(limits.cpu_quota_cores, limits.cpus),
        "Memory": limits.memory_mib * MIB,
        "MemorySwap": limits.memory_mib * MIB,
        "PidsLimit": limits.pids,
    }


def ceiling(cores: float, cpus: Collection[int] = ()) -> dict[str, int]:
    """Return only the CPU ceiling of a guest on these CPUs (empty for any)."""
    quota, period = bandwidth(cores, ceiling_period_us(cores, cpus))
    return {"CpuPeriod": period, "CpuQuota": -1 if quota is None else quota}


def rate_of(found: Mapping[str, str]) -> int:
    """Return the network rate in a guest's labels, in Mbit/s."""
    return int(found.get(labels.MBPS) or 1000)


def own_user(address: IPv4Address) -> str:
    """Return user and group of the guest at this address, different for each address of the private networks."""
    number = _FIRST_USER | (int(address) & (_FIRST_USER - 1))
    return f"{number}:{number}"


def conversion_of(cgroup_version: int, components: Iterable[Mapping[str, object]]) -> ShareConversion:
    """Return how this engine's runtime converts, from the components of the engine's version response.

    An unknown runtime, or one without a version, is assumed to be recent."""
    if cgroup_version == 1:
        return ShareConversion.NONE
    for component in components:
        since = next((since for name, since in _LOGARITHMIC_SINCE.items() if name in str(component.get("Name"))), None)
        found = _VERSION.search(str(component.get("Version")))
        if since is not None and found is not None:
            version = tuple(int(part or 0) for part in found.groups())
            return ShareConversion.LOGARITHMIC if version >= since else ShareConversion.LINEAR
    return ShareConversion.LOGARITHMIC


def cpu_shares(weight: int, conversion: ShareConversion) -> int:
    """Return the engine's shares for a weight of 1 to 10000 (default 100)."""
    return max(_SHARES_MIN, min(_SHARES_MAX, _INVERSES[conversion](weight)))


def _linear(weight: int) -> int:
    return round(2 + (weight - 1) * 262_142 / 9999)


def _logarithmic(weight: int) -> int:
    log2_shares = (math.sqrt(125**2 + 4 * 612 * (math.log10(weight) + 7 / 34)) - 125) / 2
    # Runtimes round the weight up.
    return math.floor(2**log2_shares)


_INVERSES: Mapping[ShareConversion, Callable[[int], int]] = {
    ShareConversion.NONE: lambda weight: round(weight * _SHARES_PER_WEIGHT_V1),
    ShareConversion.LINEAR: _linear,
    ShareConversion.LOGARITHMIC: _logarithmic,
}
