"""Deploys the service's instances: for each shard a launch template, and a fleet that keeps its replicas running.

Idempotent: existing fleets are found by their tags and kept; a fleet whose template would now differ is replaced.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from server.api.service_tags import SERVICE_TAG, SHARD_TAG
from vmhost.api.client import CloudClient
from vmhost.api.views import FleetView
from vmhost.base.ids import Ids
from vmhost.base.logs import get_logger

TEMPLATE_TAG = "search:template"
_LIVE = frozenset({"submitted", "active", "modifying"})
_log = get_logger("deployment")


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
        return json.dumps(data, sort_keys=True).encode()

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
