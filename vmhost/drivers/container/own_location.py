"""Finds out where this program runs (on the engine's computer, in one of its containers, or elsewhere), and whether it
can work there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import psutil

from vmhost.base.errors import Conflict, NotFound, Unavailable
from vmhost.drivers.container import labels
from vmhost.drivers.container.engine import Engine
from vmhost.drivers.container.engine_responses import EngineInfo
from vmhost.drivers.container.network import InstanceNetwork

_CONTAINER_FILE = re.compile(r"/containers/([0-9a-f]{64})/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where this program runs, and what it sees from there."""

    container_id: str = ""
    """The container of the engine that this program runs in; empty if it runs in none."""
    sees_processes: bool = False
    """Whether the engine's process ids are valid here."""


async def check_alone(engine: Engine, cloud: str) -> None:
    """Raise Conflict while another platform of this cloud runs in a container: we would remove its guests."""
    own = await own_container(engine)
    for other in await engine.find(f"{labels.JOIN}={cloud}", f"{labels.ROLE}={labels.PLATFORM}"):
        if other.running and (own is None or other.id != own[0]):
            raise Conflict(
                f"cloud {cloud} is up in container {other.name}; stop that one (docker compose down), "
                "or choose another name with --cloud"
            )


async def locate(engine: Engine, network: InstanceNetwork, info: EngineInfo, cloud: str) -> Location:
    """Return where this program runs. Raises Unavailable when it cannot reach guests on the network from there."""
    here = await _find(engine, network.bridge)
    if here is None:
        why = info.elsewhere or f"the networks of {info.operating_system or 'the engine'} are not on this computer"
        raise Unavailable(
            f"instances on the engine (from {engine.candidate.source}) cannot be reached from here: {why}; "
            "use docker compose up, or --driver process"
        )
    if here.container_id:
        own = await engine.inspect(here.container_id)
        if own.labels.get(labels.JOIN) != cloud:
            raise Unavailable(f"this container needs the label {labels.JOIN}={cloud} to reach instances")
    return here


async def _find(engine: Engine, bridge: str) -> Location | None:
    """Return where this program runs; None when it cannot reach guests on the bridge.

    On the engine's computer the bridge is an interface; in a container this program must join the network."""
    own = await own_container(engine)
    if own is None:
        here = Path("/sys/class/net", bridge).exists()
        return Location(sees_processes=True) if here else None
    container_id, pid = own
    return Location(container_id=container_id, sees_processes=pid in _own_and_ancestors())


async def own_container(engine: Engine) -> tuple[str, int] | None:
    """Return the container of the engine that this program runs in, and its first process; None if in none."""
    try:
        found = _CONTAINER_FILE.search(Path("/proc/self/mountinfo").read_text())
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
