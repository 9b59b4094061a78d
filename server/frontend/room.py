"""Whether the service's instances fit on the cloud's hosts, asked before any is launched. `refusal` is pure."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from server.frontend.deploy import Deployment, live_fleets
from vmhost.api.client import CloudClient
from vmhost.api.views import HostView, Snapshot, TypesView, TypeView
from vmhost.base.errors import InvalidInput, NoCapacity

_OVERCOMMIT_MAX = 64
_SLACK = 1e-6


async def must_fit(client: CloudClient, wanted: Deployment) -> None:
    """Raises InvalidInput for a type that does not exist, NoCapacity where not all instances fit.

    A service that has fleets already is not refused: its instances hold the room that they need."""
    if await live_fleets(client, wanted.service):
        return
    types, snapshot = await client.types(), await client.status()
    kind = next((each for each in types.types if each.name == wanted.type_name), None)
    if kind is None:
        raise InvalidInput(unknown_type(wanted.type_name, [each.name for each in types.types]))
    if reason := refusal(wanted, kind, types, snapshot):
        raise NoCapacity(reason)


def unknown_type(name: str, known: Sequence[str]) -> str:
    """The sentence for an instance type that does not exist."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    families = ", ".join(sorted({each.partition(".")[0] for each in known}))
    hint = f"did you mean {near[0]}?" if near else f"the families here are {families}"
    return f"instance type {name} does not exist; {hint}"


def refusal(wanted: Deployment, kind: TypeView, types: TypesView, snapshot: Snapshot) -> str:
    """Why not all instances fit, and what would; empty where they fit."""
    count = wanted.shards * wanted.replicas
    room = sum(each.fits for each in kind.rooms)
    if count <= room:
        return ""
    fit = room - room % wanted.shards
    what = f"{count} {kind.name} {'instance does' if count == 1 else 'instances do'} not fit here"
    if fit:
        remedies = [f"start {fit}"]
        what += f"; {fit} fit"
    else:
        remedies = _smaller(count, types)
        why = next((each.why for each in kind.rooms if each.why), "")
        what += f": {why}" if why else ""
    factor = _overcommit(count, kind, snapshot)
    if factor is not None:
        remedies.append(f"use --overcommit {factor} for {count} (in compose: GLASSCLOUD_OVERCOMMIT={factor})")
    return f"{what}. To go on: {', or '.join(remedies)}" if remedies else what


def _smaller(count: int, types: TypesView) -> list[str]:
    """The largest type of which so many fit."""
    fitting = [each for each in types.types if sum(room.fits for room in each.rooms) >= count]
    if not fitting:
        return []
    best = max(fitting, key=lambda each: (each.limits.cpu_guaranteed_cores, each.memory_mib))
    return [f"take a smaller type, at most {best.name}"]


def _overcommit(count: int, kind: TypeView, snapshot: Snapshot) -> int | None:
    """The smallest whole factor with which they would fit; None where none helps."""
    for factor in range(2, _OVERCOMMIT_MAX + 1):
        more = factor / snapshot.overcommit
        if more > 1 and sum(_fit(host, kind, more) for host in snapshot.hosts) >= count:
            return factor
    return None


def _fit(host: HostView, kind: TypeView, more: float) -> int:
    """How many would fit on a host whose room is `more` times as large."""
    cores = (host.cpu_cores * more - host.cpu_used + _SLACK) / kind.limits.cpu_guaranteed_cores
    memory = (host.memory_mib * more - host.memory_used_mib) / kind.memory_mib
    return max(0, int(min(cores, memory)))
