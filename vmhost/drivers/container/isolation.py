"""What this engine isolates, and why it does not isolate the rest. Pure."""

from __future__ import annotations

from vmhost.base.units import short_release
from vmhost.drivers.container.engine_responses import EngineInfo
from vmhost.drivers.container.firewall import DESTINATIONS_MAX, FLOWS_MAX, NEW_FLOWS_PER_S
from vmhost.model.guest import Capabilities, Capability

STANDS_FOR = "containers: all share one Linux kernel"

_QUOTA_STORAGE = ("btrfs", "zfs", "overlay2 on xfs")


def may_limit_disks(info: EngineInfo) -> bool:
    """Return whether this storage may be able to limit a container's disk; only a try shows whether it does."""
    return info.storage.startswith(_QUOTA_STORAGE)


def capabilities(
    info: EngineInfo,
    *,
    disk_limited: bool,
    rules_by: str,
    checked: tuple[Capability, ...] = (),
    host_why_not: str,
    addresses_reachable: bool = True,
    connections_uncounted: str = "",
) -> Capabilities:
    """Return everything that the container driver isolates. `rules_by` says what sets the rules of guests' networks."""
    disk = (
        Capability(name="disk", enforced=True, why=f"by {info.storage}")
        if disk_limited
        else Capability(
            name="disk", enforced=False, why=f"{info.storage} has no quotas for containers; read-only ones cannot write"
        )
    )
    kernel = f"control groups version {info.cgroup_version}"
    items = (
        Capability(name="crash", enforced=True, why="a crash ends only its own instance"),
        _limit(info, "cpu", f"a weight for the guarantee and a quota for the ceiling, {kernel}"),
        _limit(info, "memory", f"{_swap(info)}, {kernel}"),
        _limit(info, "pids", kernel),
        *checked,
        disk,
        Capability(name="network", enforced=True, why=f"rules and a rate in each instance's network, set {rules_by}"),
        Capability(
            name="connections",
            enforced=not connections_uncounted,
            why=connections_uncounted
            or f"{FLOWS_MAX} open, {NEW_FLOWS_PER_S} new a second, {DESTINATIONS_MAX} addresses a minute",
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
    return Capabilities(
        driver="container", stands_for=STANDS_FOR, one=one, items=items, addresses_reachable=addresses_reachable
    )


def _limit(info: EngineInfo, name: str, why: str) -> Capability:
    if name in info.unsupported_limits:
        return Capability(name=name, enforced=False, why=f"the kernel under the engine cannot limit {name}")
    return Capability(name=name, enforced=True, why=why)


def _swap(info: EngineInfo) -> str:
    no_swap_limit = "swap" in info.unsupported_limits
    return "with swap on top, which the kernel does not count" if no_swap_limit else "no swap on top"
