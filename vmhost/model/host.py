"""A host: a computer, or a share of one, on which instances are placed; and how the CPUs are divided between hosts, and
between all guests and the other programs of the computer. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_BUSY_PROGRAMS = 3
"""The platform, the front end and the load generator each use at most one CPU."""
_WEIGHT_EACH = 600
"""Weight of all guests together for each of their CPUs; an ordinary program has 100. Three other busy programs then
take at most 3 / 6 = half a CPU from the guests, however the scheduler distributes them."""
_WEIGHT_MAX = 10_000
"""The maximum in control groups version 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The size of a host."""

    id: str
    """"host-a"; also what the API sends as Placement.HostId."""
    zone: str
    cpu_cores: float
    """Cores that can be guaranteed: what guests get even while the platform's own programs are busy."""
    memory_mib: int
    pids: int
    cpus: tuple[int, ...] = ()
    """The CPUs that its guests run on; empty if they are unknown."""
    shared: bool = True
    """Whether other hosts run on the same CPUs, so that only a quota of `cpu_cores` divides them."""
    driver: str = ""
    """The driver that runs its guests."""

    @property
    def ceiling_cores(self) -> float:
        """Return the maximum cores that its guests can use together."""
        return self.cpu_cores if self.shared else float(len(self.cpus))


@dataclass(frozen=True, slots=True, kw_only=True)
class HostUse:
    """The resources allocated to the instances on a host."""

    cpu_cores: float = 0.0
    memory_mib: int = 0
    pids: int = 0
    instances: int = 0


def count_cpus(hosts: Sequence[Host]) -> int:
    """Return the number of CPUs that these hosts have together."""
    known = {cpu for host in hosts for cpu in host.cpus}
    return len(known) or max(1, round(sum(host.cpu_cores for host in hosts)))


def guests_weight(cpus: int) -> int:
    """Return the weight of all guests together on this number of CPUs, on the scale of control groups version 2."""
    return max(1, min(_WEIGHT_MAX, _WEIGHT_EACH * cpus))


def reserved_cores(cpus: float, *, leftover: int, secured: bool) -> float:
    """Return the cores that are not guaranteed to guests, because busy programs of the platform may take them.

    `secured`: the guests together have `guests_weight`; the scheduler then moves busy programs to the `leftover` CPUs,
    which no host has. Without it a busy program stays where it is and gets as much of a CPU as all guests there."""
    if not secured:
        return min(cpus / 2, float(_BUSY_PROGRAMS))
    return max(0.0, _BUSY_PROGRAMS * 100 * cpus / guests_weight(max(1, round(cpus))) - leftover)


def equal_sets(cores: Sequence[Sequence[int]], hosts: int) -> tuple[tuple[int, ...], ...]:
    """Return one set of CPUs for each host, all of one size; nothing if there are more hosts than CPUs.

    `cores` are physical cores, each with its threads. A physical core stays whole, and each host gets as many cores of
    each kind; only where that is impossible are the threads of a core divided."""
    return _dealt(cores, hosts) or _dealt([(cpu,) for core in cores for cpu in core], hosts)


def _dealt(cores: Sequence[Sequence[int]], hosts: int) -> tuple[tuple[int, ...], ...]:
    sets: list[list[int]] = [[] for _ in range(hosts)]
    for threads in sorted({len(core) for core in cores}):
        alike = sorted(tuple(core) for core in cores if len(core) == threads)
        each = len(alike) // hosts
        for number, cpus in enumerate(sets):
            cpus += [cpu for core in alike[number * each : (number + 1) * each] for cpu in core]
    return tuple(tuple(sorted(cpus)) for cpus in sets) if sets and sets[0] else ()
