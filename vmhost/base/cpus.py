"""Sets of CPUs: parse and format Linux's lists, and group the CPUs of each physical core."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

_SIBLINGS = "devices/system/cpu/cpu{}/topology/thread_siblings_list"


def parse_cpus(text: str) -> tuple[int, ...]:
    """Parse a list such as "0-3,6" into CPU numbers, in order. Raises ValueError for anything else."""
    found: set[int] = set()
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(found))


def format_cpus(cpus: Iterable[int]) -> str:
    """Format CPU numbers as a list such as "0-3,6"."""
    ranges: list[list[int]] = []
    for cpu in sorted(set(cpus)):
        if ranges and cpu == ranges[-1][1] + 1:
            ranges[-1][1] = cpu
        else:
            ranges.append([cpu, cpu])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def physical_cores(cpus: Iterable[int], sys: Path = Path("/sys")) -> tuple[tuple[int, ...], ...]:
    """Group the CPUs by physical core; a CPU whose core is unknown stands alone."""
    wanted = frozenset(cpus)
    return tuple(sorted({_siblings(cpu, wanted, sys) for cpu in wanted}))


def _siblings(cpu: int, wanted: frozenset[int], sys: Path) -> tuple[int, ...]:
    try:
        found = parse_cpus((sys / _SIBLINGS.format(cpu)).read_text())
    except (OSError, ValueError):
        return (cpu,)
    return tuple(one for one in found if one in wanted) if cpu in found else (cpu,)
