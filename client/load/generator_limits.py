"""Where the load generator itself, not the service, was the limit: what a process may use, and what ran out."""

from __future__ import annotations

import contextlib
import errno
import resource
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Shortage(StrEnum):
    """What the system did not have left when a process opened a connection."""

    NONE = ""
    FILES = "open files"
    PORTS = "local ports"
    MEMORY = "network memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorLimits:
    """The limits of a process: `connections` is the most at once (flows of a script; 0: each user has its own), and
    `waited` counts the arrivals for which all were busy.

    `first_service_ms` is the mean service time of the first good responses: what the service needs before requests
    queue. `short_of` is what ran out, in `short_times` attempts to connect; `files_max` is the limit of open files.
    `used_up` is the data source whose last row ended the run."""

    connections: int = 0
    waited: int = 0
    first_service_ms: float | None = None
    short_of: Shortage = Shortage.NONE
    short_times: int = 0
    files_max: int = 0
    used_up: str = ""


NO_LIMITS = GeneratorLimits()


def combine_limits(parts: Iterable[GeneratorLimits]) -> GeneratorLimits:
    each = tuple(parts)
    firsts = [part.first_service_ms for part in each if part.first_service_ms is not None]
    return GeneratorLimits(
        connections=sum(part.connections for part in each),
        waited=sum(part.waited for part in each),
        first_service_ms=sum(firsts) / len(firsts) if firsts else None,
        short_of=next((part.short_of for part in each if part.short_of), Shortage.NONE),
        short_times=sum(part.short_times for part in each),
        used_up=next((part.used_up for part in each if part.used_up), ""),
        files_max=max((part.files_max for part in each), default=0),
    )


_WANTED = 65_536
_WANTED_AT_LEAST = 10_240
"""The most that macOS gives where it reports no limit."""
_SHORTAGES = {
    errno.EMFILE: Shortage.FILES,
    errno.ENFILE: Shortage.FILES,
    errno.EADDRNOTAVAIL: Shortage.PORTS,
    errno.ENOBUFS: Shortage.MEMORY,
    errno.ENOMEM: Shortage.MEMORY,
}


def raise_file_limit() -> None:
    """Raise this process's soft limit of open files as far as its hard limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (_WANTED, _WANTED_AT_LEAST):
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft != resource.RLIM_INFINITY and soft < most:
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
                return


def file_limit() -> int:
    """How many files this process may open; 0 without a limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 0 if soft == resource.RLIM_INFINITY else soft


def shortage_of(error: BaseException | None) -> Shortage:
    """What this side ran out of when a connection failed with that system error."""
    return _SHORTAGES.get(error.errno or 0, Shortage.NONE) if isinstance(error, OSError) else Shortage.NONE


class ShortageCounter:
    """Counts the attempts to connect that failed because this side ran out of files, ports or memory."""

    __slots__ = ("kind", "times")

    def __init__(self) -> None:
        self.kind = Shortage.NONE
        self.times = 0

    def note(self, error: BaseException | None) -> bool:
        """Count a failed attempt; return whether the system error means such a shortage."""
        kind = shortage_of(error)
        if kind:
            self.kind = kind
            self.times += 1
        return bool(kind)
