"""Isolation by control groups that this user may write: memory, number of processes and, if asked for, CPU.

By default a guest has no CPU group of its own: the scheduler would already divide the CPUs fairly between groups, and
this driver shows how ordinary processes behave, which have no such protection.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from vmhost.drivers.cgroup_limits import LONG_PERIOD_US, GroupLimits, ceiling_period_us
from vmhost.drivers.cgroups import CONTROLLERS, ControlGroups, Usage
from vmhost.drivers.process.isolation import HOST_CPU_ONLY, CgroupEntry, Isolation
from vmhost.drivers.processes import descendants
from vmhost.model.guest import Capability, GuestSpec
from vmhost.model.host import Host, count_cpus, guests_weight
from vmhost.model.limits import Limits


class CgroupIsolation(Isolation):
    """Makes one group per guest, inside its host's group, inside this cloud's group."""

    weights_guests = True

    def __init__(self, groups: ControlGroups, *, cloud_group: str, cpu_limits: bool = False) -> None:
        super().__init__()
        self._groups = groups
        self._cloud = cloud_group
        self._cpu_limits = cpu_limits
        self._hosts: dict[str, Host] = {}
        own = ("memory", "pids", "cpu") if cpu_limits else ("memory", "pids")
        self._own = (*own, "cpuacct") if groups.version == 1 and groups.mounts.counts_cpu_apart else own

    def capabilities(self) -> tuple[Capability, ...]:
        by = f"control groups version {self._groups.version}"
        cpu = f"{by}: a weight and a maximum for each" if self._cpu_limits else f"{by}: {HOST_CPU_ONLY}"
        return (
            Capability(name="cpu", enforced=self._cpu_limits, why=cpu),
            Capability(name="memory", enforced=True, why=f"{by}, no swap on top"),
            Capability(name="pids", enforced=True, why=by),
            Capability(
                name="host", enforced=True, why=f"{by}: instances on a host share its memory and number of processes"
            ),
        )

    async def open(self) -> None:
        self._groups.kill(self._cloud)
        await asyncio.to_thread(self._groups.remove_soon, self._cloud)

    async def prepare(self, hosts: Sequence[Host]) -> None:
        self._groups.make(self._cloud, GroupLimits(cpu_weight=guests_weight(count_cpus(hosts))))
        for host in hosts:
            self._hosts[host.id] = host
            self._make_host(host.id)

    def _make_host(self, host_id: str) -> None:
        host = self._hosts.get(host_id)
        limits = GroupLimits()
        if host is not None:
            limits = GroupLimits(
                cpu_cores=host.cpu_cores if host.shared else math.inf,
                cpu_period_us=LONG_PERIOD_US,
                memory_mib=host.memory_mib,
                pids=host.pids or None,
            )
        controllers = (*CONTROLLERS, "cpuacct") if self._groups.version == 1 else CONTROLLERS
        self._groups.make(f"{self._cloud}/{host_id}", limits, controllers=controllers)

    async def build(self, spec: GuestSpec) -> None:
        await super().build(spec)
        self._make_host(spec.host_id)
        self._groups.make(self._name(spec), self._limits(spec.limits, spec.host_id), controllers=self._own)

    def _limits(self, limits: Limits, host_id: str) -> GroupLimits:
        if not self._cpu_limits:
            return GroupLimits(memory_mib=limits.memory_mib, pids=limits.pids)
        cores = limits.cpu_quota_cores
        if host_id in self._hosts:
            cores = min(cores, self._hosts[host_id].ceiling_cores)
        return GroupLimits(
            cpu_cores=cores,
            cpu_period_us=ceiling_period_us(cores, limits.cpus),
            cpu_weight=limits.cpu_weight,
            memory_mib=limits.memory_mib,
            pids=limits.pids,
        )

    def entry(self, spec: GuestSpec) -> CgroupEntry:
        return CgroupEntry(
            procs_files=self._host_procs_files(spec) + self._groups.procs_files(self._name(spec), controllers=self._own)
        )

    def _host_procs_files(self, spec: GuestSpec) -> tuple[Path, ...]:
        if self._cpu_limits or self._groups.version == 2:
            return ()
        return self._groups.procs_files(f"{self._cloud}/{spec.host_id}", controllers=("cpu",))

    async def resize(self, spec: GuestSpec, limits: Limits) -> None:
        name = self._name(spec)
        if self._groups.usage(name) is not None:
            await asyncio.to_thread(self._groups.limit, name, self._limits(limits, spec.host_id))

    def pids(self, spec: GuestSpec) -> frozenset[int]:
        return self._groups.pids(self._name(spec))

    async def usage(self, spec: GuestSpec, leaders: Collection[int]) -> Usage | None:
        used = self._groups.usage(self._name(spec))
        if used is None or used.cpu_seconds is not None:
            return used
        processes = descendants(self.pids(spec))
        return replace(used, cpu_seconds=self._meters[spec.instance_id].add(processes))

    async def kill(self, spec: GuestSpec) -> None:
        self._groups.kill(self._name(spec))

    async def remove(self, spec: GuestSpec) -> None:
        await super().remove(spec)
        await asyncio.to_thread(self._groups.remove_soon, self._name(spec))

    async def close(self) -> None:
        await self.open()

    def _name(self, spec: GuestSpec) -> str:
        return f"{self._cloud}/{spec.host_id}/{spec.instance_id}"
