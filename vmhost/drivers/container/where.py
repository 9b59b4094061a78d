"""Where this program stands to the engine: on its machine, in one of its containers, or elsewhere."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from vmhost.base.errors import NotFound
from vmhost.drivers.container.engine import Engine

_CONTAINER_FILE = re.compile(r"/containers/([0-9a-f]{64})/")
_ANCESTORS_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What can be done from here."""

    container_id: str = ""
    """The engine's container that this program runs in; empty when it runs in none of its."""
    sees_processes: bool = False
    """Whether a process id that the engine tells names the same process here."""


async def standing(engine: Engine, bridge: str, proc: Path = Path("/proc")) -> Standing | None:
    """How this program can reach guests on the bridge; None when it cannot.

    On the engine's machine the bridge is an interface of ours; in a container we must join the network."""
    own = await own_container(engine, proc)
    if own is None:
        here = Path("/sys/class/net", bridge).exists()
        return Standing(sees_processes=True) if here else None
    container_id, pid = own
    return Standing(container_id=container_id, sees_processes=pid in _ancestors(os.getpid(), proc))


async def own_container(engine: Engine, proc: Path = Path("/proc")) -> tuple[str, int] | None:
    """The engine's container that this program runs in, and its first process; None when it runs in none of its."""
    try:
        found = _CONTAINER_FILE.search((proc / "self/mountinfo").read_text())
    except OSError:
        return None
    if found is None:
        return None
    try:
        container = await engine.inspect(found[1])
    except NotFound:
        return None
    return container.id, container.pid


def _ancestors(pid: int, proc: Path) -> set[int]:
    """The process and those that started it, as far as they can be seen."""
    family: set[int] = set()
    while pid > 0 and len(family) < _ANCESTORS_MAX:
        family.add(pid)
        try:
            pid = int((proc / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            break
    return family
