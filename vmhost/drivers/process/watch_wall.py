"""The last way: no wall of the OS. Use is measured, and the driver's watcher ends a guest above its memory."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Collection, Mapping, Sequence

from vmhost.drivers.cgroups import Usage
from vmhost.drivers.process import table
from vmhost.drivers.process.table import CpuMeter, Row, own_memory_kib
from vmhost.drivers.process.walls import NO_CPU_WALL, Entry
from vmhost.model.guest import Capability, GuestSpec
from vmhost.model.host import Host
from vmhost.model.limits import Limits

_TABLE_AGE_S = 0.2


class WatchWall:
    """Measures from the process table. `why` says what the OS does not let us do here."""

    secures_guests = False
    watched = True

    def __init__(self, why: str) -> None:
        self._why = why
        self._meters: dict[str, CpuMeter] = {}
        self._reading = asyncio.Lock()
        self._table: Mapping[int, Row] = {}
        self._read_at = float("-inf")

    def capabilities(self) -> tuple[Capability, ...]:
        watched = "watched: it is measured each 0.5 s and ended above its limit"
        return (
            Capability(name="cpu", enforced=False, why=NO_CPU_WALL),
            Capability(name="memory", enforced=False, why=f"{watched}; {self._why}"),
            Capability(name="pids", enforced=False, why=f"nothing counts a guest's processes here; {self._why}"),
            Capability(name="host", enforced=False, why=f"no wall stands round a host here; {self._why}"),
        )

    async def open(self) -> None:
        """An earlier run leaves nothing of this kind."""

    async def prepare(self, hosts: Sequence[Host]) -> None:
        """There is nothing to build."""

    async def build(self, spec: GuestSpec) -> None:
        self._meters[spec.instance_id] = CpuMeter()

    def entry(self, spec: GuestSpec) -> Entry:
        return Entry()

    async def resize(self, spec: GuestSpec, limits: Limits) -> None:
        """The watcher reads the guest's limits anew each time."""

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

    async def _family(self, leaders: Collection[int]) -> tuple[Row, ...]:
        """On Linux a few file reads; elsewhere one `ps` for all guests of a round, which a thread waits for."""
        if sys.platform == "linux":
            return table.family(leaders)
        async with self._reading:
            if time.monotonic() - self._read_at > _TABLE_AGE_S:
                self._table = await asyncio.to_thread(table.read_all)
                self._read_at = time.monotonic()
        return tuple(self._table[pid] for pid in table.members(leaders, self._table))

    async def kill(self, spec: GuestSpec) -> None:
        """Only the process table knows who it is."""

    async def remove(self, spec: GuestSpec) -> None:
        self._meters.pop(spec.instance_id, None)

    async def close(self, *, remove: bool) -> None:
        """There is nothing to take down."""


def _memory_kib(rows: Collection[Row], limit_kib: int) -> int:
    """Resident memory counts what processes share once for each; only if that is too much, the dear exact way."""
    rough = sum(row.memory_kib for row in rows)
    if rough <= limit_kib or len(rows) < 2:
        return rough
    return sum(row.memory_kib if (exact := own_memory_kib(row.pid)) is None else exact for row in rows)
