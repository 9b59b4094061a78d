"""Which host an instance goes to, or why to none. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vmhost.base.errors import NoCapacity, NotFound
from vmhost.control.sizing import guaranteed_cores
from vmhost.model.host import Host, HostUse
from vmhost.model.instance_type import InstanceType

_CPU_SLACK = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A host's promise (overcommit already in it) and what of it is given away."""

    host: Host
    use: HostUse

    @property
    def free_cores(self) -> float:
        """Cores that may still be promised."""
        return max(0.0, round(self.host.cpu_cores - self.use.cpu_cores, 4))

    @property
    def free_mib(self) -> int:
        """Memory that may still be promised."""
        return max(0, self.host.memory_mib - self.use.memory_mib)

    def fits(self, kind: InstanceType) -> bool:
        """Whether one more of this type keeps every promise."""
        return self.how_many(kind) > 0

    def how_many(self, kind: InstanceType) -> int:
        """How many more of this type keep every promise."""
        return min(self._by_cores(kind), self._by_memory(kind))

    def lacks(self, kind: InstanceType) -> str:
        """What the host is short of for one more of this type; empty where it fits."""
        short = []
        if not self._by_cores(kind):
            short.append((f"{self.free_cores:g} of {self.host.cpu_cores:g} cores", f"{guaranteed_cores(kind):g} cores"))
        if not self._by_memory(kind):
            short.append((f"{self.free_mib} of {self.host.memory_mib} MiB", f"{kind.memory_mib} MiB"))
        if not short:
            return ""
        free, needed = (" and ".join(words) for words in zip(*short, strict=True))
        return f"{self.host.id} has {free} free; {kind.name} needs {needed}"

    def _by_cores(self, kind: InstanceType) -> int:
        return int((self.free_cores + _CPU_SLACK) / guaranteed_cores(kind))

    def _by_memory(self, kind: InstanceType) -> int:
        return self.free_mib // kind.memory_mib

    def with_one(self, kind: InstanceType) -> Room:
        """The host with one more of this type."""
        use = HostUse(
            cpu_cores=self.use.cpu_cores + guaranteed_cores(kind),
            memory_mib=self.use.memory_mib + kind.memory_mib,
            pids=self.use.pids,
            instances=self.use.instances + 1,
        )
        return replace(self, use=use)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Where the instance must go, if the caller cares."""

    zone: str | None = None
    host_id: str | None = None

    def allows(self, host: Host) -> bool:
        """Whether the host is one of those wished for."""
        return self.zone in (None, host.zone) and self.host_id in (None, host.id)


def place(
    kind: InstanceType,
    rooms: Sequence[Room],
    *,
    wish: Wish | None = None,
    peers: Mapping[str, int] | None = None,
    overcommit: float = 1.0,
) -> Host:
    """The host for one more instance: the one with the fewest `peers` (instances per host that it should keep away
    from), then the emptiest, then by id.

    Raises NoCapacity that says what is needed, free, and what to do; NotFound for a zone or host that is not here."""
    wish, peers = wish or Wish(), peers or {}
    allowed = [room for room in rooms if wish.allows(room.host)]
    if not allowed:
        raise NotFound(_unknown(wish, rooms), code="InvalidParameterValue")
    fitting = [room for room in allowed if room.fits(kind)]
    if not fitting:
        raise NoCapacity(refusal(kind, allowed, overcommit))
    best = min(fitting, key=lambda room: (peers.get(room.host.id, 0), _fullness(room.with_one(kind)), room.host.id))
    return best.host


def refusal(kind: InstanceType, rooms: Sequence[Room], overcommit: float) -> str:
    """What is needed, what is free on each host, and the flag that promises more."""
    free = "; ".join(f"{room.host.id} has {room.free_cores:g} cores and {room.free_mib} MiB" for room in rooms)
    factor = f"--overcommit N (now {overcommit:g})"
    return (
        f"{kind.name} needs {guaranteed_cores(kind):g} cores and {kind.memory_mib} MiB; free: {free}. "
        f"Terminate something, take a smaller type, or promise more than there is with {factor}"
    )


def _fullness(room: Room) -> float:
    cores = room.use.cpu_cores / room.host.cpu_cores if room.host.cpu_cores else 1.0
    memory = room.use.memory_mib / room.host.memory_mib if room.host.memory_mib else 1.0
    return round(max(cores, memory), 6)


def _unknown(wish: Wish, rooms: Sequence[Room]) -> str:
    asked = " in ".join(part for part in (wish.host_id or "host", wish.zone) if part)
    known = ", ".join(f"{room.host.id} in {room.host.zone}" for room in rooms)
    return f"there is no {asked} here; there are {known}"
