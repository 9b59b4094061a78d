"""Limits of Linux control groups, version 1 and 2, as the values of their files. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from vmhost.base.units import MIB

CPU_PERIOD_US = 10_000
"""The period of a guest's CPU ceiling. With the kernel's default of 100 ms, a guest that has used up its quota stands
still for tens of milliseconds; with a tenth of it, the guest just runs slower."""
LONG_PERIOD_US = 100_000
"""The period of a host's quota, where it has one: in 10 ms the same guests would always use it up before the others.
Also of a ceiling that equals all CPUs of a guest, which with 10 ms would cost about 7 % of them."""
_QUOTA_US_MIN = 1000  # the kernel's minimum


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLimits:
    """A group's limits. None leaves a limit unset."""

    cpu_cores: float | None = None
    """Infinite removes a ceiling."""
    cpu_period_us: int = CPU_PERIOD_US
    cpu_weight: int | None = None
    """On version 2's scale, 1 to 10000 (default 100)."""
    memory_mib: int | None = None
    """Without swap on top."""
    pids: int | None = None


class FileValue(NamedTuple):
    """A value for a file of a group."""

    controller: str
    file: str
    value: str
    optional: bool = False
    """Whether some kernels do not have the file."""


def file_values(version: int, limits: GroupLimits) -> tuple[FileValue, ...]:
    """Return what to write for these limits, in an order in which the kernel accepts each value after any other."""
    values = tuple(_file_values_v1(limits) if version == 1 else _file_values_v2(limits))
    return values if limits.pids is None else (*values, FileValue("pids", "pids.max", str(limits.pids)))


def _file_values_v1(limits: GroupLimits) -> Iterator[FileValue]:
    if limits.cpu_weight is not None:
        yield FileValue("cpu", "cpu.shares", str(max(2, min(262_144, round(limits.cpu_weight * 10.24)))))
    if limits.cpu_cores is not None:
        quota, period = bandwidth(limits.cpu_cores, limits.cpu_period_us)
        yield FileValue("cpu", "cpu.cfs_quota_us", "-1")
        yield FileValue("cpu", "cpu.cfs_period_us", str(period))
        if quota is not None:
            yield FileValue("cpu", "cpu.cfs_quota_us", str(quota))
    if limits.memory_mib is not None:
        size, with_swap = str(limits.memory_mib * MIB), "memory.memsw.limit_in_bytes"
        yield FileValue("memory", with_swap, "-1", optional=True)
        yield FileValue("memory", "memory.limit_in_bytes", size)
        yield FileValue("memory", with_swap, size, optional=True)


def _file_values_v2(limits: GroupLimits) -> Iterator[FileValue]:
    if limits.cpu_weight is not None:
        yield FileValue("cpu", "cpu.weight", str(max(1, min(10_000, limits.cpu_weight))))
    if limits.cpu_cores is not None:
        quota, period = bandwidth(limits.cpu_cores, limits.cpu_period_us)
        yield FileValue("cpu", "cpu.max", f"{'max' if quota is None else quota} {period}")
    if limits.memory_mib is not None:
        yield FileValue("memory", "memory.max", str(limits.memory_mib * MIB))
        yield FileValue("memory", "memory.swap.max", "0", optional=True)


def ceiling_period_us(cores: float, cpus: Collection[int]) -> int:
    """Return the period of a guest's ceiling on these CPUs (empty for any)."""
    return LONG_PERIOD_US if cpus and cores >= len(cpus) else CPU_PERIOD_US


def bandwidth(cores: float, period_us: int = CPU_PERIOD_US) -> tuple[int | None, int]:
    """Return quota and period in microseconds for this number of cores; no quota for infinite ones.

    The kernel refuses a quota under one millisecond, so small ceilings get a longer period."""
    if math.isinf(cores):
        return None, period_us
    if cores * period_us < _QUOTA_US_MIN:
        period_us = LONG_PERIOD_US
    return max(_QUOTA_US_MIN, round(cores * period_us)), period_us
