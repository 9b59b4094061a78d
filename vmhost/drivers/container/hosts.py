"""A logical host as a parent control group of its guests' containers, where we may write it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence

from vmhost.base.errors import CloudError, Unsupported
from vmhost.base.logs import get_logger
from vmhost.drivers.cgroups import LONG_PERIOD_US, GroupLimits, Groups
from vmhost.drivers.container.reading import EngineInfo
from vmhost.model.cpu_share import count_cpus, guests_weight
from vmhost.model.host import Host

_log = get_logger("driver")
_REMOVE_TRIES = 20
_REMOVE_PAUSE_S = 0.05


class HostGroups:
    """The cloud's groups. `why_not` says why there are none; empty when they hold."""

    def __init__(
        self,
        *,
        cloud: str,
        info: EngineInfo,
        on_engines_machine: bool,
        detect: Callable[[], Groups] = Groups.detect,
    ) -> None:
        self._root = f"glasscloud-{cloud}"
        self._groups: Groups | None = None
        self._made: set[str] = set()
        self.why_not = ""
        if not on_engines_machine:
            self.why_not = "the engine's control groups are not this machine's"
        elif info.cgroup_driver != "cgroupfs":
            self.why_not = f"the engine leaves control groups to {info.cgroup_driver}, which owns the parents' limits"
        else:
            try:
                self._groups = detect()
            except Unsupported as error:
                self.why_not = error.message

    @property
    def holds_all(self) -> bool:
        """Whether all guests together are in a group of ours, which has a weight against other programs."""
        return self._groups is not None

    async def prepare(self, hosts: Sequence[Host]) -> None:
        """Makes a group with its limits for each host, in one for all guests; again adjusts them.

        A limit that the kernel refuses, which it may where guests live already, leaves the others standing and is told
        in `why_not`."""
        if self._groups is None:
            return
        refusals = await asyncio.to_thread(self._weigh, self._groups, hosts)
        for host in hosts:
            refusals += await asyncio.to_thread(self._set_up, self._groups, host)
        self.why_not = "; ".join(refusals)

    def _weigh(self, groups: Groups, hosts: Sequence[Host]) -> list[str]:
        """Gives all guests together their weight; what refuses, in words."""
        try:
            groups.make(self._root, GroupLimits(cpu_weight=guests_weight(count_cpus(hosts))))
        except CloudError as error:
            return [f"all hosts: {error.message}"]
        return []

    def _set_up(self, groups: Groups, host: Host) -> list[str]:
        """What of the host's wall does not stand, in words."""
        group = f"{self._root}/{host.id}"
        try:
            groups.make(group, GroupLimits())
        except CloudError as error:
            return [f"{host.id}: {error.message}"]
        self._made.add(host.id)
        refusals: list[str] = []
        cores = host.cpu_cores if host.shared else math.inf
        limits = [
            GroupLimits(cpu_cores=cores, cpu_period_us=LONG_PERIOD_US),
            GroupLimits(pids=host.pids or None),
        ]
        if (used := groups.usage(group)) is not None and used.memory_mib > host.memory_mib:
            # The kernel would end guests until the rest fits.
            refusals.append(f"{host.id}: its guests use {used.memory_mib:.0f} MiB, more than its {host.memory_mib} MiB")
        else:
            limits.append(GroupLimits(memory_mib=host.memory_mib))
        for one in limits:
            try:
                groups.limit(group, one)
            except CloudError as error:
                refusals.append(f"{host.id}: {error.message}")
        return refusals

    def parent(self, host_id: str) -> str | None:
        """The parent group of a guest on this host, as the engine wants it; None where the host has no wall."""
        return f"/{self._root}/{host_id}" if host_id in self._made else None

    async def remove(self) -> None:
        """Removes the groups. Guests must be gone; their own groups vanish a moment later."""
        if self._groups is None:
            return
        for _ in range(_REMOVE_TRIES):
            try:
                if await asyncio.to_thread(self._groups.remove, self._root):
                    return
            except CloudError as error:
                _log.warning("host_groups_left", error=error.message)
                return
            await asyncio.sleep(_REMOVE_PAUSE_S)
        _log.warning("host_groups_left", group=self._root)
