"""Divides a computer into logical hosts. Pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_lowercase

from vmhost.base.errors import InvalidInput
from vmhost.model.host import Host, equal_sets, reserved_cores
from vmhost.model.region import REGION, ZONES

HOSTS_MAX = len(ZONES)
_KEPT_MIB = 1024
_KEPT_SHARE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """The size of a computer before it is divided into hosts."""

    cpu_cores: float
    memory_mib: int
    pids: int
    cores: tuple[tuple[int, ...], ...] = ()
    """The CPUs that guests may run on, grouped by physical core; empty where they are not known."""
    weights_guests: bool = False
    """Whether all guests together have a CPU weight against the computer's other programs."""


def split(
    capacity: Capacity, hosts: int, *, driver: str = "", part: int = 0, parts: int = 1, most: int = HOSTS_MAX
) -> tuple[Host, ...]:
    """Divide the computer into equal logical hosts, without what the platform itself needs. Each of the first six has a
    zone of its own. If several drivers share the computer, return the hosts of this one, number `part` of `parts`.

    Each host is a set of CPUs; if there are more hosts than CPUs, a share of all. Not divided: what busy programs of
    the platform may take (`reserved_cores`), and the larger of 1 GiB and a quarter of the memory.
    Raises InvalidInput for a wrong number of hosts."""
    if not 1 <= hosts <= most:
        raise InvalidInput(f"the number of hosts, {hosts}, is out of range (1 to {most})")
    memory = max(0, capacity.memory_mib - max(_KEPT_MIB, int(capacity.memory_mib * _KEPT_SHARE)))
    known = tuple(sorted(cpu for core in capacity.cores for cpu in core))
    total = hosts * parts
    sets = equal_sets(capacity.cores, total)
    own = float(len(sets[0]) * total) if sets else capacity.cpu_cores
    kept = reserved_cores(own, leftover=len(known) - int(own) if sets else 0, secured=capacity.weights_guests)
    own_sets = (sets or (known,) * total)[part * hosts : (part + 1) * hosts]
    return tuple(
        Host(
            id=f"host-{_letters(number)}",
            zone=f"{REGION}{ZONES[number % len(ZONES)]}",
            driver=driver,
            cpu_cores=round(max(0.0, own - kept) / total, 3),
            memory_mib=memory // total,
            pids=capacity.pids // (total + 1),
            cpus=cpus,
            shared=not sets,
        )
        for number, cpus in enumerate(own_sets)
    )


def _letters(number: int) -> str:
    """Return the name of a host: a to z, then aa, ab and so on."""
    first, last = divmod(number, len(ascii_lowercase))
    return (ascii_lowercase[first - 1] if first else "") + ascii_lowercase[last]
