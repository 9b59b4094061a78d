"""Logical hosts as parent control groups of their guests' containers, where this program may write control groups."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Iterator, Sequence

from vmhost.base.errors import CloudError, Unsupported
from vmhost.base.logs import get_logger
from vmhost.drivers.cgroup_limits import LONG_PERIOD_US, GroupLimits
from vmhost.drivers.cgroups import GROUP_PREFIX, ControlGroups
from vmhost.drivers.container.engine_responses import EngineInfo
from vmhost.model.host import Host, count_cpus, guests_weight

_log = get_logger("driver")


class HostCgroups:
    """The control groups of a cloud's hosts. `why_not` says what is not enforced and why; empty when all is."""

    def __init__(
        self,
        *,
        cloud: str,
        info: EngineInfo,
        on_engines_machine: bool,
        detect: Callable[[], ControlGroups] = ControlGroups.detect,
    ) -> None:
        self._root = GROUP_PREFIX + cloud
        self._groups: ControlGroups | None = None
        self._made: set[str] = set()
        self.why_not = ""
        if not on_engines_machine:
            self.why_not = "the engine's control groups are not on this computer"
        elif info.cgroup_driver != "cgroupfs":
            self.why_not = f"the engine's control groups are managed by {info.cgroup_driver}"
        else:
            try:
                self._groups = detect()
            except Unsupported as error:
                self.why_not = error.message

    @property
    def holds_all(self) -> bool:
        """Return whether all guests are in one group, which has a weight against other programs."""
        return self._groups is not None

    async def prepare(self, hosts: Sequence[Host]) -> None:
        """Make a group for all guests and, inside it, a group with its limits for each host; again adjusts them.

        The kernel may refuse a limit where guests are running already. The other limits hold then, and `why_not` says
        so."""
        if self._groups is not None:
            self.why_not = "; ".join(await asyncio.to_thread(self._refusals, self._groups, hosts))

    def _refusals(self, groups: ControlGroups, hosts: Sequence[Host]) -> list[str]:
        """Set all limits, and return what was refused."""
        refusals: list[str] = []
        with _noted(refusals, "all hosts"):
            groups.make(self._root, GroupLimits(cpu_weight=guests_weight(count_cpus(hosts))))
        for host in hosts:
            group = f"{self._root}/{host.id}"
            with _noted(refusals, host.id):
                groups.make(group, GroupLimits())
                self._made.add(host.id)
                cores = host.cpu_cores if host.shared else math.inf
                with _noted(refusals, host.id):
                    groups.limit(group, GroupLimits(cpu_cores=cores, cpu_period_us=LONG_PERIOD_US))
                with _noted(refusals, host.id):
                    groups.limit(group, GroupLimits(pids=host.pids or None))
                used = groups.usage(group)
                if used is not None and used.memory_mib > host.memory_mib:
                    # The kernel would kill guests until the others fit.
                    more = f"{used.memory_mib:.0f} MiB, more than its {host.memory_mib} MiB"
                    refusals.append(f"{host.id}: its instances use {more}")
                else:
                    groups.limit(group, GroupLimits(memory_mib=host.memory_mib))
        return refusals

    def parent(self, host_id: str) -> str | None:
        """Return the parent group of a guest on this host, as the engine takes it; None where the host has none."""
        return f"/{self._root}/{host_id}" if host_id in self._made else None

    async def remove(self) -> None:
        """Remove the groups, after the guests. Guests' own groups disappear shortly after them."""
        if self._groups is not None and not await asyncio.to_thread(self._groups.remove_soon, self._root):
            _log.warning("host_cgroups_not_removed", group=self._root)


@contextlib.contextmanager
def _noted(refusals: list[str], subject: str) -> Iterator[None]:
    """Add a failure to the refusals instead of raising it."""
    try:
        yield
    except CloudError as error:
        refusals.append(f"{subject}: {error.message}")
