"""Deploys the service's instances: for each shard a launch template, and a fleet that keeps its replicas running.

Idempotent: existing fleets are found by their tags and kept; a fleet whose template would now differ is replaced. The
capacity of the cloud's hosts is checked before the first deployment."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from server.api import SERVICE_TAG, SHARD_TAG
from vmhost.api.client import CloudClient
from vmhost.api.views import FleetView, HostView, Snapshot, TypesView, TypeView
from vmhost.base.errors import InvalidInput, NoCapacity
from vmhost.base.ids import Ids
from vmhost.base.logs import get_logger

TEMPLATE_TAG = "search:template"
_LIVE = frozenset({"submitted", "active", "modifying"})
_log = get_logger("deployment")
_OVERCOMMIT_MAX = 64
_SLACK = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The service as it should run."""

    service: str
    shards: int
    replicas: int
    image_id: str
    type_name: str
    index: str | None = None
    """The leaves' index folder; None: the one in their image."""

    def user_data(self, shard: int) -> bytes:
        """The user data of the shard's leaves: which shard they serve."""
        data = {"shard": shard, "shards": self.shards} | ({"index": self.index} if self.index else {})
        # Not msgspec, which writes no spaces: the name of a template is a hash of these bytes, and another name would
        # replace every instance when the cloud is next opened.
        return json.dumps(data, sort_keys=True).encode()  # noqa: TID251

    def tags(self, shard: int) -> dict[str, str]:
        """The tags of the shard's instances, fleet and launch template."""
        return {SERVICE_TAG: self.service, SHARD_TAG: str(shard)}

    def template_name(self, shard: int) -> str:
        """A name that changes whenever the template's content does."""
        content = "\n".join([self.image_id, self.type_name, self.user_data(shard).decode()])
        return f"{self.service}-shard-{shard}-of-{self.shards}-{hashlib.sha256(content.encode()).hexdigest()[:10]}"


async def live_fleets(client: CloudClient, service: str) -> list[FleetView]:
    """The service's fleets that are not deleted."""
    fleets = await client.describe_fleets()
    return [each for each in fleets if each.state in _LIVE and each.tags.get(SERVICE_TAG) == service]


async def deploy(client: CloudClient, wanted: Deployment, ids: Ids) -> None:
    """Create what is missing, adjust what differs and remove what is no longer wanted. Raises CloudErrors."""
    fleets = await live_fleets(client, wanted.service)
    keep: dict[int, FleetView] = {}
    for shard in range(wanted.shards):
        for fleet in fleets:
            if shard not in keep and fleet.tags.get(TEMPLATE_TAG) == wanted.template_name(shard):
                keep[shard] = fleet
    kept = {fleet.id for fleet in keep.values()}
    outdated = [fleet.id for fleet in fleets if fleet.id not in kept]
    if outdated:
        _log.info("fleets_replaced", fleets=outdated)
        await client.delete_fleets(outdated)
    for shard in range(wanted.shards):
        await _deploy_shard(client, wanted, shard, keep.get(shard), ids)
    await _delete_unused_templates(client, wanted)


async def _deploy_shard(client: CloudClient, wanted: Deployment, shard: int, fleet: FleetView | None, ids: Ids) -> None:
    if fleet is not None:
        if fleet.target != wanted.replicas:
            await client.modify_fleet(fleet.id, target=wanted.replicas)
        return
    name, tags = wanted.template_name(shard), wanted.tags(shard)
    found = await client.describe_launch_templates({"launch-template-name": [name]})
    template = (
        found[0]
        if found
        else await client.create_launch_template(
            name,
            image_id=wanted.image_id,
            type_name=wanted.type_name,
            user_data=wanted.user_data(shard),
            instance_tags={**tags, "Name": f"{wanted.service} shard {shard}"},
            tags=tags,
        )
    )
    fleet_id = await client.create_fleet(
        template_id=template.id,
        target=wanted.replicas,
        tags={**tags, TEMPLATE_TAG: name},
        client_token=ids.new("search"),
        replace_unhealthy=True,
    )
    _log.info("fleet_created", fleet=fleet_id, shard=shard, replicas=wanted.replicas)


async def _delete_unused_templates(client: CloudClient, wanted: Deployment) -> None:
    """Deletes the service's launch templates that none of its fleets uses."""
    names = {wanted.template_name(shard) for shard in range(wanted.shards)}
    for template in await client.describe_launch_templates({f"tag:{SERVICE_TAG}": [wanted.service]}):
        if template.name not in names:
            await client.delete_launch_template(template.id)


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
