"""How many files and ports this process may use for connections, and which of them ran out."""

from __future__ import annotations

import contextlib
import errno
import resource

from client.load.generator_limits import Shortage

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
