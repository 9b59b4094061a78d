"""What this engine isolates, and why it does not isolate the rest or some of the guests. Pure."""

from __future__ import annotations

from ipaddress import IPv4Address

from vmhost.base.units import short_release
from vmhost.drivers.container.container_config import own_user
from vmhost.drivers.container.engine_responses import Container, EngineInfo
from vmhost.drivers.container.firewall import DESTINATIONS_MAX, FLOWS_MAX, NEW_FLOWS_PER_S
from vmhost.model.guest import Capabilities, Capability

STANDS_FOR = "containers: all share one Linux kernel"

_LIMITED = "inotify instances and pipe memory"
_NOT_LIMITED = "the kernel's pseudo-terminals are shared by all (kernel.pty.max)"
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
        _limit(info, "cpu", f"a weight for the guarantee and a quota for the maximum, {kernel}"),
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
        driver="container",
        stands_for=STANDS_FOR,
        one=one,
        items=items,
        addresses_reachable=addresses_reachable,
        network="a network of the Docker engine",
    )


def _limit(info: EngineInfo, name: str, why: str) -> Capability:
    if name in info.unsupported_limits:
        return Capability(name=name, enforced=False, why=f"the kernel under the engine cannot limit {name}")
    return Capability(name=name, enforced=True, why=why)


def _swap(info: EngineInfo) -> str:
    no_swap_limit = "swap" in info.unsupported_limits
    return "with swap on top, which the kernel does not count" if no_swap_limit else "no swap on top"


class GuestCheck:
    """Records which guests lack something that the others have, and why."""

    def __init__(self) -> None:
        self._problems: dict[str, str] = {}

    def check(self, container: Container) -> None:
        """Look at a running guest."""
        if problem := self._problem(container):
            self._problems[container.instance_id] = problem
        else:
            self.forget(container.instance_id)

    def forget(self, instance_id: str) -> None:
        """Forget a guest that was removed."""
        self._problems.pop(instance_id, None)

    def _problem(self, container: Container) -> str:
        """Return what is wrong with the guest; empty when nothing is."""
        raise NotImplementedError

    def capability(self) -> Capability:
        """Return whether all guests have it."""
        raise NotImplementedError


class GuestUsers(GuestCheck):
    """Records which guests have a kernel user of their own: the kernel limits inotify instances and pipe memory per
    user, not per container."""

    def __init__(self, info: EngineInfo) -> None:
        super().__init__()
        self._why_not = "the engine maps users to a range that is too small" if info.maps_users else ""

    @property
    def possible(self) -> bool:
        """Return whether this engine can run a guest as any user."""
        return not self._why_not

    def _problem(self, container: Container) -> str:
        address = container.wanted_address
        return "" if address and container.user == own_user(IPv4Address(address)) else container.image or "other images"

    def capability(self) -> Capability:
        why = self._why_not
        if not why and (images := sorted(set(self._problems.values()))):
            why = (
                f"instances of {', '.join(images)} share {_LIMITED}; "
                f'user = "own" in the image catalogue gives each its own; {_NOT_LIMITED}'
            )
        return Capability(name="user", enforced=not why, why=why or f"each has its own {_LIMITED}; {_NOT_LIMITED}")
