"""A guest's limits and rights in the engine's own JSON shape. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any

from vmhost.base.cpus import format_cpus
from vmhost.base.units import MIB
from vmhost.drivers.cgroups import bandwidth, ceiling_period_us
from vmhost.drivers.container import labels
from vmhost.drivers.container.reading import INIT_FOLDER
from vmhost.drivers.container.shares import Conversion, cpu_shares
from vmhost.drivers.container.users import own_user
from vmhost.model.guest import GuestSpec
from vmhost.model.image import OWN_USER
from vmhost.model.limits import Limits

_OPEN_FILES_MAX = 4096
"""Per process; the kernel has a fixed number for all of them together."""
INIT = f"{INIT_FOLDER}/init"
_LOG = {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "2"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all guests of one cloud on one engine share."""

    cloud: str
    network: str
    conversion: Conversion
    """What becomes of CPU shares on their way into a guest's control group."""
    init_volume: str = ""
    """The volume with our first process, which limits what guests print; empty: the engine's own, which does not."""
    own_users: bool
    """Whether this engine can run a guest as any user."""
    disk_limited: bool
    """Whether this engine's storage can hold a guest's disk to a size."""
    owner_labels: Mapping[str, str] = field(default_factory=dict)
    """Tell whose guests these are."""


def container_name(cloud: str, instance_id: str) -> str:
    return f"{cloud}-{instance_id}"


def container_config(
    spec: GuestSpec, setting: Setting, *, program: Sequence[str], address: IPv4Address, cgroup_parent: str | None
) -> dict[str, Any]:
    """The whole container: its program, its walls, and the labels by which it is found again.

    `program` is what runs in it, the image's own where the catalogue names none.

    An address on the instance network is promised in a label, so that it is the same at every boot."""
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
        # The image's own check would run programs in the guest that its owner did not ask for.
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": _host_config(spec, setting, cgroup_parent),
    }
    # The command is the whole program: the image's own entry point would come before it.
    config |= {"Entrypoint": [*([INIT] if setting.init_volume else ()), *program], "Cmd": []}
    if boot.user != OWN_USER:
        config["User"] = boot.user or ""
    elif setting.own_users:
        config["User"] = own_user(address)
    return config


def _host_config(spec: GuestSpec, setting: Setting, cgroup_parent: str | None) -> dict[str, Any]:
    config: dict[str, Any] = {
        **resources(spec.limits, setting.conversion),
        "NetworkMode": setting.network,
        # A first process that passes signals on and buries the dead, which a service rarely does.
        **({"Mounts": [mount(setting.init_volume, read_only=True)]} if setting.init_volume else {"Init": True}),
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "RestartPolicy": {"Name": "no"},
        "IpcMode": "private",
        "Ulimits": [{"Name": "nofile", "Soft": _OPEN_FILES_MAX, "Hard": _OPEN_FILES_MAX}],
        "LogConfig": _LOG,
    }
    if spec.boot.read_only:
        # What is written here counts as the guest's memory.
        size = max(1, spec.limits.memory_mib // 4)
        config |= {"ReadonlyRootfs": True, "Tmpfs": {"/tmp": f"rw,nosuid,nodev,size={size}m,mode=1777"}}
    elif setting.disk_limited:
        config["StorageOpt"] = {"size": f"{spec.limits.disk_gib}G"}
    if cgroup_parent is not None:
        config["CgroupParent"] = cgroup_parent
    return config


def mount(volume: str, *, read_only: bool) -> dict[str, Any]:
    """The volume with our first process in a container."""
    options = {"NoCopy": True}
    return {"Type": "volume", "Source": volume, "Target": INIT_FOLDER, "ReadOnly": read_only, "VolumeOptions": options}


def resources(limits: Limits, conversion: Conversion) -> dict[str, Any]:
    """The limits that can also be changed while the guest exists.

    The ceiling is a quota: the engine refuses a plain number of CPUs above those that it has."""
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
    """A CPU ceiling alone, for a guest on these CPUs (none: any)."""
    quota, period = bandwidth(cores, ceiling_period_us(cores, cpus))
    return {"CpuPeriod": period, "CpuQuota": -1 if quota is None else quota}


def rate_of(found: Mapping[str, str]) -> int:
    """The network rate in a guest's labels, in Mbit/s."""
    return int(found.get(labels.MBPS) or 1000)
