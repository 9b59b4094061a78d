"""Which walls hold on this engine, and why the rest does not. Pure."""

from __future__ import annotations

from vmhost.base.units import short_release
from vmhost.drivers.container.firewall import DESTINATIONS_MAX, FLOWS_MAX, NEW_FLOWS_PER_S
from vmhost.drivers.container.reading import EngineInfo
from vmhost.model.guest import Capabilities, Capability

STANDS_FOR = "containers: all share one Linux kernel"

_QUOTA_STORAGE = ("btrfs", "zfs", "overlay2 on xfs")


def may_limit_disks(info: EngineInfo) -> bool:
    """Whether this storage can hold a container's disk to a size at all; only trying tells whether it does."""
    return info.storage.startswith(_QUOTA_STORAGE)


def capabilities(
    info: EngineInfo,
    *,
    disk_limited: bool,
    laid: str,
    checked: tuple[Capability, ...] = (),
    host_why_not: str,
    uncounted: str = "",
) -> Capabilities:
    """All walls of the container driver; `laid` says who lays rules in guests' networks."""
    disk = (
        Capability(name="disk", enforced=True, why=f"by {info.storage}")
        if disk_limited
        else Capability(
            name="disk", enforced=False, why=f"{info.storage} has no quotas for containers; read-only guests write none"
        )
    )
    kernel = f"control groups version {info.cgroup_version}"
    items = (
        Capability(name="crash", enforced=True, why="one that dies takes no other along"),
        _limit(info, "cpu", f"a weight for what is guaranteed and a quota for the ceiling, {kernel}"),
        _limit(info, "memory", f"{_swap(info)}, {kernel}"),
        _limit(info, "pids", kernel),
        *checked,
        disk,
        Capability(name="network", enforced=True, why=f"rules and rate in each guest's network, laid {laid}"),
        Capability(
            name="connections",
            enforced=not uncounted,
            why=uncounted or f"{FLOWS_MAX} open, {NEW_FLOWS_PER_S} new a second, {DESTINATIONS_MAX} addresses a minute",
        ),
        Capability(
            name="host",
            enforced=not host_why_not,
            why=f"memory and processes of a host as a whole: {host_why_not}"
            if host_why_not
            else f"a parent group for each host limits memory and processes, {kernel}",
        ),
    )
    one = f"container, shared kernel {short_release(info.kernel)}".strip()
    return Capabilities(driver="container", stands_for=STANDS_FOR, one=one, items=items)


def _limit(info: EngineInfo, name: str, why: str) -> Capability:
    if name in info.lacks:
        return Capability(name=name, enforced=False, why=f"the kernel under the engine cannot limit {name}")
    return Capability(name=name, enforced=True, why=why)


def _swap(info: EngineInfo) -> str:
    return "swap comes on top, for its kernel does not count that" if "swap" in info.lacks else "no swap on top"
