"""Durations, sizes and sets of CPUs, as people and Linux write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from vmhost.base.errors import InvalidInput

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?")
_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmg]?)(?:i?b)?", re.IGNORECASE)
_SIZE_UNITS = {"": 1, "k": KIB, "m": MIB, "g": GIB}
_SIBLINGS = "devices/system/cpu/cpu{}/topology/thread_siblings_list"


def parse_duration(text: str) -> float:
    """Return the seconds in "30s", "1.5m", "250ms", "2h" or a plain number of seconds. Raises InvalidInput."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise InvalidInput(f"invalid duration {text!r}; use a number with ms, s, m or h, such as 30s")
    return float(match[1]) * _DURATION_UNITS[match[2]]


def parse_size(text: str) -> int:
    """Return the bytes in "512", "64k", "512MiB" or "2g" (powers of 1024). Raises InvalidInput."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise InvalidInput(f"invalid size {text!r}; use a number with k, m or g, such as 512m")
    return int(float(match[1]) * _SIZE_UNITS[match[2].lower()])


def short_release(release: str) -> str:
    """Shorten a kernel release: "6.18" from "6.18.3-cloud-amd64"; empty if it has no such form."""
    match = re.match(r"\d+\.\d+", release)
    return match[0] if match else ""


def mib(size_bytes: float) -> float:
    """Convert bytes to MiB."""
    return size_bytes / MIB


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
