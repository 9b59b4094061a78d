"""Finds out where this program runs: on the engine's computer, in one of its containers, or elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import psutil

from vmhost.base.errors import NotFound
from vmhost.drivers.container.engine import Engine

_CONTAINER_FILE = re.compile(r"/containers/([0-9a-f]{64})/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where this program runs, and what it sees from there."""

    container_id: str = ""
    """The container of the engine that this program runs in; empty if it runs in none."""
    sees_processes: bool = False
    """Whether the engine's process ids are valid here."""


async def locate(engine: Engine, bridge: str, proc: Path = Path("/proc")) -> Location | None:
    """Return where this program runs; None when it cannot reach guests on the bridge.

    On the engine's computer the bridge is an interface; in a container this program must join the network."""
    own = await own_container(engine, proc)
    if own is None:
        here = Path("/sys/class/net", bridge).exists()
        return Location(sees_processes=True) if here else None
    container_id, pid = own
    return Location(container_id=container_id, sees_processes=pid in _own_and_ancestors())


async def own_container(engine: Engine, proc: Path = Path("/proc")) -> tuple[str, int] | None:
    """Return the container of the engine that this program runs in, and its first process; None if in none."""
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


def _own_and_ancestors() -> tuple[int, ...]:
    """Return the ids of this process and of its ancestors, as far as they are visible."""
    own = psutil.Process()
    return (own.pid, *(process.pid for process in own.parents()))
