"""Isolation where the OS enforces no limits: the driver measures guests and kills those above their memory limit."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Collection, Mapping, Sequence

from vmhost.drivers.cgroups import Usage
from vmhost.drivers.process import process_table
from vmhost.drivers.process.isolation import NO_CPU_LIMITS, CgroupEntry
from vmhost.drivers.process.process_table import CpuMeter, ProcessRow, own_memory_kib
from vmhost.model.guest import Capability, GuestSpec
from vmhost.model.host import Host
from vmhost.model.limits import Limits

_TABLE_AGE_S = 0.2


class PolledIsolation:
    """Measures guests from the process table. `why` says what the OS does not let this user do."""

    weights_guests = False
    polled = True

    def __init__(self, why: str) -> None:
        self._why = why
        self._meters: dict[str, CpuMeter] = {}
        self._reading = asyncio.Lock()
        self._table: Mapping[int, ProcessRow] = {}
        self._read_at = float("-inf")

    def capabilities(self) -> tuple[Capability, ...]:
        polled = "measured every 0.5 s; an instance above its limit is killed"
        return (
            Capability(name="cpu", enforced=False, why=NO_CPU_LIMITS),
            Capability(name="memory", enforced=False, why=f"{polled}; {self._why}"),
            Capability(name="pids", enforced=False, why=f"not limited; {self._why}"),
            Capability(name="host", enforced=False, why=f"not limited; {self._why}"),
        )

    async def open(self) -> None:
        """Do nothing: an earlier run leaves no groups."""

    async def prepare(self, hosts: Sequence[Host]) -> None:
        """Do nothing: hosts have no limits here."""

    async def build(self, spec: GuestSpec) -> None:
        self._meters[spec.instance_id] = CpuMeter()

    def entry(self, spec: GuestSpec) -> CgroupEntry:
        return CgroupEntry()

    async def resize(self, spec: GuestSpec, limits: Limits) -> None:
        """Do nothing: the driver compares with the guest's current limits at each measurement."""

    def pids(self, spec: GuestSpec) -> frozenset[int]:
        return frozenset()

    async def usage(self, spec: GuestSpec, leaders: Collection[int]) -> Usage | None:
        rows = await self._family(leaders)
        meter = self._meters.setdefault(spec.instance_id, CpuMeter())
        return Usage(
            cpu_seconds=meter.add(rows),
            memory_mib=_memory_kib(rows, spec.limits.memory_mib * 1024) / 1024,
            pids=len(rows),
            throttled_seconds=None,
            oom_kills=None,
        )

    async def _family(self, leaders: Collection[int]) -> tuple[ProcessRow, ...]:
        """Read the guest's processes: on Linux from a few files, elsewhere from one `ps` for all guests."""
        if sys.platform == "linux":
            return process_table.family(leaders)
        async with self._reading:
            if time.monotonic() - self._read_at > _TABLE_AGE_S:
                self._table = await asyncio.to_thread(process_table.read_all)
                self._read_at = time.monotonic()
        return tuple(self._table[pid] for pid in process_table.members(leaders, self._table))

    async def kill(self, spec: GuestSpec) -> None:
        """Do nothing: without a group, the driver kills the processes that the process table names."""

    async def remove(self, spec: GuestSpec) -> None:
        self._meters.pop(spec.instance_id, None)

    async def close(self, *, remove: bool) -> None:
        """Do nothing."""


def _memory_kib(rows: Collection[ProcessRow], limit_kib: int) -> int:
    """Return the family's memory. Resident sizes count shared pages once per process; only if their sum is above the
    limit is the exact, slower figure read."""
    rough = sum(row.memory_kib for row in rows)
    if rough <= limit_kib or len(rows) < 2:
        return rough
    return sum(row.memory_kib if (exact := own_memory_kib(row.pid)) is None else exact for row in rows)
