"""Checks that the service's instances fit on the cloud's hosts before any is launched."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from server.frontend.deployment import Deployment, live_fleets
from vmhost.api.client import CloudClient
from vmhost.api.views import HostView, Snapshot, TypesView, TypeView
from vmhost.base.errors import InvalidInput, NoCapacity

_OVERCOMMIT_MAX = 64
_SLACK = 1e-6


async def check_capacity(client: CloudClient, wanted: Deployment) -> None:
    """Raises InvalidInput for a type that does not exist, NoCapacity if not all instances fit.

    A service that already has fleets is not refused, because its instances hold the capacity that they need."""
    if await live_fleets(client, wanted.service):
        return
    types, snapshot = await client.types(), await client.status()
    kind = next((each for each in types.types if each.name == wanted.type_name), None)
    if kind is None:
        raise InvalidInput(unknown_type(wanted.type_name, [each.name for each in types.types]))
    if message := shortage(wanted, kind, types, snapshot):
        raise NoCapacity(message)


def unknown_type(name: str, known: Sequence[str]) -> str:
    """The error message for an instance type that does not exist. Pure."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    families = ", ".join(sorted({each.partition(".")[0] for each in known}))
    hint = f"did you mean {near[0]}?" if near else f"the families here are {families}"
    return f"instance type {name} does not exist; {hint}"


def shortage(wanted: Deployment, kind: TypeView, types: TypesView, snapshot: Snapshot) -> str:
    """The error message if not all instances fit, with ways out; empty if they fit. Pure."""
    count = wanted.shards * wanted.replicas
    free = sum(each.fits for each in kind.rooms)
    if count <= free:
        return ""
    fit = free - free % wanted.shards
    message = f"{count} {kind.name} {'instance does' if count == 1 else 'instances do'} not fit here"
    if fit:
        remedies = [f"start {fit}"]
        message += f"; {fit} fit"
    else:
        remedies = _smaller(count, types)
        why = next((each.why for each in kind.rooms if each.why), "")
        message += f": {why}" if why else ""
    factor = _overcommit(count, kind, snapshot)
    if factor is not None:
        remedies.append(f"use --overcommit {factor} for {count} (in compose: GLASSCLOUD_OVERCOMMIT={factor})")
    return f"{message}. To continue: {', or '.join(remedies)}" if remedies else message


def _smaller(count: int, types: TypesView) -> list[str]:
    """Names the largest type of which `count` instances fit."""
    fitting = [each for each in types.types if sum(room.fits for room in each.rooms) >= count]
    if not fitting:
        return []
    best = max(fitting, key=lambda each: (each.limits.cpu_guaranteed_cores, each.memory_mib))
    return [f"choose a smaller type, at most {best.name}"]


def _overcommit(count: int, kind: TypeView, snapshot: Snapshot) -> int | None:
    """The smallest whole overcommit factor with which all instances fit, or None."""
    for factor in range(2, _OVERCOMMIT_MAX + 1):
        more = factor / snapshot.overcommit
        if more > 1 and sum(_fit(host, kind, more) for host in snapshot.hosts) >= count:
            return factor
    return None


def _fit(host: HostView, kind: TypeView, more: float) -> int:
    """How many instances would fit on a host whose capacity is `more` times as large."""
    cores = (host.cpu_cores * more - host.cpu_used + _SLACK) / kind.limits.cpu_guaranteed_cores
    memory = (host.memory_mib * more - host.memory_used_mib) / kind.memory_mib
    return max(0, int(min(cores, memory)))
